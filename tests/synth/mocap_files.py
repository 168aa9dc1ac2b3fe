"""Writers of tiny motion files, true to their formats: one motion in BVH, ASF/AMC and AMASS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

Frame = Mapping[str, Rotation]  # joint -> rotation in its parent's axes; Y up, facing +Z, left = +X
T_POSE: dict[str, tuple[str, tuple[float, float, float]]] = {  # joint -> parent, offset in centimetres
    "root": ("", (0, 0, 0)),
    "chest": ("root", (0, 32, 0)),
    "head": ("chest", (0, 32, 3)),
    **{
        f"{side}_{joint}": (parent if parent in ("root", "chest") else f"{side}_{parent}", (sign * x, y, z))
        for side, sign in (("left", 1), ("right", -1))
        for joint, parent, (x, y, z) in (
            ("hip", "root", (8, -8, 0)),
            ("knee", "hip", (2, -40, 0)),
            ("ankle", "knee", (0, -42, -2)),
            ("toe", "ankle", (2, -6, 13)),
            ("shoulder", "chest", (20, 15, 0)),
            ("elbow", "shoulder", (26, 0, 0)),
            ("wrist", "elbow", (26, 0, 0)),
        )
    },
}
_BVH = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "toe": "ToeBase", "shoulder": "Arm", "elbow": "ForeArm"}
_BVH |= {"wrist": "Hand"}
_SMPL = {"root": 0, "left_hip": 1, "right_hip": 2, "left_knee": 4, "right_knee": 5, "chest": 9, "head": 15}
_SMPL |= {"left_ankle": 7, "right_ankle": 8, "left_shoulder": 16, "right_shoulder": 17}
_SMPL |= {"left_elbow": 18, "right_elbow": 19}


def bvh_name(joint: str) -> str:
    side, _, kind = joint.partition("_")
    return {"root": "Hips", "chest": "Spine2", "head": "Head"}.get(joint) or side.capitalize() + _BVH[kind]


def write_bvh(
    path: Path, frames: Sequence[Frame], skeleton: Mapping[str, tuple[str, Sequence[float]]] = T_POSE
) -> Path:
    order: list[str] = []

    def node(joint: str, indent: str) -> list[str]:
        order.append(joint)
        parent, offset = skeleton[joint]
        children = [child for child, (above, _) in skeleton.items() if above == joint]
        channels = "3 Zrotation Xrotation Yrotation"
        if not parent:
            channels = "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
        lines = [f"{'JOINT' if parent else 'ROOT'} {bvh_name(joint)}", "{", f"  OFFSET {' '.join(map(str, offset))}"]
        lines += [f"  CHANNELS {channels}"]
        for child in children:
            lines += node(child, indent + "  ")
        if not children:
            lines += ["  End Site", "  {", "    OFFSET 0 0 5", "  }"]
        return [indent + line if line.lstrip() == line else line for line in [*lines, "}"]]

    text = ["HIERARCHY", *node("root", ""), "MOTION", f"Frames: {len(frames)}", "Frame Time: 0.2"]
    for frame in frames:
        turns = [frame.get(joint, Rotation.identity()).as_euler("ZXY", degrees=True) for joint in order]
        values = np.concatenate([[10.0, 95.0, -3.0], *turns])
        text.append(" ".join(f"{v:.8f}" for v in values))
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


# Bone -> (joint it starts at, joint it ends at); a bone turns what hangs on the joint that it starts at.
_BONES = {"thorax": ("chest", "head")}
for _s, _side in (("l", "left"), ("r", "right")):
    _BONES |= {f"{_s}femur": (f"{_side}_hip", f"{_side}_knee"), f"{_s}tibia": (f"{_side}_knee", f"{_side}_ankle")}
    _BONES |= {f"{_s}foot": (f"{_side}_ankle", f"{_side}_toe"), f"{_s}toes": (f"{_side}_toe", "")}
    _BONES |= {f"{_s}humerus": (f"{_side}_shoulder", f"{_side}_elbow")}
    _BONES |= {f"{_s}radius": (f"{_side}_elbow", f"{_side}_wrist"), f"{_s}wrist": (f"{_side}_wrist", "")}
_AXES = {"lfemur": (0, 0, 20), "rfemur": (5, 0, -20), "lhumerus": (180, 30, -90), "rtibia": (0, 40, 10)}


def write_acclaim(folder: Path, name: str, frames: Sequence[Frame]) -> Path:
    """`NAME.asf` and `NAME_01.amc`, with bone axes unlike the world's, as real files have."""
    # bones without turns that lead from a joint to the start of the next bones
    bones: dict[str, tuple[str, np.ndarray]] = {}  # bone -> (parent bone, vector)
    offset = {joint: np.array(vector, float) for joint, (_, vector) in T_POSE.items()}
    bones["lowerback"] = ("root", offset["chest"])
    bones["thorax"] = ("lowerback", offset["head"])
    bones["head"] = ("thorax", np.array([0, 10.0, 0]))
    for s, side in (("l", "left"), ("r", "right")):
        bones[f"{s}hipjoint"] = ("root", offset[f"{side}_hip"])
        bones[f"{s}femur"] = (f"{s}hipjoint", offset[f"{side}_knee"])
        bones[f"{s}tibia"] = (f"{s}femur", offset[f"{side}_ankle"])
        bones[f"{s}foot"] = (f"{s}tibia", offset[f"{side}_toe"])
        bones[f"{s}toes"] = (f"{s}foot", np.array([0, 0, 5.0]))
        # the collar bones start at the end of the thorax
        bones[f"{s}clavicle"] = ("thorax", offset[f"{side}_shoulder"] - offset["head"])
        bones[f"{s}humerus"] = (f"{s}clavicle", offset[f"{side}_elbow"])
        bones[f"{s}radius"] = (f"{s}humerus", offset[f"{side}_wrist"])
        bones[f"{s}wrist"] = (f"{s}radius", np.array([5.0 if s == "l" else -5.0, 0, 0]))
    turning = {bone: joint for bone, (joint, _) in _BONES.items() if joint} | {"head": "head"}
    text = [":version 1.10", ":name tiny", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":root"]
    text += ["  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0", ":bonedata"]
    for k, (bone, (_, vector)) in enumerate(bones.items()):
        length = float(np.linalg.norm(vector))
        axis = " ".join(map(str, _AXES.get(bone, (0, 0, 0))))
        text += ["  begin", f"    id {k + 1}", f"    name {bone}"]
        text += [f"    direction {' '.join(f'{v:.9f}' for v in vector / length)}", f"    length {length:.9f}"]
        text += [f"    axis {axis} XYZ"]
        text += ["    dof rx ry rz", "    limits (-180 180)", "           (-180 180)"] if bone in turning else []
        text += ["  end"]
    text += [":hierarchy", "  begin"]
    for parent in ["root", *bones]:
        if children := [bone for bone, (above, _) in bones.items() if above == parent]:
            text.append(f"    {parent} {' '.join(children)}")
    (folder / f"{name}.asf").write_text("\n".join([*text, "  end"]) + "\n", encoding="utf-8")
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, 1):
        root = frame.get("root", Rotation.identity()).as_euler("xyz", degrees=True)
        lines += [str(number), f"root 1 2 3 {' '.join(f'{v:.8f}' for v in root)}"]
        for bone, joint in turning.items():
            axes = Rotation.from_euler("xyz", _AXES.get(bone, (0, 0, 0)), degrees=True)
            own = axes.inv() * frame.get(joint, Rotation.identity()) * axes
            lines.append(f"{bone} {' '.join(f'{v:.8f}' for v in own.as_euler('xyz', degrees=True))}")
    path = folder / f"{name}_01.amc"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_amass(path: Path, frames: Sequence[Frame], width: int = 156) -> Path:
    """The world of AMASS has Z up, so its root turns the Y-up rest pose upright."""
    poses = np.zeros((len(frames), width))
    upright = Rotation.from_euler("x", 90, degrees=True)
    for k, frame in enumerate(frames):
        for joint, place in _SMPL.items():
            turn = frame.get(joint, Rotation.identity())
            turn = upright * turn if joint == "root" else turn
            poses[k, 3 * place : 3 * place + 3] = turn.as_rotvec()
    np.savez(path, poses=poses, trans=np.zeros((len(frames), 3)), mocap_framerate=5.0, gender="neutral")
    return path
