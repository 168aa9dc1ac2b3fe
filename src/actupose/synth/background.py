"""Backgrounds: procedural rooms, landscapes, clutter, facades and noise, or crops of the user's photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from actupose.data.images import open_image
from actupose.errors import UserError
from actupose.synth.ground import Rows
from actupose.synth.look import BackgroundLook
from actupose.synth.look_background import PhotographLook, RoomLook
from actupose.synth.rotations import Array
from actupose.synth.streams import chance, choose, pick, uniform
from actupose.synth.textures import Picture, Rng, blend, dead_leaves, fractal, grid, random_colour

_UNREADABLE_SHARE = 0.05
_CACHED_PHOTOGRAPHS = 64


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
            with open_image(file) as image:
                if min(image.size) > 0:
                    return True
        except (OSError, UnidentifiedImageError, ValueError):
            pass
        self.problems.append(f"{file}: not a readable image")
        return False

    def _load(self, file: Path) -> Image.Image:
        if file not in self._cache:
            with open_image(file) as image:
                image.draft("RGB", (self._size * 2, self._size * 2))
                loaded = image.convert("RGB")
            loaded.thumbnail((self._size * 4, self._size * 4))
            if len(self._cache) >= _CACHED_PHOTOGRAPHS:
                self._cache.pop(next(iter(self._cache)))
            self._cache[file] = loaded
        return self._cache[file]

    def crop(self, rng: Rng, look: PhotographLook) -> Picture:
        """Draw a random square crop, at times mirrored or with mixed colour channels.

        Raises:
            UserError: The drawn file breaks off while it is decoded.
        """
        file = pick(rng, self._files)
        try:
            image = self._load(file)
        except (OSError, ValueError, SyntaxError) as error:
            raise UserError(f"backgrounds: {file} cannot be decoded ({error}); remove it") from error
        width, height = image.size
        side = uniform(rng, look.side) * min(width, height)
        left, upper = rng.uniform(0, width - side), rng.uniform(0, height - side)
        box = (left, upper, left + side, upper + side)
        cropped = image.resize((self._size, self._size), Image.Resampling.BILINEAR, box=box)
        picture = np.asarray(cropped, dtype=np.float32) / 255
        if chance(rng, look.mirrored):
            picture = picture[:, ::-1]
        if chance(rng, look.mixed):
            mixing = (np.eye(3) * (1 - look.mixing) + rng.dirichlet([1, 1, 1], 3) * look.mixing).astype(np.float32)
            picture = np.einsum("hwc,dc->hwd", picture, mixing)
        return np.ascontiguousarray(picture, dtype=np.float32)


def _fill_box(
    picture: Picture, rng: Rng, box: tuple[float, float, float, float], colour: Array, look: RoomLook
) -> None:
    """Fill a box (x, y, width, height in units of the side), plain or striped."""
    size = len(picture)
    x, y, width, height = box
    rows, columns = (
        slice(max(int(y * size), 0), int((y + height) * size)),
        slice(max(int(x * size), 0), int((x + width) * size)),
    )
    patch = picture[rows, columns]
    patch[...] = colour
    if chance(rng, look.striped) and patch.size:
        axis = 0 if chance(rng, 0.5) else 1
        phase = np.arange(patch.shape[axis], dtype=np.float32) / size * uniform(rng, look.stripes)
        stripes = (0.7 + 0.3 * (np.sin(phase) > 0)).astype(np.float32)
        patch *= stripes[:, None, None] if axis == 0 else stripes[None, :, None]


def room(rng: Rng, size: int, look: BackgroundLook, rows: Rows | None) -> Picture:
    """A wall, a floor and a few boxes."""
    row, column = grid(size)
    own = look.room
    edge = uniform(rng, own.edge) + rng.normal(0, own.slope_sd) * (column - 0.5)
    if rows is not None:
        edge = rows.wall + rows.slope * (column - 0.5)
    noise = fractal(rng, size, 2, decay=0.7)
    wall = blend(noise[..., 0] * 0.35 + 0.3 * column, random_colour(rng, look), random_colour(rng, look))
    ground = blend(noise[..., 1] * 0.5 + 0.5 * row, random_colour(rng, look), random_colour(rng, look))
    picture = np.where((row < edge)[..., None], wall, ground)
    for _ in range(int(rng.integers(*own.boxes))):
        x, y = uniform(rng, own.box_x), uniform(rng, own.box_y)
        width, height = uniform(rng, own.box_width), uniform(rng, own.box_height)
        if rows is not None:  # things hang on the wall or stand at its foot
            y = min(y, rows.wall - height)
        _fill_box(picture, rng, (x, y, width, height), random_colour(rng, look), own)
    return picture


def outdoor(rng: Rng, size: int, look: BackgroundLook, rows: Rows | None) -> Picture:
    """Sky, hills or trees, grass or sand."""
    row, column = grid(size)
    own = look.outdoor
    noise = fractal(rng, size, 4, base=2, decay=0.65)
    horizon: Array | float = uniform(rng, own.horizon)
    if rows is not None:
        horizon = np.asarray(rows.horizon + rows.slope * (column - 0.5), np.float32)
    top = np.array(own.sky_top) * uniform(rng, own.sky_gain)
    height = row / (horizon if rows is None else np.maximum(horizon, np.float32(0.05)))
    sky = blend(np.clip(height + 0.3 * noise[..., 0], 0, 1), top, np.array(own.sky_low))
    hills = row > horizon - 0.25 * noise[..., 1] * chance(rng, own.hills)
    near = blend(noise[..., 3] * 0.5 + 0.5 * fractal(rng, size, 1, base=24, decay=0.9)[..., 0], *_ground(rng, look))
    picture = np.where(hills[..., None], blend(noise[..., 2], np.array(own.hill_dark), np.array(own.hill_bright)), sky)
    return np.where((row > horizon)[..., None], near, picture)


def _ground(rng: Rng, look: BackgroundLook) -> tuple[Array, Array]:
    dark, bright = random_colour(rng, look), random_colour(rng, look)
    return dark * 0.45 + 0.02, (0.5 * bright + 0.5 * dark) * 0.85 + 0.08


def clutter(rng: Rng, size: int, look: BackgroundLook, _rows: Rows | None) -> Picture:
    """Many overlapping shapes in a few colours, unevenly lit: the statistics of a photograph of things."""
    own = look.clutter
    palette = np.stack([random_colour(rng, look) for _ in range(int(rng.integers(*own.colours)))])
    picture = dead_leaves(rng, size, palette, int(rng.integers(*own.shapes)), own)
    shade = fractal(rng, size, 1, base=2, decay=uniform(rng, own.light_decay))
    return picture * (0.55 + 0.75 * shade)


def facade(rng: Rng, size: int, look: BackgroundLook, rows: Rows | None) -> Picture:
    """A wall with rows of windows above a street."""
    row, column = grid(size)
    own = look.facade
    wall, glass, frame = (random_colour(rng, look) for _ in range(3))
    noise = fractal(rng, size, 1, decay=0.8)[..., 0]
    picture = blend(noise * 0.5, wall, wall * 0.4)
    pitch_x, pitch_y = rng.uniform(*own.pitch, 2)
    slant = rng.normal(0, own.slant_sd) * (column - 0.5)
    across, down = (column + rng.random()) / pitch_x % 1, ((row + slant) + rng.random()) / pitch_y % 1
    width, height = rng.uniform(*own.window, 2)
    border = uniform(rng, own.frame)
    picture = np.where(((across < width + border) & (down < height + border))[..., None], frame, picture)
    pane = (across > border) & (across < width) & (down > border) & (down < height)
    picture = np.where(pane[..., None], blend(noise, glass * 0.3, glass), picture)
    street = row + slant > uniform(rng, own.street)
    if rows is not None:
        street = row > rows.wall + rows.slope * (column - 0.5)
    return np.where(street[..., None], blend(noise, *_ground(rng, look)), picture)


def noise_field(rng: Rng, size: int, look: BackgroundLook, _rows: Rows | None) -> Picture:
    """Coloured noise, at times between two colours only."""
    field = fractal(rng, size, 3, base=2, decay=uniform(rng, look.noise.decay))
    if chance(rng, look.noise.two_colours):
        return blend(field[..., 0], random_colour(rng, look), random_colour(rng, look))
    return field


def studio(rng: Rng, size: int, look: BackgroundLook, _rows: Rows | None) -> Picture:
    """A paper backdrop of one colour, a little darker downwards and in the corners."""
    row, column = grid(size)
    colour = random_colour(rng, look)
    dark = uniform(rng, look.studio.fall) * row**2
    dark = dark + uniform(rng, look.studio.vignette) * ((row - 0.5) ** 2 + (column - 0.5) ** 2) * 2
    return blend(np.clip(dark, 0, 1), colour, colour * 0)


_KINDS = {
    "room": room,
    "outdoor": outdoor,
    "clutter": clutter,
    "facade": facade,
    "noise": noise_field,
    "studio": studio,
}


def draw_background(
    rng: Rng,
    size: int,
    look: BackgroundLook,
    photographs: Photographs | None = None,
    rows: Rows | None = None,
) -> Picture:
    """Draw a background.

    Args:
        rng: Random generator.
        size: Side in pixels.
        look: Its distributions.
        photographs: The user's photographs, if there are any.
        rows: Where the camera sees the ground, for backgrounds that shall agree with it.

    Returns:
        (size, size, 3) float32, sRGB, a fresh array; values may exceed 1.
    """
    if photographs is not None and len(photographs) and chance(rng, look.photographs):
        picture = photographs.crop(rng, look.photograph)
    else:
        picture = _KINDS[choose(rng, look.kind)](rng, size, look, rows)
    return np.ascontiguousarray(picture * np.float32(uniform(rng, look.gain)), dtype=np.float32)
