"""Pictures to keypoints a second, by PyTorch and by ONNX Runtime, and the share that decoding takes, as JSON.

``python benchmarks/predict.py`` takes the whole graph that `actupose export` writes: uint8 pictures in, keypoints out,
with resizing and decoding inside. Beside it the parts: the network alone, and decoding (sub-pixel maximum of every
heatmap) alone; ``decode share`` is the part of both together. Random weights and pictures; nothing is downloaded.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Figure, figure, parser, publish, record
from step import device

from actupose.codecs import subpixel, to_image
from actupose.deploy.export import write_onnx
from actupose.deploy.graph import PoseGraph
from actupose.models import NetConfig, PoseNet
from actupose.models.pose_net import STRIDE

KEYPOINTS = 16
Call = Callable[[], Any]


def seconds(call: Call, clock: Call, repeats: int, least: float) -> list[float]:
    """Seconds of a call, each repeat as many calls as fill the least time, after a warm-up.

    Args:
        call: what is timed.
        clock: gives seconds.
        repeats: how many.
        least: seconds of a repeat.
    """

    def timed(count: int) -> float:
        start = clock()
        for _ in range(count):
            call()
        return (clock() - start) / count

    count = max(1, round(least / min(timed(1) for _ in range(3))))
    return [timed(count) for _ in range(repeats)]


def clock_of(threads: int) -> tuple[Callable[[], float], str]:
    """CPU time for one thread, which a busy machine does not change; else the clock on the wall."""
    if torch.cuda.is_available():

        def synchronised() -> float:
            torch.cuda.synchronize()
            return time.perf_counter()

        return synchronised, "wall"
    return (time.process_time, "cpu") if threads == 1 else (time.perf_counter, "wall")


def make_net(config: NetConfig) -> PoseNet:
    """A network with random weights."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the weights are random on purpose
        return PoseNet(config, KEYPOINTS).eval()


def onnx_runner(graph: PoseGraph, pictures: np.ndarray[Any, Any], threads: int) -> tuple[Call, str]:
    """The exported graph in ONNX Runtime, on CUDA where it can, and the device's name."""
    import onnxruntime

    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        path = Path(folder) / "model.onnx"
        write_onnx(graph, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    return lambda: session.run(None, {"images": pictures}), "cuda" if cuda else "cpu"


def measure(config: NetConfig, size: int, batch: int, threads: int, repeats: int, least: float) -> list[Figure]:
    """Figures of one number of threads."""
    torch.set_num_threads(threads)
    name = "cuda" if torch.cuda.is_available() else "cpu"
    net = make_net(config)
    pictures = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    where = {"backbone": config.backbone, "head": config.head, "width": config.width, "size": size, "batch": batch}
    clock, kind = clock_of(threads)
    where |= {"threads": threads, "clock": kind, "load": round(os.getloadavg()[0], 1)}
    runner, onnx_device = onnx_runner(PoseGraph(net, size), pictures, threads)
    graph = PoseGraph(net, size).to(name)
    raw = torch.from_numpy(pictures)
    images = torch.rand(batch, 3, size, size, device=name)
    with torch.inference_mode():
        heatmaps = net(images).heatmaps.float()
        parts = [  # repeat by repeat, so that both see the same machine
            tuple(seconds(part, clock, 1, least)[0] for part in (lambda: net(images), lambda: decode(heatmaps)))
            for _ in range(repeats)
        ]
        by_torch = seconds(lambda: [x.cpu() for x in graph(raw.to(name))], clock, repeats, least)
    by_onnx = seconds(runner, clock, repeats, least)
    return [
        figure("PyTorch, whole graph", "images/s", [batch / s for s in by_torch], {**where, "device": name}),
        figure("ONNX Runtime, whole graph", "images/s", [batch / s for s in by_onnx], {**where, "device": onnx_device}),
        figure("network alone", "ms", [1e3 * net_s for net_s, _ in parts], {**where, "device": name}),
        figure("decoding alone", "ms", [1e3 * s for _, s in parts], {**where, "device": name}),
        figure("decode share", "%", [100 * s / (s + net_s) for net_s, s in parts], {**where, "device": name}),
    ]


def decode(heatmaps: torch.Tensor) -> torch.Tensor:
    """Sub-pixel keypoints in pixels of the images."""
    return to_image(subpixel(heatmaps)[0], STRIDE)


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--backbone", default="tf_efficientnet_lite0", help="a timm name")
    made.add_argument("--head", choices=("deconv", "fpn"), default="fpn")
    made.add_argument("--width", type=int, default=96, help="channels of the head")
    made.add_argument("--size", type=int, default=128, help="side of the pictures, pixels")
    made.add_argument("--batch", type=int, default=32, help="pictures at once")
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads to measure with")
    made.add_argument("--num", type=int, default=5, help="repeats")
    options = made.parse_args()
    repeats, least = (2, 0.0) if options.quick else (options.num, 1.0)
    net = {"backbone": options.backbone, "head": options.head, "width": options.width}
    shape = (options.size, options.batch)
    if options.quick:
        net, shape, options.threads = {"backbone": "test_efficientnet", "head": "fpn", "width": 16}, (64, 2), [1]
    config = NetConfig(weights="random", **net)
    figures = [f for n in options.threads for f in measure(config, *shape, n, repeats, least)]
    publish(record("predict", figures, quick=options.quick, device=device()), options.out)


if __name__ == "__main__":
    main()
