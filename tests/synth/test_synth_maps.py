from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from actupose.data.store import EXTRA_COLUMNS, open_store
from actupose.skeletons import load_skeleton
from actupose.synth import Generator, SynthConfig, synthesize
from actupose.synth.maps import PARTS, part_of_bone

CONFIG = SynthConfig(size=96, labels=EXTRA_COLUMNS, occluders=0.5)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(CONFIG, 4)


def picture(data: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_the_camera_projects_the_3d_joints_to_the_keypoints(generator: Generator) -> None:
    for index in range(5):
        sample = generator.render(index)
        camera: Any = sample.extras["camera"]
        joints = np.asarray(sample.extras["joints3d"]).reshape(-1, 3).astype(float)
        seen = joints @ np.reshape(camera["intrinsics"], (3, 3)).T
        assert seen[:, :2] / seen[:, 2:] == pytest.approx(sample.keypoints, abs=1e-3)
        world = (joints - camera["translation"]) @ np.reshape(camera["rotation"], (3, 3))
        assert world == pytest.approx(generator.scene(index).body.joints, abs=1e-5)


def test_mask_depth_parts_and_box_agree(generator: Generator) -> None:
    occluded = 0
    for index in range(12):
        extras = generator.render(index).extras
        mask, depth, parts = (picture(extras[name]) for name in ("mask", "depth", "parts"))
        assert mask.shape == depth.shape == parts.shape == (96, 96)
        assert set(np.unique(mask)) <= {0, 255}
        assert ((depth > 0) == (mask > 0)).all()
        assert ((parts > 0) == (mask > 0)).all()
        assert parts.max() <= len(PARTS)
        x0, y0, x1, y1 = np.asarray(extras["box"])
        rows, columns = (mask > 0).nonzero()
        assert x0 <= columns.min() - 0.5
        assert x1 >= columns.max() + 0.5
        assert y0 <= rows.min() - 0.5
        assert y1 >= rows.max() + 0.5
        whole = Generator(SynthConfig(size=96, labels=("mask", "box"), occluders=0.0), 4).render(index).extras
        rows, columns = (picture(whole["mask"]) > 0).nonzero()
        tight = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
        assert [x0, y0, x1, y1] == tight, "an occluder does not change the box"
        occluded += int((picture(whole["mask"]) > 0).sum() > (mask > 0).sum())
    assert occluded >= 2


def test_depth_is_that_of_the_nearest_vertices(generator: Generator) -> None:
    """Oracle: the nearest vertex that falls on a pixel, from all vertices of the skin."""
    scene = generator.scene(1)
    points, depths = scene.camera.project(scene.body.vertices.numpy().astype(float), 96)
    extras = Generator(SynthConfig(size=96, labels=("depth",), occluders=0.0), 4).render(1).extras
    depth = picture(extras["depth"])
    nearest: dict[tuple[int, int], float] = {}
    for (x, y), z in zip(points, depths, strict=True):
        pixel = int(y), int(x)
        nearest[pixel] = min(z, nearest.get(pixel, np.inf))
    inside = [
        p
        for p in nearest
        if max(p) < 95 and min(p) >= 1 and (depth[p[0] - 1 : p[0] + 2, p[1] - 1 : p[1] + 2] > 0).all()
    ]
    behind = np.array([depth[pixel] / 1000 - nearest[pixel] for pixel in inside])
    assert len(behind) > 300
    assert -0.05 < np.median(behind) < 0.005, "clothes stand a few centimetres off the skin"
    assert np.mean(behind < 0.01) > 0.97, "nothing that is seen lies behind a vertex of the same pixel"


def test_visible_joints_show_their_part(generator: Generator) -> None:
    names = load_skeleton("body16").keypoints
    own = {"ankle": ("shin", "foot"), "wrist": ("forearm", "hand"), "elbow": ("upper_arm", "forearm")}
    right = []
    for index in range(30):
        sample = generator.render(index)
        parts = picture(sample.extras["parts"])
        for name, (x, y), visible in zip(names, sample.keypoints, sample.visible, strict=True):
            side, _, kind = name.partition("_")
            if visible != 2 or kind not in own:
                continue
            row, column = round(float(y)), round(float(x))
            near = parts[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            wanted = {PARTS.index(f"{side}_{part}") + 1 for part in own[kind]}
            right.append(bool(wanted & set(near.flat)))
    assert len(right) > 60
    assert np.mean(right) > 0.97


def test_every_bone_has_a_part(generator: Generator) -> None:
    parts = part_of_bone(generator.scenes.models[0].rig)
    by_name = {
        bone: PARTS[number - 1] for bone, number in zip(generator.scenes.models[0].rig.bones, parts, strict=True)
    }
    assert by_name["root"] == by_name["clavicle.L"] == "torso"
    assert by_name["head"] == by_name["eye.R"] == "head"
    assert by_name["finger3-2.R"] == "right_hand"
    assert by_name["lowerleg02.L"] == "left_shin"
    assert set(by_name.values()) == set(PARTS)


def test_columns_are_optional(tmp_path: Path) -> None:
    plain, full = SynthConfig(size=64), SynthConfig(size=64, labels=("depth", "box"))
    synthesize(tmp_path / "plain", 3, 5, plain)
    synthesize(tmp_path / "full", 3, 5, full)
    base = ["image", "name", "keypoints", "visible", "crop", "archetype"]
    without, with_labels = open_store(tmp_path / "plain"), open_store(tmp_path / "full")
    assert without.rows.column_names == base
    assert with_labels.rows.column_names == [*base, "box", "depth"]
    assert without.rows["image"][:] == with_labels.rows["image"][:]


def test_other_people_change_the_mask_and_not_the_box(tmp_path: Path) -> None:
    (tmp_path / "crowd.yaml").write_text("people: {others_aside: [0.0, 0.7], others_behind: [-0.9, 0.3]}")
    labels = ("box", "mask", "parts")
    # mostly standing people: who lies or leaps has seldom room for another before them
    alone = SynthConfig(look=str(tmp_path / "crowd.yaml"), size=96, labels=labels, occluders=0.0, tail=1.1)
    generators = [Generator(dataclasses.replace(alone, others=share), 11) for share in (0.0, 1.0)]
    hidden = 0
    for index in range(20):
        single, crowd = (generator.render(index).extras for generator in generators)
        assert np.array_equal(single["box"], crowd["box"])
        masks = [picture(extras["mask"]) > 0 for extras in (single, crowd)]
        assert (masks[1] <= masks[0]).all()
        assert ((picture(crowd["parts"]) > 0) == masks[1]).all()
        hidden += int((masks[0] & ~masks[1]).sum())
    assert hidden > 20
