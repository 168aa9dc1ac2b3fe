"""Label-free validators over the epochs of several runs, beside the labelled score where a run kept it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from actupose.engine.run_folder import RunFolder, read_epoch_lines
from actupose.errors import UserError
from actupose.report.canvas import PALETTE, TICK_SIZE, dress, heading, new_figure, save
from actupose.report.figures import draw_curve

Series = Mapping[str, Sequence[tuple[int, float]]]
TRUTH = "target PCK@0.05 (labels)"
_COLUMNS = 3


def read_epochs(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """Validator -> (epoch counted from 1, value), and the labelled score of the headline network where it was kept.

    Args:
        run: with ``validators.jsonl``, perhaps ``scores.jsonl``.

    Raises:
        UserError: a log is broken.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    lines = read_epoch_lines(run.validators)
    lines += [
        {"epoch": line["epoch"], TRUTH: line.get(f"{line.get('net')}/pck/All")}
        for line in read_epoch_lines(run.path / "scores.jsonl")
    ]
    for line in lines:
        for name, value in line.items():
            if name != "epoch" and isinstance(value, int | float) and math.isfinite(value):
                series.setdefault(name, []).append((int(line["epoch"]) + 1, float(value)))
    return series


def validators_figure(runs: Mapping[str, Series], out: Path) -> Figure:
    """A panel a validator, a line a run.

    Args:
        runs: label -> series, from `read_epochs`.
        out: PNG, SVG or PDF to write.

    Returns:
        The figure, as written.

    Raises:
        UserError: no run has a value, or ``out`` cannot be written.
    """
    names = list(dict.fromkeys(name for series in runs.values() for name in series))
    if not names:
        raise UserError(f"{', '.join(runs) or 'no run'}: holds no validator's value; let the run finish an epoch.")
    names.sort(key=lambda name: name == TRUTH)
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = new_figure(2.9 * columns, 0.7 + 2.0 * rows)
    heading(figure, "Validators that read no target label")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, name in zip(panels, names, strict=False):
        for i, (label, series) in enumerate(runs.items()):
            if name in series:
                draw_curve(panel, series[name], PALETTE[i % len(PALETTE)], label)
        dress(panel, title=name, x="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for panel in panels[len(names) :]:
        panel.remove()
    drawn = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower left", ncols=4, fontsize=TICK_SIZE, frameon=False)
    save(figure, out)
    return figure
