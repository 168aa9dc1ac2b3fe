"""Backgrounds: procedural rooms, landscapes, clutter, facades and noise, or crops of the user's photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from actupose.errors import UserError
from actupose.synth.look import BackgroundLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose, pick, uniform
from actupose.synth.textures import Picture, Rng, blend, dead_leaves, fractal, grid, random_colour

_UNREADABLE_SHARE = 0.05
_CACHED_PHOTOGRAPHS = 64
_SKY_TOP = np.array([0.35, 0.55, 0.9])
_SKY_LOW = np.array([0.85, 0.9, 0.97])
_HILL = np.array([0.08, 0.2, 0.06]), np.array([0.35, 0.45, 0.2])


class Photographs:
    """A pool of background photographs.

    Args:
        files: Image files in a fixed order.
        size: Side of the crops in pixels.

    Raises:
        UserError: More than 5 % of the files are not readable images.

    Attributes:
        problems: One line per file that could not be read.
    """

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self._size = size
        self._cache: dict[Path, Image.Image] = {}
        self.problems: list[str] = []
        self._files = [file for file in files if self._readable(file)]
        bad = len(files) - len(self._files)
        if files and bad > _UNREADABLE_SHARE * len(files):
            raise UserError(f"backgrounds: {bad} of {len(files)} files are unreadable, first {self.problems[0]}")

    def __len__(self) -> int:
        return len(self._files)

    def _readable(self, file: Path) -> bool:
        try:
            with Image.open(file) as image:
                if min(image.size) > 0:
                    return True
        except (OSError, UnidentifiedImageError, ValueError):
            pass
        self.problems.append(f"{file}: not a readable image")
        return False

    def _load(self, file: Path) -> Image.Image:
        if file not in self._cache:
            with Image.open(file) as image:
                image.draft("RGB", (self._size * 2, self._size * 2))
                loaded = image.convert("RGB")
            loaded.thumbnail((self._size * 4, self._size * 4))
            if len(self._cache) >= _CACHED_PHOTOGRAPHS:
                self._cache.pop(next(iter(self._cache)))
            self._cache[file] = loaded
        return self._cache[file]

    def crop(self, rng: Rng) -> Picture:
        """Draw a random square crop, flipped half of the time, sometimes with mixed colour channels.

        Raises:
            UserError: The drawn file breaks off while it is decoded.
        """
        file = pick(rng, self._files)
        try:
            image = self._load(file)
        except (OSError, ValueError, SyntaxError) as error:
            raise UserError(f"backgrounds: {file} cannot be decoded ({error}); remove it") from error
        width, height = image.size
        side = rng.uniform(0.45, 1.0) * min(width, height)
        left, upper = rng.uniform(0, width - side), rng.uniform(0, height - side)
        box = (left, upper, left + side, upper + side)
        cropped = image.resize((self._size, self._size), Image.Resampling.BILINEAR, box=box)
        picture = np.asarray(cropped, dtype=np.float32) / 255
        if chance(rng, 0.5):
            picture = picture[:, ::-1]
        if chance(rng, 0.3):
            mixing = (np.eye(3) * 0.6 + rng.dirichlet([1, 1, 1], 3) * 0.4).astype(np.float32)
            picture = np.einsum("hwc,dc->hwd", picture, mixing)
        return np.ascontiguousarray(picture, dtype=np.float32)


def _fill_box(picture: Picture, rng: Rng, box: tuple[float, float, float, float], colour: Array) -> None:
    """Fill a box (x, y, width, height in units of the side), plain or striped."""
    size = len(picture)
    x, y, width, height = box
    rows, columns = (
        slice(max(int(y * size), 0), int((y + height) * size)),
        slice(max(int(x * size), 0), int((x + width) * size)),
    )
    patch = picture[rows, columns]
    patch[...] = colour
    if chance(rng, 0.4) and patch.size:
        axis = 0 if chance(rng, 0.5) else 1
        phase = np.arange(patch.shape[axis], dtype=np.float32) / size * rng.uniform(30, 160)
        stripes = (0.7 + 0.3 * (np.sin(phase) > 0)).astype(np.float32)
        patch *= stripes[:, None, None] if axis == 0 else stripes[None, :, None]


def room(rng: Rng, size: int, look: BackgroundLook) -> Picture:
    """A wall, a floor and a few boxes."""
    row, column = grid(size)
    edge = rng.uniform(0.45, 0.85) + rng.normal(0, 0.1) * (column - 0.5)
    noise = fractal(rng, size, 2, decay=0.7)
    wall = blend(noise[..., 0] * 0.35 + 0.3 * column, random_colour(rng, look), random_colour(rng, look))
    ground = blend(noise[..., 1] * 0.5 + 0.5 * row, random_colour(rng, look), random_colour(rng, look))
    picture = np.where((row < edge)[..., None], wall, ground)
    for _ in range(int(rng.integers(1, 8))):
        box = (rng.uniform(-0.1, 0.9), rng.uniform(-0.1, 0.8), rng.uniform(0.05, 0.35), rng.uniform(0.05, 0.5))
        _fill_box(picture, rng, box, random_colour(rng, look))
    return picture


def outdoor(rng: Rng, size: int, look: BackgroundLook) -> Picture:
    """Sky, hills or trees, grass or sand."""
    row, _ = grid(size)
    noise = fractal(rng, size, 4, base=2, decay=0.65)
    horizon = rng.uniform(0.3, 0.7)
    sky = blend(np.clip(row / horizon + 0.3 * noise[..., 0], 0, 1), _SKY_TOP * rng.uniform(0.7, 1.1), _SKY_LOW)
    hills = row > horizon - 0.25 * noise[..., 1] * chance(rng, 0.7)
    near = blend(noise[..., 3] * 0.5 + 0.5 * fractal(rng, size, 1, base=24, decay=0.9)[..., 0], *_ground(rng, look))
    picture = np.where(hills[..., None], blend(noise[..., 2], *_HILL), sky)
    return np.where((row > horizon)[..., None], near, picture)


def _ground(rng: Rng, look: BackgroundLook) -> tuple[Array, Array]:
    dark, bright = random_colour(rng, look), random_colour(rng, look)
    return dark * 0.45 + 0.02, (0.5 * bright + 0.5 * dark) * 0.85 + 0.08


def clutter(rng: Rng, size: int, look: BackgroundLook) -> Picture:
    """Many overlapping shapes in a few colours, unevenly lit: the statistics of a photograph of things."""
    palette = np.stack([random_colour(rng, look) for _ in range(int(rng.integers(3, 7)))])
    picture = dead_leaves(rng, size, palette, int(rng.integers(30, 140)))
    shade = fractal(rng, size, 1, base=2, decay=rng.uniform(0.4, 0.8))
    return picture * (0.55 + 0.75 * shade)


def facade(rng: Rng, size: int, look: BackgroundLook) -> Picture:
    """A wall with rows of windows above a street."""
    row, column = grid(size)
    wall, glass, frame = (random_colour(rng, look) for _ in range(3))
    noise = fractal(rng, size, 1, decay=0.8)[..., 0]
    picture = blend(noise * 0.5, wall, wall * 0.4)
    pitch_x, pitch_y = rng.uniform(0.1, 0.3, 2)
    slant = rng.normal(0, 0.12) * (column - 0.5)
    across, down = (column + rng.random()) / pitch_x % 1, ((row + slant) + rng.random()) / pitch_y % 1
    width, height = rng.uniform(0.3, 0.75, 2)
    border = rng.uniform(0.02, 0.08)
    picture = np.where(((across < width + border) & (down < height + border))[..., None], frame, picture)
    pane = (across > border) & (across < width) & (down > border) & (down < height)
    picture = np.where(pane[..., None], blend(noise, glass * 0.3, glass), picture)
    street = row + slant > rng.uniform(0.65, 0.9)
    return np.where(street[..., None], blend(noise, *_ground(rng, look)), picture)


def noise_field(rng: Rng, size: int, look: BackgroundLook) -> Picture:
    """Coloured noise; every third time between two colours only."""
    field = fractal(rng, size, 3, base=2, decay=rng.uniform(0.5, 0.9))
    if chance(rng, 0.35):
        return blend(field[..., 0], random_colour(rng, look), random_colour(rng, look))
    return field


_KINDS = {"room": room, "outdoor": outdoor, "clutter": clutter, "facade": facade, "noise": noise_field}


def draw_background(rng: Rng, size: int, look: BackgroundLook, photographs: Photographs | None = None) -> Picture:
    """Draw a background.

    Args:
        rng: Random generator.
        size: Side in pixels.
        look: Its distributions.
        photographs: The user's photographs, if there are any.

    Returns:
        (size, size, 3) float32, sRGB, a fresh array; values may exceed 1.
    """
    if photographs is not None and len(photographs) and chance(rng, look.photographs):
        picture = photographs.crop(rng)
    else:
        picture = _KINDS[choose(rng, look.kind)](rng, size, look)
    return np.ascontiguousarray(picture * np.float32(uniform(rng, look.gain)), dtype=np.float32)
