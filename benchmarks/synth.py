"""Speed and memory of the synthetic generator on one core: images/s and CPU milliseconds per stage, as JSON.

OMP_NUM_THREADS=1 python benchmarks/synth.py --num 100 --size 256 --subject hand
"""

from __future__ import annotations

import time

import torch
from common import Figure, figure, parser, peak_memory_mib, publish, record

from actupose.synth import Generator, SynthConfig


def measure(num: int, config: SynthConfig, seed: int = 0) -> list[Figure]:
    """Render `num` samples on one thread.

    Returns:
        Images per CPU second and per wall second, CPU ms per image and stage, bytes per image, peak memory in MiB after
        the imports, after the models are loaded and at the end.
    """
    torch.set_num_threads(1)
    memory = {"imports": peak_memory_mib()}
    generator = Generator(config, seed)
    memory["models"] = peak_memory_mib()
    for index in range(3):  # warm-up: buffers, lazily loaded code
        generator.render(10**6 + index)
    generator.clock.seconds.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    num_bytes = sum(len(generator.render(index).image) for index in range(num))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory["all"] = peak_memory_mib()
    at = {
        "subject": config.subject,
        "look": config.look,
        "others": generator.look.people.others,
        "size": config.size,
        "supersample": config.supersample,
        "shadows": config.shadows,
        "images": num,
    }
    stages = generator.clock.seconds.items()
    return [
        figure("images a CPU second", "images/s", [num / cpu], at),
        figure("images a second", "images/s", [num / wall], at),
        *(figure("CPU time a stage", "ms", [1e3 * s / num], {**at, "stage": name}) for name, s in stages),
        figure("size of a picture", "bytes", [num_bytes / num], at),
        *(figure("peak memory", "MiB", [mib], {**at, "after": name}) for name, mib in memory.items()),
    ]


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--num", type=int, default=100, help="images to render")
    made.add_argument("--size", type=int, default=256, help="image side in pixels")
    made.add_argument("--supersample", type=int, default=2, help="samples per pixel and axis")
    made.add_argument("--subject", choices=("body", "hand"), default="body", help="people or single hands")
    made.add_argument("--look", default="default", help="a built-in look or a YAML file")
    made.add_argument("--others", type=float, default=None, help="share of images with other people")
    made.add_argument("--no-shadows", action="store_true", help="leave the body's own shadows out")
    options = made.parse_args()
    config = SynthConfig(
        subject=options.subject,
        look=options.look,
        size=64 if options.quick else options.size,
        supersample=1 if options.quick else options.supersample,
        shadows=not options.no_shadows,
        others=options.others,
    )
    num = 3 if options.quick else options.num
    publish(record("synth", measure(num, config), quick=options.quick), options.out)


if __name__ == "__main__":
    main()
