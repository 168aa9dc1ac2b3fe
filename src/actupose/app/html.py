"""The page's changing parts as HTML with the pictures inside, so that none is a file anywhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from actupose.app.compare import Answer, Comparison
from actupose.app.curriculum import SourcePose

_FOLDER = "page"


def pictures_html(comparison: Comparison, threshold: float) -> str:
    """Every picture with each model's answer beside the other's, and a table of keypoints.

    Args:
        comparison: from `compare`.
        threshold: least confidence of a keypoint that is drawn.
    """
    pictures = [
        {"name": name, "sides": [_side(comparison, i, answer, threshold) for answer in comparison.answers]}
        for i, name in enumerate(comparison.names)
    ]
    return _render("pictures.html", pictures=pictures, threshold=threshold)


def poses_html(poses: Sequence[SourcePose], num_bins: int, text: str) -> str:
    """Source poses in rows.

    Args:
        poses: from `CurriculumBrowser`.
        num_bins: of the curriculum.
        text: one line above them.
    """
    return _render("poses.html", poses=poses, bins=num_bins, text=text)


def problems_html(problems: Sequence[str]) -> str:
    """Lines that a screen reader tells at once; empty without any."""
    return _render("problems.html", problems=list(problems)).strip()


def asset(name: str) -> str:
    """A style or script of ours, as it is."""
    return (resources.files("actupose.app") / _FOLDER / name).read_text(encoding="utf-8")


def _render(template: str, **values: Any) -> str:  # noqa: ANN401 - plain data of any kind
    environment = Environment(loader=PackageLoader("actupose.app", _FOLDER), autoescape=True, undefined=StrictUndefined)
    environment.filters["jpeg"] = _jpeg
    return environment.get_template(template).render(**values)


def _jpeg(data: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _side(comparison: Comparison, index: int, answer: Answer, threshold: float) -> dict[str, Any]:
    found = answer.predictions[index]
    joints = [
        {"name": name, "x": x, "y": y, "confidence": sure}
        for name, (x, y), sure in zip(
            answer.skeleton.keypoints, found.keypoints.tolist(), found.confidence.tolist(), strict=True
        )
    ]
    return {
        "title": answer.title,
        "picture": _jpeg(comparison.drawn(index, answer, threshold)),
        "mean": found.score,
        "shown": int((found.confidence >= threshold).sum()),
        "joints": joints,
    }
