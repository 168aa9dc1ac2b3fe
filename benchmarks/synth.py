"""Speed and memory of the synthetic generator on one core: images/s and CPU milliseconds per stage, as JSON.

OMP_NUM_THREADS=1 python benchmarks/synth.py --num 100 --size 256 --subject hand
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import torch

from actupose.synth import Generator, SynthConfig


def peak_memory() -> int:
    """Most memory (MiB) that this process has held so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measure(num: int, config: SynthConfig, seed: int = 0) -> dict[str, object]:
    """Render `num` samples on one thread.

    Returns:
        Images per CPU second and per wall second, CPU ms per image and stage, bytes per image, peak memory in MiB after
        the imports, after the models are loaded and at the end.
    """
    torch.set_num_threads(1)
    memory = {"imports": peak_memory()}
    generator = Generator(config, seed)
    memory["models"] = peak_memory()
    for index in range(3):  # warm-up: buffers, lazily loaded code
        generator.render(10**6 + index)
    generator.clock.seconds.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    num_bytes = sum(len(generator.render(index).image) for index in range(num))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    stages = {name: round(seconds / num * 1e3, 2) for name, seconds in generator.clock.seconds.items()}
    memory["all"] = peak_memory()
    return {
        "subject": config.subject,
        "look": config.look,
        "others": generator.look.people.others,
        "size": config.size,
        "supersample": config.supersample,
        "shadows": config.shadows,
        "images": num,
        "images_per_cpu_second": round(num / cpu, 1),
        "images_per_wall_second": round(num / wall, 1),
        "stage_cpu_ms": stages,
        "jpeg_bytes": round(num_bytes / num),
        "peak_memory_mib": memory,
    }


def main() -> None:
    """Parse the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=100, help="images to render")
    parser.add_argument("--size", type=int, default=256, help="image side in pixels")
    parser.add_argument("--supersample", type=int, default=2, help="samples per pixel and axis")
    parser.add_argument("--subject", choices=("body", "hand"), default="body", help="people or single hands")
    parser.add_argument("--look", default="default", help="a built-in look or a YAML file")
    parser.add_argument("--others", type=float, default=None, help="share of images with other people")
    parser.add_argument("--no-shadows", action="store_true", help="leave the body's own shadows out")
    options = parser.parse_args()
    config = SynthConfig(
        subject=options.subject,
        look=options.look,
        size=options.size,
        supersample=options.supersample,
        shadows=not options.no_shadows,
        others=options.others,
    )
    print(json.dumps(measure(options.num, config), indent=2))


if __name__ == "__main__":
    main()
