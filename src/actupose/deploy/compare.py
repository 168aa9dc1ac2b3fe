"""An exported file against the network that it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from actupose.deploy.graph import PoseGraph

ONNX, PT2 = "model.onnx", "model.pt2"
_SHAPES = ((1, 64, 48), (3, 120, 200), (2, 333, 257))  # pictures that every export is compared on: N, H, W
_LARGEST_CONFIDENCE = 1e-3
_NEAR_PIXELS, _NEAR_SHARE = 0.05, 0.99
Run = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Comparison:
    """An exported file against the network it came from, on the same pictures.

    Attributes:
        file: name of the file.
        keypoints: how many keypoints were compared.
        near: share of them within 0.05 pixels; two peaks of one height may be told apart by the last bit.
        median: median distance in pixels.
        confidence: largest difference of confidence.
    """

    file: str
    keypoints: int
    near: float
    median: float
    confidence: float

    @property
    def good(self) -> bool:
        """Whether the file does what the network does."""
        return self.near >= _NEAR_SHARE and self.confidence <= _LARGEST_CONFIDENCE

    def text(self) -> str:
        """One line for the terminal."""
        return (
            f"{self.file}: {self.near:.1%} of {self.keypoints} keypoints within {_NEAR_PIXELS} pixels of the network's,"
            f" median distance {self.median:.1e}, confidence within {self.confidence:.1e}"
        )


def torch_run(module: torch.nn.Module) -> Run:
    """A module of torch as a function of arrays."""

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            points, confidence = module(torch.from_numpy(images))
        return points.numpy(), confidence.numpy()

    return run


def compare(file: str, graph: PoseGraph, run: Run) -> Comparison:
    """Run a file and the network on the same pictures.

    Args:
        file: its name, for the comparison.
        graph: the network.
        run: the file, as a function of pictures (N, H, W, 3).
    """
    distances, confidences = [], []
    wanted = torch_run(graph)
    for shape in _SHAPES:
        images = pictures(*shape)
        (points, peaks), (other_points, other_peaks) = wanted(images), run(images)
        distances.append(np.linalg.norm(points - other_points, axis=-1).ravel())
        confidences.append(np.abs(peaks - other_peaks).ravel())
    distance = np.concatenate(distances)
    near = float((distance <= _NEAR_PIXELS).mean())
    return Comparison(file, len(distance), near, float(np.median(distance)), float(np.concatenate(confidences).max()))


def pictures(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Smooth random pictures (N, H, W, 3), the same ones every time."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(height))
    smooth = torch.nn.functional.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
