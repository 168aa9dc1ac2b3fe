"""Ground truth and methods side by side, PCK and EvalPose below each picture: the paper's Fig. 8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from actupose.report.canvas import save
from actupose.report.cases import CaseScores, Predictions, case_scores, choose_cases, read_predictions
from actupose.report.picture_grid import GRID_DPI, PictureGrid, drawn
from actupose.report.run_pictures import known_skeleton, pictures
from actupose.report.runs import FinishedRun
from actupose.report.written import Rows, RunFigure, written
from actupose.skeletons import Skeleton

Parts = Mapping[str, tuple[Predictions, CaseScores]]
_COUNT, _SHOWN_RUNS = 4, 5
_SIDE = 192
_TITLE_LENGTH = 24
_KINDS = {
    "hardest": "The hardest pictures: fewest keypoints right over all runs",
    "improved": "The most improved pictures: {last} against {first}",
    "harmed": "The most harmed pictures: {last} against {first}",
}


def write_cases(runs: Sequence[FinishedRun], folder: Path) -> Iterator[RunFigure]:
    """Draw the hardest, most improved and most harmed test pictures of runs.

    The first run is what others are compared with, the last one is judged; of more than five runs the first and the
    last four are shown. Nothing is drawn where the test pictures are not where the run found them.

    Args:
        runs: from `read_runs`.
        folder: where to write.

    Raises:
        UserError: a run's predictions are broken, or a file cannot be written.
    """
    held = {run.label: read_predictions(run.folder.predictions) for run in runs if run.folder.predictions.is_file()}
    tested = next((run for run in runs if run.label in held), None)
    skeleton = None if tested is None else known_skeleton(tested)
    if tested is None or skeleton is None:
        return
    same = {label: p for label, p in held.items() if p.points.shape[1] == skeleton.num_keypoints}
    names = [n for n in next(iter(same.values())).name if all(n in set(p.name) for p in same.values())] if same else []
    if not names:
        return
    same = {label: p.select(names) for label, p in same.items()}
    scores = {label: case_scores(p, skeleton) for label, p in same.items()}
    labels = list(same)
    shown = labels if len(labels) <= _SHOWN_RUNS else [labels[0], *labels[1 - _SHOWN_RUNS :]]
    for kind, chosen in choose_cases(scores, _COUNT).items():
        if not chosen:
            continue
        images = pictures(tested, "target_test", [names[i] for i in chosen])
        if images is None:
            return
        parts = {label: (same[label], scores[label]) for label in shown}
        caption = _KINDS[kind].format(first=labels[0], last=labels[-1])
        figure = RunFigure("cases", caption, _told(names, chosen, parts), folder / f"cases_{kind}.png")
        draw = partial(cases_figure, images, chosen, parts, skeleton)
        yield written(figure, draw, _rows(kind, names, chosen, scores))


def cases_figure(images: Tensor, chosen: Sequence[int], parts: Parts, skeleton: Skeleton, out: Path) -> Figure:
    """A row a picture: its labels, then each run's prediction with its scores below, the best in bold.

    Args:
        images: (N, 3, S, S) uint8.
        chosen: N places of the pictures in the predictions.
        parts: run -> predictions and their scores.
        skeleton: of the predictions.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.
    """
    grid = PictureGrid(len(chosen), 1 + len(parts), lines=2, side=_SIDE)
    for column, title in enumerate(["ground truth", *parts]):
        grid.title(0, column, title if len(title) <= _TITLE_LENGTH else f"…{title[1 - _TITLE_LENGTH :]}")
    for row, i in enumerate(chosen):
        best = max(int(scores.right[i]) for _, scores in parts.values())
        first = next(iter(parts.values()))[0]
        truth = torch.from_numpy(first.truth[i] * images.shape[-1] - 0.5)
        place = grid.picture(0, row, 0, drawn(images[row], truth, first.visible[i], skeleton, _SIDE))
        grid.caption(place, "")
        for column, (predictions, scores) in enumerate(parts.values(), 1):
            points = torch.from_numpy(predictions.points[i] * images.shape[-1] - 0.5)
            place = grid.picture(0, row, column, drawn(images[row], points, None, skeleton, _SIDE))
            grid.caption(place, scores.text(i), strong=len(parts) > 1 and int(scores.right[i]) == best > 0)
    save(grid.figure, out, GRID_DPI)
    return grid.figure


def _told(names: Sequence[str], chosen: Sequence[int], parts: Parts) -> str:
    """The figure in words."""
    lines = []
    for i in chosen:
        each = ", ".join(f"{label} {scores.right[i]} of {scores.scored[i]}" for label, (_, scores) in parts.items())
        lines.append(f"{names[i]}: {each}")
    return "People with drawn poses; keypoints right. " + "; ".join(lines) + "."


def _rows(kind: str, names: Sequence[str], chosen: Sequence[int], scores: Mapping[str, CaseScores]) -> Rows:
    rows: Rows = [
        [kind, names[i], label, int(s.right[i]), int(s.scored[i]), float(s.pck[i]), float(s.evalpose[i])]
        for i in chosen
        for label, s in scores.items()
    ]
    return [["case", "picture", "run", "right", "scored", "pck", "evalpose"], *rows]
