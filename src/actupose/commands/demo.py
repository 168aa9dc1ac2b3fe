"""`actupose demo`: the whole road in minutes, with the real parts."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError

_NAMES = {"source_only": "source-only", "actupose": "ACTUPose"}
_PICTURES = 8
_TAIL = 1.1  # poses from common to rare, so that the curriculum has something to choose from


@dataclass(frozen=True)
class DemoConfig:
    """What the demo does.

    Attributes:
        target: your own pictures: a folder of images, an LSP or LSP-extended root, a COCO root or a store; without it a
            second look is rendered.
        num_source: rendered source images.
        num_target: rendered target images for training, without labels.
        num_test: rendered target images with labels that evaluation alone reads.
        size: image side in pixels.
        epochs: epochs of both trainings.
        iterations: steps an epoch.
        seed: of everything.
    """

    target: Path | None = None
    num_source: int = 1500
    num_target: int = 600
    num_test: int = 200
    size: int = 96
    epochs: int = 14
    iterations: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.num_source, self.num_target, self.num_test, self.iterations) < 1 or self.epochs < 2:
            raise UserError("demo: the counts of images and iterations must be 1 or more, epochs 2 or more.")


@dataclass(frozen=True)
class _Stores:
    source: Path
    target: Path
    test: Path | None


def run(args: list[str]) -> None:
    """Render two domains, train source-only and ACTUPose side by side, compare, draw.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("demo", "Render a source and a target, train source-only and ACTUPose, compare them.")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of everything the demo writes")
    parser.add_class_arguments(DemoConfig, None)
    parsed = parse(parser, args)
    demo = DemoConfig(**{name: parsed[name] for name in DemoConfig.__dataclass_fields__})
    start = time.monotonic()
    stores = _make_stores(parsed.out, demo)
    _train(parsed.out, demo, stores)
    print(_compare(parsed.out, demo, stores, start))


# -- data


def _make_stores(out: Path, demo: DemoConfig) -> _Stores:
    from actupose.synth import SynthConfig, synthesize

    target, test = (None, None) if demo.target is None else _own_target(out, demo.target)
    workers, look = os.cpu_count() or 1, SynthConfig(size=demo.size, tail=_TAIL)
    source = out / "source"
    synthesize(source, demo.num_source, demo.seed, look, workers=workers, label="render source")
    if target is None:
        target, test = out / "target", out / "target_test"
        look = SynthConfig(look="target", size=demo.size)
        synthesize(target, demo.num_target, demo.seed + 1, look, workers=workers, label="render target")
        synthesize(test, demo.num_test, demo.seed + 2, look, workers=workers, label="render target test")
    return _Stores(source, target, test)


def _own_target(out: Path, root: Path) -> tuple[Path, Path | None]:
    """Stores of the user's pictures: for training, and with labels for the test where there are some."""
    from actupose.data.prepare import prepare
    from actupose.data.readers import READERS, read, sniff

    kind = sniff(root)
    if kind == "store":
        return root, None
    workers = os.cpu_count() or 1
    splits = ("train", "test") if {"train", "test"} <= set(READERS[kind].splits) else ("all",)
    made = []
    for split in splits:
        found = read(kind, root, split)
        report = prepare(found, out / f"target_{split}", size=256, workers=workers)
        print(report.text(), flush=True)
        made.append(report.path)
    return made[0], made[1] if len(made) > 1 else None


# -- training


def _train(out: Path, demo: DemoConfig, stores: _Stores) -> None:
    from actupose.data.store import write_json_atomically
    from actupose.engine.processes import run_side_by_side

    commands = {}
    for method, name in _NAMES.items():
        file = out / f"{method}.json"  # JSON is YAML
        write_json_atomically(file, _training_config(method, demo, stores, out))
        commands[name] = ["fit", "--config", str(file)]
    run_side_by_side(commands, demo.epochs)


def _training_config(method: str, demo: DemoConfig, stores: _Stores, out: Path) -> dict[str, Any]:
    """The config of one training; `actupose fit --config` repeats it."""
    adapt_from = max(1, round(demo.epochs * 4 / 7))  # the paper's 40 of 70
    adapts = method == "actupose"
    # As in configs/profiles/weak_teacher.yaml.
    adaptation = {"teacher": {"bn": "ema", "view_strength": 0.0, "mask_ratio": 0.9}} if adapts else {}
    return {
        "seed_everything": demo.seed,
        "out": str(out / method),
        "trainer": {"max_epochs": demo.epochs, "accelerator": "cpu"},
        "data": {
            "source": str(stores.source),
            "target": str(stores.target) if adapts else None,
            "target_test": None if stores.test is None else str(stores.test),
            "size": demo.size,
            "loader": {"batch_size": 32, "iterations": demo.iterations},
            "curriculum": {"kind": "active", "floor": 0.3} if adapts else {"kind": "none"},
        },
        "model": {
            "class_path": "actupose.methods.ACTUPose" if adapts else "actupose.methods.SourceOnly",
            "init_args": {
                "net": {"backbone": "tf_efficientnet_lite0", "head": "fpn", "width": 96},
                "schedule": {
                    "lr": 0.002,
                    "eps": 1e-11,
                    # Later than the paper's 45 and 60 of 70: an adaptation of so few steps wants the full rate longer.
                    "milestones": [round(demo.epochs * 0.8), round(demo.epochs * 0.93)],
                    "adapt_from": adapt_from,
                    "ema_decay": 0.98,
                },
                **adaptation,
            },
        },
    }


# -- results


def _compare(out: Path, demo: DemoConfig, stores: _Stores, start: float) -> str:
    """The table and the pictures."""
    from actupose.engine.run_folder import RunFolder
    from actupose.report.figures import curriculum_figure
    from actupose.report.table import scores_table
    from actupose.skeletons import load_skeleton

    runs = {name: RunFolder(out / method) for method, name in _NAMES.items()}
    curriculum_figure(runs["ACTUPose"].curriculum, out / "curriculum.png")
    _draw_predictions(out, demo, stores)
    lines = []
    if stores.test is not None:
        results = {name: run.read_scores() for name, run in runs.items()}
        table = scores_table(
            {name: r["scores"] for name, r in results.items()},
            list(load_skeleton("body16").groups),
            {name: r["headline"] for name, r in results.items()},
        )
        seconds = ", ".join(f"{name} {r['train_seconds']:.0f} s" for name, r in results.items())
        lines += [table, f"training: {seconds} (side by side)"]
    else:
        lines.append("The target has no labels, so there is no PCK: look at predictions.png.")
    (out / "demo.json").write_text(json.dumps({"seconds": time.monotonic() - start}) + "\n", encoding="utf-8")
    lines.append(f"all of it: {time.monotonic() - start:.0f} s")
    lines.append(f"pictures: {out / 'predictions.png'}, {out / 'curriculum.png'}")
    return "\n".join(lines)


def _draw_predictions(out: Path, demo: DemoConfig, stores: _Stores) -> None:
    """Predictions before and after adaptation on evenly spaced target pictures."""
    import torch

    from actupose.data.dataset import PoseDataset
    from actupose.data.store import open_store
    from actupose.deploy.checkpoint import load_checkpoint
    from actupose.report.sheet import prediction_sheet

    before, after = (load_checkpoint(out / method / "checkpoints" / "last.ckpt") for method in _NAMES)
    store = open_store(stores.test or stores.target)
    labelled = stores.test is not None
    rows = torch.linspace(0, len(store) - 1, min(_PICTURES, len(store))).long().tolist()
    data = PoseDataset(store, after.skeleton, demo.size, labelled=labelled, rows=rows, cache="none")
    batch = data.batch(range(len(rows)))
    images = batch.image.float() / 255
    prediction_sheet(
        batch.image,
        before.net.locate(images)[0],
        after.net.locate(images)[0],
        batch.keypoints if labelled else None,  # type: ignore[union-attr]
        batch.visible if labelled else None,  # type: ignore[union-attr]
        after.skeleton,
        out / "predictions.png",
    )
