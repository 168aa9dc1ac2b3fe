"""Tiny skeleton files as other tools write them."""

from __future__ import annotations

import json
from pathlib import Path

MMPOSE = """
dataset_info = dict(
    dataset_name='mouse',
    paper_info=dict(author='Somebody', year='2020'),
    keypoint_info={
        1: dict(name='right_ear', id=1, color=[1, 2, 3], type='upper', swap='left_ear'),
        0: dict(name='left_ear', id=0, color=[1, 2, 3], type='upper', swap='right_ear'),
        2: dict(name='tail', id=2, color=[1, 2, 3], type='lower', swap=''),
    },
    skeleton_info={0: dict(link=('left_ear', 'tail'), id=0), 1: dict(link=('right_ear', 'tail'), id=1)},
    joint_weights=[1.] * 3,
    sigmas=[0.025, 0.03, 0.1])
"""


def write_mmpose(path: Path, text: str = MMPOSE) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def write_category(path: Path) -> Path:
    """A COCO file whose second category has keypoints; limbs count from 1."""
    mouse = {"id": 2, "name": "mouse", "keypoints": ["left_ear", "right_ear", "tail"], "skeleton": [[1, 3], [2, 3]]}
    data = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cage"}, mouse]}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def write_sleap(path: Path) -> Path:
    """A SLEAP file with a skeleton alone."""
    import sleap_io

    ears = [sleap_io.Node("left_ear"), sleap_io.Node("right_ear")]
    skeleton = sleap_io.Skeleton([*ears, sleap_io.Node("tail")], [("left_ear", "tail"), ("right_ear", "tail")])
    skeleton.name = "mouse"
    skeleton.add_symmetry("left_ear", "right_ear")
    sleap_io.save_slp(sleap_io.Labels(skeletons=[skeleton]), str(path))
    return path
