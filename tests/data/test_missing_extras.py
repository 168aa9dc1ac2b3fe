"""A format or place whose package is not installed: one line that says what to install."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from actupose.cli import main
from data.fakes.deeplabcut import write_deeplabcut


def video(root: Path) -> None:
    root.mkdir()
    (root / "clip.mp4").write_bytes(b"not opened: the package is looked for first")


def deeplabcut(root: Path) -> None:
    write_deeplabcut(root, kind="h5")


def sleap(root: Path) -> None:
    root.mkdir()
    (root / "labels.slp").write_bytes(b"not opened either")


@pytest.mark.parametrize(
    ("reader", "module", "make", "extra"),
    [
        ("video", "av", video, "video"),
        ("deeplabcut", "h5py", deeplabcut, "dlc"),
        ("sleap", "sleap_io", sleap, "sleap"),
    ],
)
def test_a_format(
    reader: str,
    module: str,
    make: object,
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert callable(make)
    make(tmp_path / "raw")
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["prepare", reader, str(tmp_path / "raw"), str(tmp_path / "out"), "--workers", "0"]) == 2
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "pip install" in text]
    assert str(tmp_path / "raw") in line
    assert f"pip install 'actupose[{extra}]'" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("url", "module"), [("s3://bucket/store", "s3fs"), ("gs://bucket/store", "gcsfs")])
def test_a_place(url: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(
        import_module("fsspec.registry")._registry, url.split(":")[0], raising=False
    )  # forget what is loaded
    assert main(["inspect", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f" {url}: " in line
    assert "pip install 'actupose[remote]'" in line
