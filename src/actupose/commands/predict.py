"""`actupose predict`: keypoints of a user's own images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from actupose.commands.parsing import parse, verb_parser
from actupose.errors import UserError

if TYPE_CHECKING:
    from actupose.deploy.predict import Prediction
    from actupose.skeletons import Skeleton

_KEEP = (".jpg", ".jpeg", ".png")


def run(args: list[str]) -> None:
    """Predict images and write ``predictions.json``, ``report.json`` and, if asked, overlays.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("predict", "Keypoints of your own images from a checkpoint, as COCO results JSON.")
    parser.add_argument("checkpoint", type=Path, help="RUN/checkpoints/last.ckpt")
    parser.add_argument("inputs", type=Path, nargs="+", help="image files and folders of images")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the results")
    parser.add_argument("--boxes", type=Path | None, default=None, help="JSON of person boxes of one folder")
    parser.add_argument("--overlay", type=bool, default=False, help="also write the images with the poses drawn")
    parser.add_argument("--threshold", type=float, default=0.0, help="least confidence of a joint in the overlays")
    parser.add_argument("--batch_size", type=int, default=32, help="images at once")
    parser.add_argument("--size", type=int | None, default=None, help="side of the network's images")
    parser.add_argument("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to compute")
    kinds = Literal["calibrated", "raw"]
    parser.add_argument("--confidence", type=kinds, default="calibrated", help="probabilities, or raw heatmap peaks")
    parsed = parse(parser, args)
    _refuse_used(parsed.out)

    from actupose.data.store import write_json_atomically
    from actupose.deploy.checkpoint import load_checkpoint
    from actupose.deploy.inputs import find_inputs
    from actupose.deploy.predict import PredictConfig, coco_results, predict

    records = find_inputs(parsed.inputs, parsed.boxes)
    model = load_checkpoint(parsed.checkpoint)
    config = PredictConfig(**{name: parsed[name] for name in ("batch_size", "size", "device", "confidence")})
    found = predict(model, records, config)
    facts = {
        "checkpoint": str(parsed.checkpoint),
        "model": model.name,
        "skeleton": model.skeleton.name,
        "keypoints": list(model.skeleton.keypoints),
        "size": parsed.size or model.size,
        "confidence": parsed.confidence if model.calibration is not None else "raw",
        "predicted": len(found.predictions),
        "skipped": found.problems,
    }
    try:
        parsed.out.mkdir(parents=True, exist_ok=True)
        write_json_atomically(parsed.out / "report.json", facts)
        write_json_atomically(parsed.out / "predictions.json", coco_results(found.predictions))
        if parsed.overlay:
            _write_overlays(found.predictions, model.skeleton, parsed.out / "overlay", parsed.threshold)
    except OSError as error:
        raise UserError(f"{parsed.out}: cannot write ({error.strerror or error}); name another --out.") from error
    for problem in found.problems:
        print(f"skipped: {problem}")
    print(f"{len(found.predictions)} of {len(records)} images predicted by {model.name}; {parsed.out}/predictions.json")


def _refuse_used(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file, not a folder; name another --out.")
    if (out / "predictions.json").exists():
        raise UserError(f"{out}: holds predictions already; name another --out or remove the folder.")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: holds other files; name an empty or new folder as --out.")
    above = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(f"{out}: cannot be made, {above} is no folder that can be written to; name another --out.")


def _write_overlays(predictions: Sequence[Prediction], skeleton: Skeleton, out: Path, threshold: float) -> None:
    """Draw each prediction on its upright original."""
    import numpy as np
    from PIL import Image

    from actupose.data.crop import decode_image
    from actupose.progress import progress_bar
    from actupose.skeletons.draw import draw_pose

    with progress_bar(total=len(predictions), label="overlay") as bar:
        for item in predictions:
            pixels = np.asarray(decode_image(item.record.image, item.record.name), np.uint8)
            drawn = draw_pose(pixels, item.keypoints, skeleton, confidence=item.confidence, threshold=threshold)
            name = item.record.name
            target = out / (name if name.lower().endswith(_KEEP) else f"{name}.jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn).save(target, quality=92)
            bar.update(1)
