"""What holds for every published format: options, owners, marks, odd images, absent images, and damaged files."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from actupose.data.crop import decode_image
from actupose.data.prepare import prepare
from actupose.data.readers import READERS, read, sniff
from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.skeletons import load_skeleton
from data.fakes import picture, write_coco, write_lsp, write_lspet
from data.fakes.h36m import write_h36m
from data.fakes.hands import write_freihand, write_h3d, write_rhd
from data.fakes.mpii import write_mpii, write_mpii_json
from data.fakes.surreal import write_surreal, write_surreal_crops


def write_both_mpii(root: Path) -> None:
    write_mpii(root)
    write_mpii_json(root)


WRITERS: dict[str, Callable[[Path], object]] = {
    "lspet": write_lspet,
    "lsp": write_lsp,
    "surreal": write_surreal,
    "surreal_crops": write_surreal_crops,
    "h36m": write_h36m,
    "mpii": write_both_mpii,
    "rhd": write_rhd,
    "h3d": write_h3d,
    "freihand": write_freihand,
    "coco": write_coco,
}
PUBLISHED = sorted(WRITERS)
WITH_IMAGES = [name for name in PUBLISHED if name != "surreal"]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny copy of every format."""
    root = tmp_path_factory.mktemp("copies")
    for name, writer in WRITERS.items():
        writer(root / name)
    return root


def test_no_format_is_forgotten() -> None:
    assert set(WRITERS) | {"folder"} <= set(READERS)
    assert {name for name, reader in READERS.items() if reader.owner} == set(WRITERS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_copy_is_recognised(copies: Path, name: str) -> None:
    assert sniff(copies / name) == name


@pytest.mark.parametrize("name", [n for n in PUBLISHED if READERS[n].splits])
def test_every_split_reads_and_its_names_are_its_own(copies: Path, name: str) -> None:
    everyone = {record.name for record in read(name, copies / name, "all").records}
    for split in READERS[name].splits:
        found = read(name, copies / name, split)
        names = [record.name for record in found.records]
        assert names
        assert len(set(names)) == len(names)
        assert (found.source, found.split, found.skeleton.name) == (name, split, READERS[name].skeleton)
        if (name, split) not in {("mpii", "published_train"), ("mpii", "published_val"), ("freihand", "evaluation")}:
            assert {n.split("~")[0] for n in names} <= everyone
    for part in ("train", "published_train"):
        other = part.replace("train", "test")
        if {part, other} <= set(READERS[name].splits):
            parts = [{r.name for r in read(name, copies / name, s).records} for s in (part, other)]
            assert not parts[0] & parts[1]


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_missing_and_who_offers_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"offered {READERS[name].owner[:20]}.*nothing is downloaded here") as caught:
        read(name, tmp_path / "gone", "all")
    assert str(tmp_path / "gone") in str(caught.value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_body16_or_hand21_model_reads_it(copies: Path, name: str) -> None:
    split = "all" if READERS[name].splits else "val2017"
    wanted = load_skeleton("hand21" if READERS[name].skeleton == "hand21" else "body16")
    found = read(name, copies / name, split, skeleton=wanted)
    assert found.skeleton == wanted
    assert any(r.labelled for r in found.records)


# -- images that are not plain RGB JPEGs


def grey_16(image: Image.Image) -> bytes:
    values = np.asarray(image.convert("L"), np.uint16) * 257
    return encoded(Image.fromarray(values), "PNG")


def turned(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, "JPEG", exif=exif, quality=95)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


ODD: dict[str, Callable[[Image.Image], bytes]] = {
    "16-bit grey": grey_16,
    "grey": lambda image: encoded(image.convert("L"), "JPEG", quality=95),
    "CMYK": lambda image: encoded(image.convert("CMYK"), "JPEG", quality=95),
    "palette": lambda image: encoded(image.convert("P"), "PNG"),
    "EXIF-rotated": turned,
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", WITH_IMAGES)
def test_odd_images(copies: Path, tmp_path: Path, name: str, kind: str) -> None:
    """The crop is that of the plain picture in its colours or in grey; the labels count pixels as stored."""
    root = tmp_path / name
    shutil.copytree(copies / name, root)
    split = "all" if READERS[name].splits else "val2017"
    plain = read(name, root, split)
    record = plain.records[0]
    assert isinstance(record.image, Path)
    with Image.open(record.image) as opened:
        image = opened.convert("RGB")
    wanted = encoded(image, "PNG")
    record.image.write_bytes(ODD[kind](image))
    few = type(plain)((record,), plain.skeleton, plain.source, root, split)
    assert prepare(few, tmp_path / "odd", size=48).problems == []
    record.image.write_bytes(wanted)
    prepare(few, tmp_path / "plain", size=48)
    rows = [open_store(tmp_path / s).rows[0] for s in ("odd", "plain")]
    assert rows[0]["keypoints"] == rows[1]["keypoints"]
    pixels = [np.asarray(decode_image(row["image"], name), float) for row in rows]
    if "grey" in kind:
        pixels[1] = np.asarray(Image.fromarray(pixels[1].astype(np.uint8)).convert("L"), float)[..., None]
    assert np.abs(pixels[0] - pixels[1]).mean() < 8


@pytest.mark.parametrize("name", WITH_IMAGES)
def test_broken_and_oversized_images_are_counted(
    copies: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / name
    shutil.copytree(copies / name, root)
    found = read(name, root, "all" if READERS[name].splits else "val2017")
    record = found.records[0]
    assert isinstance(record.image, Path)
    one = type(found)((record,), found.skeleton, found.source, root, found.split)
    whole = record.image.read_bytes()
    record.image.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UserError, match=rf"1 of 1 items are unusable.*first: {record.name}: (cannot be|is no image)"):
        prepare(one, tmp_path / "broken")
    picture(640, 640).save(record.image, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 640 * 640 - 1)
    with pytest.raises(UserError, match=rf"first: {record.name}: has more than 409599 pixels"):
        prepare(one, tmp_path / "bomb")


# -- damage anywhere in the files that a reader opens


@pytest.mark.parametrize("name", PUBLISHED)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_annotations_give_records_or_one_line(copies: Path, name: str, data: st.DataObject) -> None:
    """Cut anywhere, a byte changed anywhere: records, or an error that names a file of this dataset."""
    opened = [p for p in sorted((copies / name).rglob("*")) if p.suffix in (".json", ".mat", ".pickle")]
    path = data.draw(st.sampled_from(opened))
    whole = path.read_bytes()
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        path.write_bytes(bytes(damaged))
        for split in READERS[name].splits or ("val2017",):
            with suppress(UserError):  # anything else is a failure
                read(name, copies / name, split)
    finally:
        path.write_bytes(whole)
