"""Baking, and the shipped packs against Anny itself.

The tests that load Anny run when its cache is prepared (`ANNY_CACHE_DIR`), or make it (a minute, 790 MB) when
`ACTUPOSE_TEST_ANNY=1`.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actupose.errors import UserError
from actupose.synth import bake
from actupose.synth.body import CHILDREN_PACK, NAIL, PACK, BodyModel, load_body, read_pack
from actupose.synth.joints import BODY16
from actupose.synth.poses import PoseSampler

LIMBS = ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")


def test_compression_keeps_what_has_the_rank() -> None:
    """Oracle: points that are a sum of three directions come back exactly but for half precision."""
    rng = np.random.default_rng(0)
    directions, amounts = rng.normal(0, 0.05, (3, 40, 3)), rng.normal(0, 1, (60, 3))
    points = 1.0 + np.tensordot(amounts, directions, 1)
    pack = bake.compress(torch.from_numpy(points).float(), 3)
    assert pack["basis"].shape == (3, 40, 3)
    assert np.abs(pack["people"]).max() <= 1
    rebuilt = pack["mean"] + np.tensordot(pack["people"].astype(float), pack["basis"].astype(float), 1)
    assert rebuilt == pytest.approx(points, abs=1e-3)


def test_without_anny_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "warp", None)
    with pytest.raises(UserError, match=r"pip install 'actupose\[anny\]'"):
        bake.bake(tmp_path / "packs")
    assert not (tmp_path / "packs").exists()


@pytest.fixture(scope="module")
def anny_model() -> Any:
    pytest.importorskip("anny", reason="the extra 'anny' is not installed")
    cache = Path(os.environ.get("ANNY_CACHE_DIR", Path.home() / ".cache" / "anny"))
    prepared = any(cache.glob("*/build_compact_model_data_*.safetensors"))
    if not prepared and os.environ.get("ACTUPOSE_TEST_ANNY") != "1":
        pytest.skip(f"Anny's cache {cache} is not prepared; ACTUPOSE_TEST_ANNY=1 makes it (a minute, 790 MB)")
    return bake.load_anny()


def posed_by_anny(anny_model: Any, traits: dict[str, torch.Tensor], rotations: np.ndarray) -> dict[str, torch.Tensor]:
    """Anny's own vertices and bones of one person; it takes each bone's turn relative to its parent."""
    local = rotations.copy()
    for bone, parent in enumerate(anny_model.bone_parents):
        if parent >= 0:
            local[bone] = rotations[parent].T @ rotations[bone]
    pose = torch.eye(4).repeat(1, len(local), 1, 1)
    pose[0, :, :3, :3] = torch.from_numpy(local).float()
    with torch.no_grad():
        shown: dict[str, torch.Tensor] = anny_model(pose_parameters=pose, phenotype_kwargs=traits)
    return shown


@pytest.mark.parametrize("child", [False, True])
def test_the_shipped_people_are_annys(anny_model: Any, child: bool) -> None:
    model = load_body(children=True)
    population = dataclasses.replace(bake.CHILDREN if child else bake.ADULTS, people=24)
    traits, ages = bake.draw_phenotypes(anny_model, population)
    assert ages == pytest.approx(read_pack(CHILDREN_PACK if child else PACK)["age"][:24].astype(float), abs=0.05)
    sampler, rng = PoseSampler(model.rig, {"gesture": 1.0, "squat": 1.0, "kick": 1.0}), np.random.default_rng(1)
    errors = []
    for person in range(24):
        rotations = sampler.sample(rng).rotations
        one = {name: value[person : person + 1] for name, value in traits.items()}
        expected = posed_by_anny(anny_model, one, rotations)
        posed = model.pose(person + (model.num_people if child else 0), rotations)
        shift = expected["bone_poses"][0, 0, :3, 3]  # posing puts our root at the origin
        errors.append((posed.vertices - (expected["vertices"][0] - shift)).norm(dim=1).numpy() * 1e3)
    assert np.mean(errors) < 0.5, "millimetres"
    assert np.percentile(errors, 99) < 3
    assert np.max(errors) < 20


def test_left_and_right_are_those_of_annys_coco_regressor(anny_model: Any) -> None:
    """Every limb joint lies nearer to Anny's COCO keypoint of its own side than to that of the other side."""
    from anny.keypoints import KeypointsRegressor

    regressor = KeypointsRegressor.coco(anny_model)
    model: BodyModel = load_body()
    traits, _ = bake.draw_phenotypes(anny_model, dataclasses.replace(bake.ADULTS, people=60))
    names = [name for name in BODY16 if name.split("_")[-1] in LIMBS]
    sampler, rng = (
        PoseSampler(model.rig, dict.fromkeys(("stand", "walk", "sit", "kick", "floor"), 1.0)),
        np.random.default_rng(2),
    )
    own_gaps, other_gaps = [], []
    for person in range(60):
        rotations = sampler.sample(rng).rotations
        shown = posed_by_anny(
            anny_model, {name: value[person : person + 1] for name, value in traits.items()}, rotations
        )
        coco = dict(zip(regressor.labels, regressor(shown)[0].double().numpy(), strict=True))
        shift = shown["bone_poses"][0, 0, :3, 3].double().numpy()
        joints = dict(zip(BODY16, model.pose(person, rotations).joints + shift, strict=True))
        for name in names:
            side, limb = name.split("_")
            other = "left" if side == "right" else "right"
            own_gaps.append(np.linalg.norm(joints[name] - coco[name]))
            other_gaps.append(np.linalg.norm(joints[name] - coco[f"{other}_{limb}"]))
    assert np.mean(np.array(own_gaps) < np.array(other_gaps)) > 0.995  # legs may cross
    assert np.median(own_gaps) < 0.04 < 0.15 < np.median(other_gaps)


def test_what_is_baked_loads_and_equals_what_ships(
    anny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Topology, labels and reference body; few people, since the whole population takes half a minute."""
    monkeypatch.setattr(bake, "ADULTS", dataclasses.replace(bake.ADULTS, people=12, rank=4))
    monkeypatch.setattr(bake, "CHILDREN", dataclasses.replace(bake.CHILDREN, people=9, rank=3))
    monkeypatch.setattr(bake, "load_anny", lambda: anny_model)
    files = bake.bake(tmp_path)
    baked, shipped = read_pack(files[0]), read_pack(PACK)
    for name in ("faces", "wi", "wv", "uv", "fuv", "flabel", "bones", "parents"):
        assert np.array_equal(baked[name], shipped[name]), name
    assert baked["h0"] == pytest.approx(shipped["h0"], abs=1e-6)
    assert baked["canonical"] == pytest.approx(shipped["canonical"], abs=5e-3)
    assert (baked["flabel"] == NAIL).sum() > 200
    assert set(baked) == set(shipped)
    assert set(read_pack(files[1])) == set(read_pack(CHILDREN_PACK))
