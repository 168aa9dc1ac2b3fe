"""A picture of a few bytes cannot fill the memory, whichever door it comes through."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from actupose.data import crop, dataset
from actupose.data.crop import ItemError
from actupose.data.images import open_image
from actupose.deploy.inputs import find_pictures
from actupose.deploy.pictures import as_records
from actupose.errors import UserError
from actupose.synth import SynthConfig
from actupose.synth.background import Photographs
from data.fakes import picture


def bomb(side: int) -> bytes:
    """A PNG that says it has side x side pixels; what follows its head does not matter."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def background(file: Path) -> object:
    return Photographs(SynthConfig(backgrounds=str(file.parent)).background_files(), 32)


def predicted(file: Path) -> object:
    return crop.crop_record(find_pictures([file])[0].record(), 64)


def of_python(file: Path) -> object:
    return crop.crop_record(as_records([file])[0], 64)


DOORS: dict[str, Callable[[Path], object]] = {
    "a raw picture": lambda file: crop.decode_image(file, file.name),
    "a row of a store": lambda file: dataset.decode_image(file.read_bytes(), 64, file.name),
    "a background": background,
    "an input of predict": predicted,
    "a picture of the Python API": of_python,
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 40_000])  # Pillow itself only warns of the first
@pytest.mark.parametrize("door", DOORS)
def test_a_bomb_is_refused(door: str, side: int, tmp_path: Path) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(bomb(side))
    with pytest.raises((UserError, ItemError, OSError), match=r"pixels|unreadable"):
        DOORS[door](file)


def test_a_plain_picture_is_opened(tmp_path: Path) -> None:
    picture(20, 30).save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", (tmp_path / "a.png").read_bytes()):
        with open_image(source) as image:
            assert image.size == (20, 30)
