from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from actupose.data.store import open_store
from actupose.errors import UserError
from actupose.synth import Generator, Sample, ShardRenderer, SynthConfig, synthesize

CONFIG = SynthConfig(size=64)
_SCRIPT = """
import hashlib, json
from actupose.synth import Generator, SynthConfig
generator = Generator(SynthConfig(size=64), 5)
print(json.dumps([hashlib.sha256(generator.render(i).image).hexdigest() for i in (9, 2)]))
"""


def digest(sample: Sample) -> str:
    return hashlib.sha256(sample.image).hexdigest()


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    generator = Generator(CONFIG, 5)
    in_a_range = [generator.render(index) for index in range(10)]
    alone = Generator(CONFIG, 5).render(9)
    assert alone.image == in_a_range[9].image
    assert np.array_equal(alone.keypoints, in_a_range[9].keypoints)
    assert np.array_equal(alone.visible, in_a_range[9].visible)
    assert len({digest(sample) for sample in in_a_range}) == 10
    assert Generator(CONFIG, 6).render(9).image != alone.image
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert Generator(CONFIG, 5).render(9).image == alone.image
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_another_process_renders_the_same_bytes() -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run([sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, check=True).stdout
    generator = Generator(CONFIG, 5)
    assert json.loads(output) == [digest(generator.render(index)) for index in (9, 2)]


def test_a_sample_is_what_it_says() -> None:
    sample = Generator(CONFIG, 5).render(3)
    assert sample.pixels().shape == (64, 64, 3)
    assert sample.pixels().dtype == np.uint8
    assert sample.keypoints.shape == (16, 2)
    assert sample.keypoints.dtype == np.float32
    assert sample.visible.dtype == np.uint8
    assert set(sample.visible.tolist()) <= {0, 1, 2}
    assert sample.joints.shape == (16, 3)
    assert (sample.joints[:, 2] > 0).all()
    assert sample.archetype


def test_size_scales_the_labels_with_the_picture() -> None:
    small, large = Generator(SynthConfig(size=64), 1).render(0), Generator(SynthConfig(size=128), 1).render(0)
    assert large.keypoints + 0.5 == pytest.approx((small.keypoints + 0.5) * 2, abs=1e-2)


def test_supersampling_and_shadows_change_the_picture_only() -> None:
    full = Generator(CONFIG, 1).render(4)
    for other in (SynthConfig(size=64, supersample=1), SynthConfig(size=64, shadows=False)):
        sample = Generator(other, 1).render(4)
        assert sample.image != full.image
        assert np.array_equal(sample.keypoints, full.keypoints)


def test_the_target_look_is_visibly_another_domain() -> None:
    def statistics(look: str) -> np.ndarray:
        generator = Generator(SynthConfig(size=64, look=look), 2)
        pixels = np.stack([generator.render(index).pixels() for index in range(40)]) / 255.0
        warmth = (pixels[..., 0] - pixels[..., 2]).mean()
        contrast = pixels.mean(-1).std(axis=(1, 2)).mean()
        return np.array([warmth, contrast])

    default, target = statistics("default"), statistics("target")
    assert target[0] - default[0] > 0.05
    assert target[1] < 0.6 * default[1]


def test_tail_and_truncation_settings_reach_the_samples(tmp_path: Path) -> None:
    flat = Generator(SynthConfig(size=64, tail=0.0), 0)
    steep = Generator(SynthConfig(size=64, tail=6.0), 0)
    assert len({flat.scene(i).archetype for i in range(30)}) >= 10
    assert len({steep.scene(i).archetype for i in range(30)}) <= 3
    cut = Generator(SynthConfig(size=64, truncated=1.0), 0)
    whole = Generator(SynthConfig(size=64, truncated=0.0), 0)

    def outside(generator: Generator) -> list[int]:
        scenes = [generator.scene(i) for i in range(30)]
        points = [scene.camera.project(scene.body.joints, 1)[0] for scene in scenes]
        return [int(((p < 0) | (p > 1)).any(1).sum()) for p in points]

    assert np.mean(outside(cut)) > 1.5
    assert np.mean(outside(whole)) < 0.2
    far_off = tmp_path / "far_off.yaml"
    far_off.write_text("camera: {truncated: 1.0, truncated_fill: [1.5, 1.7], truncated_shift: 0.6, min_joints: 7}")
    assert max(outside(Generator(SynthConfig(size=64, look=str(far_off)), 0))) <= 9  # 7 of 16 stay inside


def test_children_and_company_leave_the_rest_of_a_sample_alone() -> None:
    """The share of children and company draw from streams of their own: camera and pose rest where they were."""
    plain, mixed = Generator(CONFIG, 3), Generator(dataclasses.replace(CONFIG, children=0.5, others=0.5), 3)
    scenes = [(plain.scene(i), mixed.scene(i)) for i in range(40)]
    assert all(a.archetype == b.archetype for a, b in scenes)
    same_body = [np.array_equal(a.body.joints, b.body.joints) for a, b in scenes]
    accompanied = [len(b.others) > 0 for _, b in scenes]
    assert 0.25 < np.mean(same_body) < 0.75
    assert 0.2 < np.mean(accompanied) < 0.75
    for index, (same, company) in enumerate(zip(same_body, accompanied, strict=True)):
        if same and not company:
            assert plain.render(index).image == mixed.render(index).image


def test_the_recipe_names_only_what_decides_the_bytes() -> None:
    """Stores of people alone, made before there was company, can still be continued."""
    assert not [key for key in CONFIG.recipe(1) if key.startswith("look.people")]
    assert dataclasses.replace(CONFIG, others=0.1).recipe(1)["look.people.others"] == 0.1


def test_a_bad_seed_or_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="seed"):
        Generator(CONFIG, -1)
    with pytest.raises(UserError, match="seed"):
        synthesize(tmp_path / "out", 1, -1, CONFIG)
    with pytest.raises(UserError, match="num"):
        synthesize(tmp_path / "out", 0, 1, CONFIG)
    assert not (tmp_path / "out").exists()


def test_shards_hold_the_samples_of_their_range() -> None:
    renderer = ShardRenderer(CONFIG, 5)
    rows = renderer(range(3, 6)).rows
    again = pickle.loads(pickle.dumps(renderer))(range(5, 6)).rows
    sample = Generator(CONFIG, 5).render(5)
    assert [row.name for row in rows] == ["5-0000003", "5-0000004", "5-0000005"]
    assert rows[2].image == again[0].image == sample.image
    assert np.array_equal(rows[2].keypoints, sample.keypoints)
    assert np.array_equal(rows[0].crop, [[1, 0, 0], [0, 1, 0]])
    assert rows[2].archetype == sample.archetype


def test_synthesize_writes_a_store_and_refuses_another_recipe(tmp_path: Path) -> None:
    report = synthesize(tmp_path / "store", 4, 5, CONFIG)
    assert report.num_rows == 4
    assert len(open_store(tmp_path / "store")) == 4
    with pytest.raises(UserError, match="other settings"):
        synthesize(tmp_path / "store", 4, 5, SynthConfig(size=64, look="target"))
