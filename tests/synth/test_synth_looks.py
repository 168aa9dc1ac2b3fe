from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from actupose.errors import UserError
from actupose.synth.config import SynthConfig
from actupose.synth.generator import Generator
from actupose.synth.look import LOOKS, Look, list_looks, load_look


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_the_shipped_looks_load_and_default_states_the_defaults() -> None:
    assert {"default", "target", "plain", "indoor", "outdoor", "street", "low-light"} == set(list_looks())
    assert load_look("default") == Look()
    assert load_look("target") != Look()


def test_the_default_file_shows_every_key_a_user_can_change() -> None:
    def keys(value: object, path: str = "") -> set[str]:
        named = value if isinstance(value, dict) and all(isinstance(k, str) for k in value) else {}
        return {path}.union(*(keys(inner, f"{path}.{name}") for name, inner in named.items()))

    written = yaml.safe_load((LOOKS / "default.yaml").read_text(encoding="utf-8"))
    assert keys(written) == keys(dataclasses.asdict(Look()))


@pytest.mark.parametrize("name", list_looks())
def test_every_look_renders(name: str) -> None:
    sample = Generator(SynthConfig(look=name, size=48), 1).render(0)
    assert sample.pixels().std() > 4


def test_the_looks_are_told_apart_by_simple_statistics() -> None:
    """What each look promises, measured in its pictures."""

    def measure(name: str) -> tuple[float, float, float]:
        generator = Generator(SynthConfig(look=name, size=48), 3)
        pixels = np.stack([generator.render(index).pixels() for index in range(16)]) / 255.0
        detail = np.abs(np.diff(pixels, axis=2)).mean()
        return pixels.mean(), (pixels.max(-1) - pixels.min(-1)).mean(), detail

    light, colour, detail = np.array([measure(n) for n in ("plain", "outdoor", "street", "low-light")]).T
    assert light[3] < 0.7 * light[:3].min(), "low light is dark"
    assert colour[1] > 1.5 * colour[2], "an overcast street is greyer than a meadow in the sun"
    assert detail[0] < 0.7 * detail[[1, 2]].min(), "a studio has little detail"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sensr: {}", ["mine.yaml", "sensr", "'sensor'"]),
        ("sensor: {noize: {0.1: 1}}", ["sensor", "noize", "'noise'"]),
        ("camera: {fill: [0.5]}", ["fill", "2 values"]),
        ("camera: {roll_sd: wide}", ["roll_sd", "float", "wide"]),
        ("camera: {min_joints: 2.5}", ["min_joints", "int"]),
        ("camera: {min_joints: true}", ["min_joints", "int"]),
        ("pose: [1]", ["pose", "mapping"]),
        ("sensor: {jpeg: 90}", ["jpeg", "mapping"]),
        ("pose: {boost: {brige: 2.0}}", ["brige", "'bridge'"]),
        ("background: {kind: {rooms: 1.0}}", ["rooms", "'room'"]),
        ("background: {kind: {room: 0.0}}", ["kind", "sum to 0"]),
        ("clothing: {top_pattern: {plain: -1.0}}", ["plain", "negative"]),
        ("background: {kind: {studo: 1.0}}", ["kind", "'studio'"]),
        ("background: {room: {boxs: [1, 2]}}", ["background: room", "boxs", "'boxes'"]),
        ("background: {clutter: {colours: [1.5, 2]}}", ["colours", "int"]),
        ("occluder: {shapes: [star]}", ["shapes", "star", "ellipse"]),
        ("occluder: {shapes: []}", ["shapes", "at least one"]),
        ("skin: {tones: [[1, 2]]}", ["tones", "3 values"]),
        ("hair: {length: {0.1: -1.0}}", ["length", "negative"]),
        ("ground: {shadow: 2.0}", ["shadow", "0 to 1"]),
        ("pose: {tail: [", ["mine.yaml", "YAML"]),
        ("just text", ["mine.yaml", "mapping"]),
    ],
)
def test_a_bad_look_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_look(write(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_a_partial_look_keeps_the_other_defaults(tmp_path: Path) -> None:
    look = load_look(write(tmp_path, "sensor: {gamma: [1, 2], jpeg: {50: 1}}"))
    assert look.sensor.gamma == (1.0, 2.0)
    assert look.sensor.jpeg == {50: 1.0}
    assert look.sensor.blur == Look().sensor.blur
    assert look.camera == Look().camera
    assert load_look(write(tmp_path, "")) == Look()


def test_missing_looks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'default'"):
        load_look("defaut")
    with pytest.raises(UserError, match=r"nowhere\.yaml does not exist"):
        load_look(str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize("bad", [{"size": 8}, {"supersample": 0}, {"occluders": 1.5}, {"truncated": -0.1}])
def test_bad_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(bad))):
        SynthConfig(**bad)  # type: ignore[arg-type]


def test_own_values_override_the_look() -> None:
    look = SynthConfig(look="target", tail=0.0, occluders=0.5, truncated=0.0).resolved_look()
    assert (look.pose.tail, look.occluder.probability, look.camera.truncated) == (0.0, 0.5, 0.0)
    assert look.sensor == load_look("target").sensor


def test_the_recipe_tells_what_determines_the_bytes(tmp_path: Path) -> None:
    base = SynthConfig().recipe(0)
    for other in (SynthConfig(size=128), SynthConfig(look="target"), SynthConfig(tail=1.1), SynthConfig(shadows=False)):
        assert other.recipe(0) != base
    assert SynthConfig().recipe(1) != base
    assert SynthConfig(tail=Look().pose.tail).recipe(0) == base
    (tmp_path / "a.png").write_bytes(b"12")
    with_photographs = SynthConfig(backgrounds=str(tmp_path)).recipe(0)
    (tmp_path / "b.png").write_bytes(b"34")
    assert SynthConfig(backgrounds=str(tmp_path)).recipe(0) != with_photographs != base
