"""A model for other programs: ONNX, `torch.export` and safetensors, each run and compared before it counts."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actupose.deploy.card import write_card
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.compare import ONNX, PT2, Comparison, Run, compare, pictures, torch_run
from actupose.deploy.folder import WEIGHTS, load_folder, write_folder
from actupose.deploy.graph import PoseGraph
from actupose.deploy.predict import network_side
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError

ExportFormat = Literal["onnx", "pt2", "safetensors", "all"]


def export(
    model: LoadedModel,
    out: Path,
    kind: ExportFormat = "all",
    *,
    size: int | None = None,
    run: RunFolder | None = None,
) -> list[Comparison]:
    """Write a model's weights, description and, where asked for, graphs; nothing is left where one of them fails.

    ``model.safetensors`` and ``config.json`` are always written, so that `actupose.load` reads every export.

    Args:
        model: from `load_checkpoint`.
        out: a new folder.
        kind: which graphs beside the weights.
        size: side of the network's images; None = that of its training.
        run: the run folder that the model came from, for its card.

    Returns:
        How each file compares with the network.

    Raises:
        UserError: ``out`` is used or cannot be written, a package is missing, or a file does not do what the network
            does.
    """
    side = network_side(model, size)
    model = model._replace(size=side)
    graph = PoseGraph(model.net.cpu().eval(), side).eval()
    with _new_folder(out) as folder:
        write_folder(model, folder)
        again = PoseGraph(load_folder(folder).net, side).eval()
        found = [compare(WEIGHTS, graph, torch_run(again))]
        if kind in ("pt2", "all"):
            found.append(compare(PT2, graph, _write_pt2(graph, folder / PT2)))
        if kind in ("onnx", "all"):
            found.append(compare(ONNX, graph, write_onnx(graph, folder / ONNX)))
        for comparison in found:
            if not comparison.good:
                raise UserError(f"{comparison.text()}; that is too far, nothing was written. Please report it.")
        write_card(model, run, found, folder)
    return found


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name when all in it is done."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists already; name another --out or remove it.")
    temporary = out.with_name(f".{out.name}.tmp{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror or error}); name another --out.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _example() -> tuple[Tensor, ...]:
    return (torch.from_numpy(pictures(2, 120, 200)),)


def _dynamic() -> tuple[dict[int, object], ...]:
    return (dict.fromkeys(range(3), torch.export.Dim.DYNAMIC),)


def _write_pt2(graph: PoseGraph, path: Path) -> Run:
    with _quiet():
        program = torch.export.export(graph, _example(), dynamic_shapes=_dynamic())
        torch.export.save(program, path)
    return torch_run(torch.export.load(path).module())


def write_onnx(graph: PoseGraph, path: Path) -> Run:
    """Export by dynamo, and open the file in ONNX Runtime.

    Args:
        graph: in evaluation mode, on the CPU.
        path: of the file.

    Returns:
        What runs the file on pictures.

    Raises:
        UserError: a package is missing.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - the exporter needs it
    except ImportError as error:
        raise UserError(f"ONNX needs {error.name}; pip install 'actupose[export]'.") from error
    with _quiet():
        torch.onnx.export(
            graph,
            _example(),
            path,
            dynamo=True,
            verbose=False,
            dynamic_shapes=_dynamic(),
            input_names=["images"],
            output_names=["keypoints", "confidence"],
            external_data=False,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        points, confidence = session.run(["keypoints", "confidence"], {"images": images})
        return np.asarray(points), np.asarray(confidence)

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes about its own insides."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
