"""Speed and memory of the training step over batch and image sizes, and what batching gains, as one record.

``python benchmarks/step_sweep.py`` runs `step.py` in a process of its own for every setting, so that peak memory is the
setting's. Memory per image is the slope over batch sizes: pictures of source and target, activations and gradients. The
plain step (`plain.py`) is at the first size and every batch size; it is compared by what both take of the bare passes,
each of its own run, since a shared machine is not as quick at one time as at another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import Figure, figure, fresh_python, parser, publish, record
from step import device

SCRIPT = Path(__file__).with_name("step.py")
MEMORY, RATIO = "peak memory of the step", "step over bare passes"


def run(arguments: list[str], quick: bool) -> list[Figure]:
    """Figures of one setting."""
    found = fresh_python(str(SCRIPT), *arguments, *(["--quick"] if quick else []))
    return [Figure(**f) for f in found["figures"]]


def value(figures: list[Figure], name: str, **at: Any) -> Figure:  # noqa: ANN401 - whatever a setting holds
    """The figure of this name and setting."""
    return next(f for f in figures if f.figure == name and at.items() <= f.at.items())


def memory_per_image(figures: list[Figure], batches: list[int], size: int) -> Figure:
    """Slope of peak memory between the least and the largest batch."""
    least, most = (value(figures, MEMORY, batch=b, size=size, plain=False) for b in (min(batches), max(batches)))
    slope = (most.value - least.value) / (max(batches) - min(batches))
    return figure("memory per image of one domain", "MiB", [slope], {**most.at, "batch": [min(batches), max(batches)]})


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32, 64], help="images of one domain a step")
    made.add_argument("--sizes", type=int, nargs="+", default=[128, 192, 256], help="sides of the images, pixels")
    made.add_argument("--with", dest="others", nargs="*", default=[], help="further options of step.py, without --")
    options = made.parse_args()
    others = [part if i % 2 else f"--{part}" for i, part in enumerate(options.others)]
    figures: list[Figure] = []
    for size in options.sizes:
        for batch in options.batches if size == options.sizes[0] else options.batches[-2:-1]:
            setting = ["--batch", str(batch), "--size", str(size), *others]
            found = run(setting, options.quick)
            if size == options.sizes[0]:
                slow = run([*setting, "--plain"], options.quick)
                gain = value(slow, RATIO).value / value(found, RATIO).value
                found = [*found, *slow, figure("plain step over step", "ratio", [gain], found[0].at)]
            figures += found
    if len(options.batches) > 1:
        figures.append(memory_per_image(figures, options.batches, options.sizes[0]))
    publish(record("step_sweep", figures, quick=options.quick, device=device()), options.out)


if __name__ == "__main__":
    main()
