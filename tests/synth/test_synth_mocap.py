"""Poses from motion capture: the same motion of every format is the same pose, and the one that was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from actupose.errors import UserError
from actupose.synth import Generator, SynthConfig, synthesize
from actupose.synth.archetypes import ARCHETYPES
from actupose.synth.body import BodyModel
from actupose.synth.limits import LIMITS, perturb
from actupose.synth.mocap.acclaim import read_amc
from actupose.synth.mocap.arrays import AngleClip, read_npz
from actupose.synth.mocap.bvh import read_bvh
from actupose.synth.mocap.motion import Motion
from actupose.synth.mocap.pool import load_pool
from actupose.synth.mocap.retarget import retarget
from synth.mocap_files import T_POSE, Frame, write_acclaim, write_amass, write_bvh


def turn(axis: str, degrees: float) -> Rotation:
    return Rotation.from_euler(axis, degrees, degrees=True)


# Y up, facing +Z, left = +X: a turn about Z lifts the left arm of the T-pose, one about -X lifts a thigh.
HANGING = {"left_shoulder": turn("z", -75), "right_shoulder": turn("z", 75)}
FRAMES: list[Frame] = [
    {},  # the T-pose
    {**HANGING, "left_shoulder": turn("z", 80)},  # the left arm raised
    {**HANGING, "right_hip": turn("x", -90), "right_knee": turn("x", 90)},  # the right knee lifted
    {**HANGING, "left_shoulder": turn("y", -80), "left_elbow": turn("y", -70), "root": turn("y", 50)},
    {
        **HANGING,
        "chest": turn("x", 30) * turn("y", 20),
        "head": turn("y", 30),
        "root": turn("y", -120) * turn("x", 15),
        "left_hip": turn("x", -60) * turn("z", 20),
        "left_knee": turn("x", 70),
        "right_elbow": turn("y", 60),
        "left_ankle": turn("x", 15),
    },
]


@pytest.fixture(params=["bvh", "amc", "amass", "smpl"])
def motion(request: pytest.FixtureRequest, tmp_path: Path) -> Motion:
    if request.param == "bvh":
        return read_bvh(write_bvh(tmp_path / "clip.bvh", FRAMES))
    if request.param == "amc":
        return read_amc(write_acclaim(tmp_path, "07", FRAMES))
    read = read_npz(write_amass(tmp_path / "clip.npz", FRAMES, 156 if request.param == "amass" else 72))
    assert isinstance(read, Motion)
    return read


def posed(motion: Motion, model: BodyModel) -> list[dict[str, np.ndarray]]:
    rig = model.rig
    found = retarget(motion, rig)
    assert found.error.max() < 12, found.error
    heads = [rig.positions(rig.rotations(dict(zip(LIMITS, row, strict=True)))) for row in found.values]
    return [{name: frame[k] for name, k in rig.index.items()} for frame in heads]


def test_recorded_poses_end_as_themselves(motion: Motion, model: BodyModel) -> None:
    """By joint geometry; our body faces -Y, its left is +X, up is +Z."""
    t_pose, raised, knee, pointing, _ = posed(motion, model)
    for side, sign in (("L", 1), ("R", -1)):
        arm = t_pose[f"wrist.{side}"] - t_pose[f"upperarm01.{side}"]
        assert arm / np.linalg.norm(arm) == pytest.approx([sign, 0, 0], abs=0.1)
        leg = t_pose[f"foot.{side}"] - t_pose[f"upperleg01.{side}"]
        assert leg[2] / np.linalg.norm(leg) < -0.97
    assert raised["wrist.L"][2] > raised["head"][2] + 0.2
    assert raised["wrist.R"][2] < raised["upperarm01.R"][2] - 0.3
    thigh = knee["lowerleg01.R"] - knee["upperleg01.R"]
    shin = knee["foot.R"] - knee["lowerleg01.R"]
    assert thigh / np.linalg.norm(thigh) == pytest.approx([0, -1, 0], abs=0.12), "forward"
    assert shin[2] / np.linalg.norm(shin) < -0.97
    assert knee["foot.L"][2] < knee["foot.R"][2] - 0.3
    upper = pointing["lowerarm01.L"] - pointing["upperarm01.L"]
    fore = pointing["wrist.L"] - pointing["lowerarm01.L"]
    assert upper[1] / np.linalg.norm(upper) < -0.9, "forward, although the whole person is turned"
    assert fore[0] / np.linalg.norm(fore) < -0.8, "across the chest"


def test_limbs_follow_the_recorded_directions(motion: Motion, model: BodyModel) -> None:
    """Oracle: the recording's own joint places, turned to our axes and freed of the heading by aligning the hips."""
    joints = motion.limbs()
    axes = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) if motion.up == "rest" else np.eye(3)
    rig_bones = {"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "shoulder": "upperarm01"}
    rig_bones |= {"elbow": "lowerarm01", "wrist": "wrist"}
    for k, ours in enumerate(posed(motion, model)):
        places = motion.places[k] @ axes.T
        hips = places[joints["left_hip"]] - places[joints["right_hip"]]
        mine = ours["upperleg01.L"] - ours["upperleg01.R"]
        heading = np.arctan2(mine[1], mine[0]) - np.arctan2(hips[1], hips[0])
        places = places @ Rotation.from_euler("z", heading).as_matrix().T
        for side in ("left", "right"):
            for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
                a = places[joints[f"{side}_{end}"]] - places[joints[f"{side}_{start}"]]
                b = ours[f"{rig_bones[end]}.{side[0].upper()}"] - ours[f"{rig_bones[start]}.{side[0].upper()}"]
                cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
                assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 13, (k, side, end)


def test_all_formats_give_the_same_angles(tmp_path: Path, model: BodyModel) -> None:
    motions = [
        read_bvh(write_bvh(tmp_path / "clip.bvh", FRAMES)),
        read_amc(write_acclaim(tmp_path, "07", FRAMES)),
        read_npz(write_amass(tmp_path / "clip.npz", FRAMES)),
    ]
    first, *others = [retarget(motion, model.rig).values for motion in motions if isinstance(motion, Motion)]
    assert len(others) == 2
    for other in others:
        assert other == pytest.approx(first, abs=0.05)


def test_the_rest_pose_of_the_arms_does_not_matter(tmp_path: Path, model: BodyModel) -> None:
    """The same motion on a skeleton whose arms hang at 45 degrees at rest."""
    drop = {"left": turn("z", -45), "right": turn("z", 45)}
    a_pose = dict(T_POSE)
    for side, rotation in drop.items():
        for joint in ("elbow", "wrist"):
            parent, offset = T_POSE[f"{side}_{joint}"]
            a_pose[f"{side}_{joint}"] = parent, tuple(rotation.apply(offset))
    frames = []
    for frame in FRAMES:
        new = dict(frame)
        for side, rotation in drop.items():
            new[f"{side}_shoulder"] = frame.get(f"{side}_shoulder", Rotation.identity()) * rotation.inv()
            elbow = frame.get(f"{side}_elbow", Rotation.identity())
            new[f"{side}_elbow"] = rotation * elbow * rotation.inv()
        frames.append(new)
    t_motion = retarget(read_bvh(write_bvh(tmp_path / "t.bvh", FRAMES)), model.rig)
    a_motion = retarget(read_bvh(write_bvh(tmp_path / "a.bvh", frames, a_pose)), model.rig)
    assert a_motion.values == pytest.approx(t_motion.values, abs=0.05)


def test_our_own_format_keeps_its_angles(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    poses = [perturb(ARCHETYPES[name](rng), rng) for name in ("stand", "walk", "kick")]
    angles = np.array([[pose[name] for name in LIMITS] for pose in poses])
    np.savez(tmp_path / "mine.npz", angles=angles, names=list(LIMITS), fps=5)
    read = read_npz(tmp_path / "mine.npz")
    assert isinstance(read, AngleClip)
    assert read.angles == pytest.approx(angles)
    np.savez(tmp_path / "few.npz", angles=angles[:, :1], names=["elbow_L"])
    few = read_npz(tmp_path / "few.npz")
    assert isinstance(few, AngleClip)
    assert few.angles[:, list(LIMITS).index("elbow_L")] == pytest.approx(angles[:, 0])


def test_a_pool_is_diverse_valid_and_repeats(tmp_path: Path) -> None:
    """Hundred all but equal frames and five unlike them: the first ones kept are the unlike ones."""
    still = [{**HANGING, "left_elbow": turn("y", -0.05 * k)} for k in range(100)]
    broken: Frame = {**HANGING, "left_knee": turn("x", -100), "right_knee": turn("x", -100)}  # knees do not bend ahead
    inside: Frame = {"left_shoulder": turn("z", -100), "right_shoulder": turn("z", 100)}  # arms inside the trunk
    write_bvh(tmp_path / "still.bvh", still)
    write_bvh(tmp_path / "sport.bvh", [*FRAMES, broken, inside])
    pool = load_pool((str(tmp_path),), 6)
    assert pool.clips.count("sport") >= 4
    assert pool.refused >= 1
    assert pool.frames == 107
    low, high = (np.array([getattr(limit, end) for limit in LIMITS.values()]) for end in ("low", "high"))
    assert (pool.angles >= low).all()
    assert (pool.angles <= high).all()
    load_pool.cache_clear()
    assert load_pool((str(tmp_path),), 6).digest() == pool.digest()
    assert load_pool((str(tmp_path),), 3).digest() != pool.digest()


def test_recorded_poses_are_mixed_with_procedural_ones(tmp_path: Path) -> None:
    clip = str(write_bvh(tmp_path / "raise.bvh", FRAMES))
    kinds = {}
    for share in (0.0, 0.4, 1.0):
        generator = Generator(SynthConfig(size=32, poses=(clip,), poses_share=share), 3)
        kinds[share] = [generator.scene(index).archetype == "raise" for index in range(50)]
    assert np.mean(kinds[0.0]) == 0
    assert np.mean(kinds[0.4]) == pytest.approx(0.4, abs=0.2)
    assert np.mean(kinds[1.0]) == 1
    config = SynthConfig(size=32, poses=(clip,))
    assert config.recipe(0) != SynthConfig(size=32).recipe(0)
    report = synthesize(tmp_path / "store", 3, 0, config)
    assert report.num_rows == 3


def break_line(path: Path, number: int, text: str) -> Path:
    lines = path.read_text().splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines))
    return path


def test_a_broken_bvh_names_its_line(tmp_path: Path) -> None:
    good = write_bvh(tmp_path / "good.bvh", FRAMES).read_text().splitlines()
    motion = good.index("MOTION") + 1
    cases = [
        (4, "OFSET 0 0 0", "'OFSET'"),
        (4, "  OFFSET 0 0", "3 numbers, found 2"),
        (5, "  CHANNELS 3 Zrotation Xrotation Wrotation", "'Wrotation'"),
        (motion + 4, "1 2 3", "found 3"),
        (motion + 4, good[motion + 3].replace("95", "9x5", 1), "9x5"),
        (motion + 2, "Frame Time: 0", "above 0"),
    ]
    for line, text, part in cases:
        path = tmp_path / "bad.bvh"
        path.write_text("\n".join(good))
        with pytest.raises(UserError, match=rf"bad\.bvh, line {line}: .*{part}"):
            read_bvh(break_line(path, line, text))
    (tmp_path / "short.bvh").write_text("\n".join(good[:-2]))
    with pytest.raises(UserError, match=rf"short\.bvh, line {len(good) - 2}: the file ends here"):
        read_bvh(tmp_path / "short.bvh")


def test_broken_acclaim_files_are_named(tmp_path: Path) -> None:
    path = write_acclaim(tmp_path, "07", FRAMES)
    text = path.read_text()
    path.write_text(text.replace("lfemur", "lfemurr", 1))
    with pytest.raises(UserError, match=r"07_01\.amc, line \d+: .*'lfemurr'"):
        read_amc(path)
    path.write_text(text.replace("\nlradius ", "\nlradius 1 ", 1))
    with pytest.raises(UserError, match=r"07_01\.amc, line \d+: expected 3 numbers, found 4"):
        read_amc(path)
    path.write_text(text)
    (tmp_path / "07.asf").unlink()
    with pytest.raises(UserError, match=r"no skeleton beside it; put 07\.asf"):
        read_amc(path)


def test_unknown_joints_and_arrays_are_named(tmp_path: Path, model: BodyModel) -> None:
    path = write_bvh(tmp_path / "odd.bvh", FRAMES)
    path.write_text(path.read_text().replace("LeftForeArm", "Tentacle3"))
    with pytest.raises(UserError, match=r"odd\.bvh: has no joint for the left elbow; its joints are Hips, .*"):
        retarget(read_bvh(path), model.rig)
    cases = {
        "width": ({"poses": np.zeros((2, 30))}, "30 values a frame"),
        "nan": ({"poses": np.full((2, 72), np.nan)}, "not finite"),
        "names": ({"angles": np.zeros((2, 1)), "names": ["elbow_X"]}, r"'elbow_X' \(did you mean 'elbow_[LR]'"),
        "count": ({"angles": np.zeros((2, 3)), "names": ["elbow_L"]}, "1 'names' for 3 columns"),
        "other": ({"betas": np.zeros(3)}, "holds betas"),
    }
    for name, (arrays, part) in cases.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=rf"{name}\.npz: .*{part}"):
            read_npz(tmp_path / f"{name}.npz")
    (tmp_path / "fake.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"fake\.npz: is not a readable npz"):
        read_npz(tmp_path / "fake.npz")


def test_wrong_paths_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    for name, part in (("empty", "no motion file"), ("none", "does not exist"), ("notes.txt", "is no motion file")):
        with pytest.raises(UserError, match=part):
            synthesize(tmp_path / "out", 2, 0, SynthConfig(size=32, poses=(str(tmp_path / name),)))
    with pytest.raises(UserError, match="for bodies"):
        SynthConfig(subject="hand", poses=("x.bvh",))
    assert not (tmp_path / "out").exists()
