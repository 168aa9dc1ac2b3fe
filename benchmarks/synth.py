"""Speed and memory of the renderer: images/s and CPU milliseconds per stage on one core, end to end in many processes.

OMP_NUM_THREADS=1 python benchmarks/synth.py --num 100                            # the table of docs/synth.md
OMP_NUM_THREADS=1 python benchmarks/synth.py --num 100 --size 256 --subject hand  # one row of it
OMP_NUM_THREADS=1 python benchmarks/synth.py --num 6000 --workers 15 --device cuda  # end to end, on a GPU
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from common import Figure, figure, fresh_python, parser, peak_memory_mib, publish, record

from actupose.synth import Generator, SynthConfig, synthesize

_ROWS = {
    "people": [],
    "hands": ["--subject", "hand"],
    "people, every image with others": ["--others", "1"],
    "people at 96 pixels": ["--size", "96"],
    "hands at 96 pixels": ["--size", "96", "--subject", "hand"],
}
_PERSON = ("body", "dress", "person")  # the stages that model, dress and draw people
_REPEATS = 5
_GPU_BATCH = 32  # pictures of 256 pixels that a GPU renders together


def measure(num: int, config: SynthConfig, seed: int = 0) -> list[Figure]:
    """Render `num` samples on one thread.

    Returns:
        Images per CPU second and per wall second, CPU ms per image and stage, how much faster batches are than single
        pictures, bytes per image, peak memory in MiB after the imports, after the models are loaded and at the end.
    """
    torch.set_num_threads(1)
    memory = {"imports": peak_memory_mib()}
    generator = Generator(config, seed)
    memory["models"] = peak_memory_mib()
    at = _settings(config, num) | {"others": generator.look.people.others, "batch": generator.batch}
    list(generator.render_many(range(10**6, 10**6 + 3)))  # warm-up: buffers, lazily loaded code
    generator.clock.seconds.clear()
    wall, cpu, num_bytes = _rendered(generator, num)
    stages = dict(generator.clock.seconds)
    memory["all"] = peak_memory_mib()
    gain = _gain(generator, num) if generator.batch > 1 else []
    return [
        figure("images a CPU second", "images/s", [num / cpu], at),
        figure("images a second", "images/s", [num / wall], at),
        *(figure("CPU time a stage", "ms", [1e3 * s / num], {**at, "stage": name}) for name, s in stages.items()),
        *([figure("CPU time of single pictures over batches", "ratio", gain, at)] if gain else []),
        figure("size of a picture", "bytes", [num_bytes / num], at),
        *(figure("peak memory", "MiB", [mib], {**at, "after": name}) for name, mib in memory.items()),
    ]


def _rendered(generator: Generator, num: int) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and bytes of the first `num` samples."""
    wall, cpu = time.perf_counter(), time.process_time()
    num_bytes = sum(len(sample.image) for sample in generator.render_many(range(num)))
    return time.perf_counter() - wall, time.process_time() - cpu, num_bytes


def _gain(generator: Generator, num: int) -> list[float]:
    """CPU time of single pictures over that of batches, taken in turns."""
    batch, ratios = generator.batch, []
    for _ in range(_REPEATS):
        together = _rendered(generator, num)[1]
        generator.batch = 1
        ratios.append(_rendered(generator, num)[1] / together)
        generator.batch = batch
    return ratios


def end_to_end(num: int, config: SynthConfig, workers: int) -> Figure:
    """Images a second of the whole verb: processes started, images rendered, encoded and stored."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        synthesize(Path(folder) / "store", num, 0, config, workers=workers)
        seconds = time.perf_counter() - start
    return figure("images a second, end to end", "images/s", [num / seconds], _settings(config, num, workers=workers))


def launches(config: SynthConfig, batch: int) -> Figure:
    """Operations a picture that a GPU would launch to render people of some pictures together, counted on the CPU."""
    from launches import Launches  # Lightning's memory is not the renderer's

    generator, counter = Generator(config), Launches()
    scenes = [generator.scene(index) for index in range(batch)]
    counter.count = Counter()
    with counter:
        generator.render_layers(scenes)
    return figure(
        "launches a picture", "1", [counter.count.total() / batch], {"subject": config.subject, "batch": batch}
    )


def _settings(config: SynthConfig, num: int, **more: int) -> dict[str, Any]:
    names = ("subject", "look", "size", "supersample", "shadows", "device")
    return {name: getattr(config, name) for name in names} | {"images": num} | more


def table(num: int) -> dict[str, Any]:
    """All rows, each in a process of its own: the record, with the rows of docs/synth.md."""
    rows, figures = [], []
    for what, options in _ROWS.items():
        found = fresh_python(__file__, "--num", str(num), "--subject", "body", *options)["figures"]
        figures += [Figure(**each) for each in found]
        stage = {each["at"]["stage"]: each["value"] for each in found if each["unit"] == "ms"}
        value = {each["figure"]: each["value"] for each in found if "stage" not in each["at"]}
        person = sum(stage[name] for name in _PERSON)
        rows.append(
            {
                "what": what,
                "images/s": round(value["images a CPU second"], 1),
                "person, ms": round(person, 1),
                "rest, ms": round(sum(stage.values()) - person, 1),
                "peak memory, MiB": round(value["peak memory"]),
            }
        )
    for subject in ("body", "hand"):
        figures += [launches(SynthConfig(subject=subject), batch) for batch in (1, _GPU_BATCH)]
    return record("synth", figures, quick=False) | {"table": rows}


def _options() -> argparse.ArgumentParser:
    made = parser(__doc__ or "")
    made.add_argument("--num", type=int, default=100, help="images to render")
    made.add_argument("--size", type=int, default=256, help="image side in pixels")
    made.add_argument("--supersample", type=int, default=2, help="samples per pixel and axis")
    made.add_argument("--subject", choices=("body", "hand"), default=None, help="people or hands; none: all rows")
    made.add_argument("--look", default="default", help="a built-in look or a YAML file")
    made.add_argument("--others", type=float, default=None, help="share of images with other people")
    made.add_argument("--no-shadows", action="store_true", help="leave the body's own shadows out")
    made.add_argument("--device", default="cpu", help="where people are rendered: cpu or cuda")
    made.add_argument("--workers", type=int, default=0, help="processes; measures `actupose synth` end to end")
    return made


def main() -> None:
    """Parse the command line and print the record."""
    options = _options().parse_args()
    if options.subject is None and not options.workers and not options.quick:
        publish(table(options.num), options.out)
        return
    config = SynthConfig(
        subject=options.subject or "body",
        look=options.look,
        size=64 if options.quick else options.size,
        supersample=1 if options.quick else options.supersample,
        shadows=not options.no_shadows,
        others=options.others,
        device=options.device,
    )
    num = 3 if options.quick else options.num
    figures = [end_to_end(num, config, options.workers)] if options.workers else measure(num, config)
    device = options.device if options.device == "cpu" else torch.cuda.get_device_name(options.device)
    publish(record("synth", figures, quick=options.quick, device=device), options.out)


if __name__ == "__main__":
    main()
