"""A plain folder of images."""

from __future__ import annotations

from pathlib import Path

from data.fakes.pictures import picture


def write_folder(root: Path, count: int = 4) -> list[str]:
    """Images at two depths, with a text file and a hidden folder beside them."""
    names = [f"{'deep/er/' if i % 2 else ''}photo {i}.{'PNG' if i % 2 else 'jpeg'}" for i in range(count)]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(100 + 10 * i, 80, i).save(root / name)
    (root / "notes.txt").write_text("no image", encoding="utf-8")
    (root / ".cache").mkdir()
    picture(10, 10).save(root / ".cache" / "hidden.png")
    return sorted(names)
