from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from actupose.errors import UserError
from actupose.synth.appearance import Appearance, draw_appearance
from actupose.synth.background import Photographs, draw_background
from actupose.synth.body import BodyModel
from actupose.synth.config import SynthConfig
from actupose.synth.generator import Generator
from actupose.synth.layers import NOTHING, OTHER, Layer, Region, Samples, composite, merge
from actupose.synth.look import BACKGROUND_KINDS, BackgroundLook, Look, OccluderLook, SensorLook
from actupose.synth.look_background import PhotographLook
from actupose.synth.materials import thickness
from actupose.synth.occluders import draw_occluder
from actupose.synth.painting import Wearers, waves
from actupose.synth.sensor import encode, expose
from actupose.synth.shading import ShadowMaps
from actupose.synth.textures import fractal

STILL = SensorLook(
    blur={0.0: 1.0}, exposure=(1, 1), cast_sd=0.0, gamma=(1, 1), noise={0.0: 1.0}, vignette=(0, 0), jpeg={95: 1.0}
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", BACKGROUND_KINDS)
def test_backgrounds_are_pictures_and_repeat(kind: str) -> None:
    look = BackgroundLook(kind={kind: 1.0})
    first, again, other = (draw_background(rng(seed), 64, look) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01
    assert first.std() > 0.01


def test_fractal_spans_its_range_and_neighbours_resemble() -> None:
    field = fractal(rng(), 96, 2)
    assert field.shape == (96, 96, 2)
    assert field.min() >= 0
    assert field.max() <= 1 + 1e-6
    assert np.abs(np.diff(field, axis=0)).mean() < 0.3 * field.std()


def folder_with(tmp_path: Path, colours: list[tuple[int, int, int]]) -> Path:
    for k, colour in enumerate(colours):
        Image.new("RGB", (80, 60), colour).save(tmp_path / f"{k:02d}.png")
    return tmp_path


def test_photographs_become_backgrounds(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [(0, 255, 0)])
    look = BackgroundLook(photographs=1.0, gain=(1.0, 1.0))
    pool = Photographs(SynthConfig(backgrounds=str(folder)).background_files(), 32)
    pictures = [draw_background(rng(seed), 32, look, pool) for seed in range(8)]
    assert all((p.reshape(-1, 3).std(0) < 1e-3).all() for p in pictures)
    assert sum(np.allclose(p[0, 0], [0, 1, 0]) for p in pictures) >= 3  # the others had their channels mixed
    config = SynthConfig(size=64, backgrounds=str(folder))
    assert Generator(config, 1).render(0).image != Generator(SynthConfig(size=64), 1).render(0).image


def test_a_bad_background_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a folder"):
        Generator(SynthConfig(backgrounds=str(tmp_path / "none")))
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match="no image files"):
        Generator(SynthConfig(backgrounds=str(tmp_path)))
    (tmp_path / "fake.jpg").write_text("no image either")
    with pytest.raises(UserError, match=r"1 of 1 files.*fake\.jpg"):
        Generator(SynthConfig(backgrounds=str(tmp_path)))


def test_few_unreadable_photographs_are_skipped_and_listed(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, [(9, 9, k) for k in range(30)])
    (folder / "broken.png").write_text("no image")
    pool = Photographs(SynthConfig(backgrounds=str(folder)).background_files(), 32)
    assert len(pool) == 30
    assert len(pool.problems) == 1
    assert "broken.png" in pool.problems[0]


def test_a_photograph_that_breaks_off_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(rng().integers(0, 255, (90, 90, 3), dtype=np.uint8)).save(buffer, "PNG")
    (tmp_path / "half.png").write_bytes(buffer.getvalue()[:4000])
    pool = Photographs([tmp_path / "half.png"], 32)
    with pytest.raises(UserError, match=r"half\.png"):
        pool.crop(rng(), PhotographLook())


def test_occluders_follow_their_probability_and_cover_the_person() -> None:
    drawn = [
        draw_occluder(rng(seed), 64, (10, 10, 50, 60), OccluderLook(probability=0.3), BackgroundLook(), None)
        for seed in range(200)
    ]
    present = [occluder for occluder in drawn if occluder is not None]
    assert len(present) / 200 == pytest.approx(0.3, abs=0.1)
    assert all(0 < occluder.mask.mean() < 0.6 for occluder in present)


def test_a_still_sensor_changes_nothing() -> None:
    picture = rng().random((32, 32, 3), dtype=np.float32)
    assert np.array_equal(expose(rng(1), picture, STILL), (picture * 255 + 0.5).astype(np.uint8))


def test_blur_equals_scipy() -> None:
    picture = rng().random((256, 256, 3), dtype=np.float32)
    look = SensorLook(**{**STILL.__dict__, "blur": {1.4: 1.0}})
    expected = gaussian_filter(picture, (1.4, 1.4, 0), mode="nearest", truncate=3.6)
    assert np.abs(expose(rng(1), picture, look).astype(float) / 255 - expected).max() < 0.01


def test_noise_gamma_vignette_haze_and_saturation() -> None:
    grey = np.full((64, 64, 3), 0.5, np.float32)
    noisy = expose(rng(1), grey, SensorLook(**{**STILL.__dict__, "noise": {0.05: 1.0}})) / 255
    assert noisy.std() == pytest.approx(0.05, rel=0.05)
    dark = expose(rng(1), grey, SensorLook(**{**STILL.__dict__, "gamma": (2, 2)})) / 255
    assert dark.mean() == pytest.approx(0.25, abs=0.003)
    round_ = expose(rng(1), grey, SensorLook(**{**STILL.__dict__, "vignette": (0.5, 0.5)})) / 255
    assert round_[32, 32].mean() == pytest.approx(0.5, abs=0.01)
    assert round_[0, 0].mean() == pytest.approx(0.25, abs=0.01)
    hazy = SensorLook(**{**STILL.__dict__, "haze": (0.75, 0.75), "veil": (1.0, 0.8, 0.6)})
    assert expose(rng(1), grey, hazy)[0, 0] / 255 == pytest.approx([0.875, 0.725, 0.575], abs=0.003)
    colour = np.tile(np.array([0.8, 0.4, 0.0], np.float32), (8, 8, 1))
    grey_out = expose(rng(1), colour, SensorLook(**{**STILL.__dict__, "saturation": (0.5, 0.5)}))[0, 0] / 255
    assert grey_out == pytest.approx([0.6, 0.4, 0.2], abs=0.003)


def test_jpeg_quality_is_drawn() -> None:
    pixels = rng().integers(0, 255, (64, 64, 3), dtype=np.uint8)
    sizes = [len(encode(rng(0), pixels, SensorLook(jpeg={q: 1.0}))) for q in (95, 30)]
    assert sizes[0] > 2 * sizes[1]


def test_composite_mixes_in_linear_light() -> None:
    layer = Layer(
        left=1,
        upper=2,
        colour=torch.full((2, 2, 3), 0.25),
        alpha=torch.tensor([[1.0, 0.5], [0.0, 0.0]]),
        bone=torch.zeros(2, 2),
        depth=torch.zeros(2, 2),
        own=Region(1, 2, 2, 2),
        own_alpha=torch.zeros(2, 2),
    )
    layer.colour[1] = 0
    background = np.full((5, 5, 3), 0.6, np.float32)
    picture = composite(layer, background.copy())
    assert picture[2, 1, 0] == pytest.approx(0.25 ** (1 / 2.2), abs=1e-5)
    assert picture[2, 2, 0] == pytest.approx((0.25 + 0.5 * 0.6**2.2) ** (1 / 2.2), abs=1e-5)
    untouched = np.ones((5, 5), bool)
    untouched[2, 1:3] = False
    assert (picture[untouched] == np.float32(0.6)).all()


def samples(region: Region, pixels: dict[tuple[int, int], tuple[float, float, int]]) -> Samples:
    """(row, column) in the region's grid -> (grey, depth, bone), two samples a pixel and axis."""
    place = torch.tensor([row * region.width * 2 + column for row, column in pixels])
    grey, depth, bone = (torch.tensor(values) for values in zip(*pixels.values(), strict=True))
    return Samples(region, place, grey[:, None].repeat(1, 3), bone, depth)


def test_the_nearest_person_shows_in_every_sample() -> None:
    """By hand: two people whose regions overlap by one pixel; the other one is in front in half of that pixel."""
    person = samples(Region(2, 1, 1, 1), {(r, c): (1.0, 2.0, 5) for r in range(2) for c in range(2)})
    other = samples(
        Region(1, 1, 2, 1), {(0, 2): (0.2, 1.0, 7), (1, 2): (0.2, 1.0, 7), (0, 3): (0.2, 3.0, 7), (0, 0): (0.4, 9.0, 7)}
    )
    layer = merge(person, [other], 2)
    assert (layer.left, layer.upper) == (1, 1)
    assert layer.own == Region(2, 1, 1, 1)
    assert layer.bone.tolist() == [[OTHER, NOTHING, OTHER, 5], [NOTHING, NOTHING, OTHER, 5]]
    assert layer.depth[0].tolist() == [9.0, math.inf, 1.0, 2.0]
    assert layer.alpha.tolist() == [[0.25, 1.0]]
    assert layer.own_alpha.tolist() == [[0.0, 1.0]]
    assert layer.colour[0, :, 0].tolist() == pytest.approx([0.1, 0.6])
    alone = merge(person, [], 2)
    assert alone.own_alpha.tolist() == alone.alpha.tolist() == [[1.0]]


def test_shadow_falls_behind_a_plate() -> None:
    plate = np.array([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    floor = plate * [3, 3, 0]
    vertices = torch.from_numpy(np.concatenate([plate, floor])).float()
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    beside = vertices + torch.tensor([9.0, 0, 0]) * (torch.arange(8) < 4)[:, None]  # a plate that shades nothing
    shadow = ShadowMaps(torch.stack([vertices, beside], 1), faces, [np.array([0.0, 0.0, 1.0])] * 2)
    for person, expected in ((0, [0.0, 1.0, 1.0]), (1, [1.0, 1.0, 1.0])):
        points = shadow.points[:, person]
        centre = points[4:].mean(0, keepdim=True)
        corner = points[4:5] * 0.9 + centre * 0.1
        top = points[:4].mean(0, keepdim=True)
        owner = torch.full((3,), person)
        assert shadow.lit(torch.cat([centre, corner, top]), owner, 0.012).tolist() == expected


def draw_person(seed: int, archetype: str = "stand") -> Appearance:
    return draw_appearance(rng(seed), Look(), archetype, 3000)


def test_clothes_stand_off_the_skin_but_hands_do_not(model: BodyModel) -> None:
    person = draw_person(3)
    attributes = model.mesh.attributes
    noise, bump = waves(attributes[:, :3], person.waves[None])
    offset = thickness(attributes[..., None], noise, Wearers([person], torch.device("cpu")))[:, 0]
    assert bump.shape == (len(attributes), 1, 3)
    assert float(offset.min()) >= 0
    assert float(offset.max()) < 0.06
    fingers = (attributes[:, 6] > 0.9) & (attributes[:, 3] > 2.2)
    assert float(offset[fingers].max()) < 1e-6
    chest = (attributes[:, 2] - 0.3).abs() < 0.05
    assert float(offset[chest].mean()) > 0.001


def test_people_differ_and_dress_for_the_occasion() -> None:
    people = [draw_person(seed) for seed in range(200)]
    acrobats = [draw_person(seed, "handstand") for seed in range(200)]
    assert len({person.person for person in people}) > 150
    assert np.std([person.skin.mean() for person in people]) > 0.1
    barefoot = [np.mean([person.shoe is None for person in group]) for group in (people, acrobats)]
    assert barefoot[1] > barefoot[0] + 0.15
    assert all(0 <= person.top.phase <= 2 * math.pi for person in people)
