"""SLEAP projects and packages, written by sleap-io."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sleap_io
from PIL import Image

from actupose.data.crop import decode_image
from actupose.data.frames import VideoFrame
from actupose.data.prepare import prepare
from actupose.data.readers import read, sleap
from actupose.errors import UserError
from data.fakes.pictures import picture
from data.fakes.video import read_number, write_video

POINTS = np.array([[[10, 12], [30.5, 20], [np.nan, np.nan]], [[40, 8], [20, 33.25], [50, 40]]])


def make_skeleton() -> sleap_io.Skeleton:
    skeleton = sleap_io.Skeleton(["left_ear", "right_ear", "tail"], [("left_ear", "tail"), ("right_ear", "tail")])
    skeleton.name = "mouse"
    return skeleton


def make_labels(video: sleap_io.Video, frames: tuple[int, ...]) -> sleap_io.Labels:
    """Two animals a frame, and a prediction that must not be read."""
    skeleton = make_skeleton()
    people = [sleap_io.Instance.from_numpy(points, skeleton=skeleton) for points in POINTS]
    guess = sleap_io.PredictedInstance.from_numpy(POINTS[1] + 5, skeleton=skeleton, score=0.9)
    found = [sleap_io.LabeledFrame(video=video, frame_idx=i, instances=[*people, guess]) for i in frames]
    return sleap_io.Labels(found)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of images and the project beside it, which names them by an absolute path."""
    root = tmp_path / "project"
    (root / "images").mkdir(parents=True)
    for i in range(4):
        picture(64, 48, i).save(root / "images" / f"{i}.png")
    video = sleap_io.Video.from_filename([str(root / "images" / f"{i}.png") for i in range(4)])
    labels = make_labels(video, (0, 3))
    labels.save(str(root / "mouse.slp"), verbose=False)
    (tmp_path / "pack").mkdir()
    labels.save(str(tmp_path / "pack" / "mouse.pkg.slp"), embed=True, verbose=False)
    return root


def test_a_project_of_images(project: Path) -> None:
    found = read("sleap", project)
    assert [r.name for r in found.records] == [f"video0/{i:06d}#{k}" for i in (0, 3) for k in (0, 1)]
    assert found.skeleton.limbs == ((0, 2), (1, 2))
    for record, points in zip(found.records, [*POINTS, *POINTS], strict=True):
        assert record.keypoints is not None
        assert record.visible is not None
        assert record.visible.tolist() == [2 if np.isfinite(p).all() else 0 for p in points]
        np.testing.assert_allclose(record.keypoints, np.nan_to_num(points))
    assert found.records[2].image == project / "images" / "3.png"


def test_a_project_that_moved(project: Path, tmp_path: Path) -> None:
    moved = project.rename(tmp_path / "elsewhere")
    assert read("sleap", moved / "mouse.slp").records[0].image == moved / "images" / "0.png"


def test_a_package_holds_its_images(project: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    names = [str(r.image) for r in read("sleap", pack).records]
    assert names[2] == f"{pack / 'mouse.pkg.slp'}, image 1 of video0/video"
    for record, number in zip(read("sleap", pack).records, (0, 0, 3, 3), strict=True):
        original = np.asarray(Image.open(project / "images" / f"{number}.png"))
        np.testing.assert_array_equal(np.asarray(decode_image(record.image, record.name)), original)
    report = prepare(read("sleap", pack), tmp_path / "s", size=32, workers=2, shard_size=2)
    assert (report.num_rows, report.problems) == (4, [])


def test_colours_of_a_package_in_opencvs_order(project: Path, tmp_path: Path) -> None:  # noqa: ARG001 - it writes the package
    import h5py

    path = tmp_path / "pack" / "mouse.pkg.slp"
    before = np.asarray(decode_image(read("sleap", path).records[0].image, "x"))
    with h5py.File(path, "a") as file:
        written = file["video0/video"].attrs.get(
            "channel_order", "RGB"
        )  # sleap-io 0.7 writes BGR where OpenCV is there
        file["video0/video"].attrs["channel_order"] = "RGB" if written == "BGR" else "BGR"
    after = np.asarray(decode_image(read("sleap", path).records[0].image, "x"))
    np.testing.assert_array_equal(after, before[..., ::-1])


def test_a_project_of_a_video(tmp_path: Path) -> None:
    write_video(tmp_path / "cage.mp4", 20)
    video = sleap_io.Video(filename=str(tmp_path / "cage.mp4"), open_backend=False)
    make_labels(video, (5, 17)).save(str(tmp_path / "mouse.slp"), verbose=False)
    records = read("sleap", tmp_path).records
    assert records[2].image == VideoFrame(tmp_path / "cage.mp4", 17)
    assert read_number(decode_image(records[2].image, "x")) == 17


def test_a_video_that_is_gone_is_said_of_every_record(tmp_path: Path) -> None:
    write_video(tmp_path / "cage.mp4", 20)
    video = sleap_io.Video(filename=str(tmp_path / "cage.mp4"), open_backend=False)
    make_labels(video, (5, 17)).save(str(tmp_path / "mouse.slp"), verbose=False)
    (tmp_path / "cage.mp4").unlink()
    with pytest.raises(UserError, match=r"4 of 4 items are unusable.*video0/000005#0: no such image \(.*cage.mp4"):
        prepare(read("sleap", tmp_path), tmp_path / "s", size=32)


def test_nothing_outside_the_root_is_opened(project: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (project / "mouse.slp").rename(tmp_path / "b" / "x.slp")  # its images stay where they were
    found = read("sleap", tmp_path / "b")
    assert found.records[0].image == tmp_path / "b" / "0.png"
    with pytest.raises(UserError, match=r"x.slp, frame 0: its image 'a/../../0.png' lies outside"):
        sleap._found_below(tmp_path / "b", r"C:\a\..\..\0.png", "x.slp, frame 0")


def test_wrong_files(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone: no such file"):
        read("sleap", tmp_path / "gone")
    (project / "other.slp").write_bytes((project / "mouse.slp").read_bytes()[:2000])
    with pytest.raises(UserError, match=r"holds 2 .slp files; name one"):
        read("sleap", project)
    with pytest.raises(UserError, match=r"other.slp: is not a readable SLEAP file"):
        read("sleap", project, annotations=project / "other.slp")
    assert len(read("sleap", project, annotations=project / "mouse.slp").records) == 4
    sleap_io.Labels(skeletons=[make_skeleton()]).save(str(tmp_path / "empty.slp"), verbose=False)
    with pytest.raises(UserError, match=r"empty.slp: holds no labelled instance"):
        read("sleap", tmp_path / "empty.slp")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_packages(project: Path, tmp_path: Path, share: float) -> None:  # noqa: ARG001 - it writes the package
    path = tmp_path / "pack" / "mouse.pkg.slp"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=r"mouse.pkg.slp: is not a readable SLEAP file"):
        read("sleap", path)
