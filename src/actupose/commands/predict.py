"""`actupose predict`: keypoints of a user's own images and videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from actupose.commands.parsing import add_net_option, parse, verb_parser
from actupose.errors import UserError

if TYPE_CHECKING:
    from actupose.deploy.checkpoint import LoadedModel
    from actupose.deploy.people import PeopleFinder
    from actupose.deploy.predict import Predictor
    from actupose.deploy.run import Summary
    from actupose.deploy.sources import Source


def run(args: list[str]) -> None:
    """Predict images, videos or a camera and write the results in one or several formats.

    Args:
        args: the verb's arguments.
    """
    parsed = _parse(args)

    from actupose.data.store import write_json_atomically
    from actupose.deploy.journal import Journal, cannot_write
    from actupose.deploy.load import load_model
    from actupose.deploy.outputs import OutputJob, writer_classes
    from actupose.deploy.predict import PredictConfig, Predictor
    from actupose.deploy.run import predict_all, write_outputs

    classes = writer_classes(
        [name.strip() for name in parsed.formats.split(",") if name.strip()], overlay=parsed.overlay
    )
    model = load_model(parsed.checkpoint, parsed.net)
    names = ("batch_size", "size", "device", "flip", "crops", "confidence")
    predictor = Predictor(model, PredictConfig(**{name: parsed[name] for name in names}))
    source, finder = _source_and_finder(parsed)
    command = _command(parsed, model, predictor, source, finder)
    with Journal(parsed.out, command, parsed.batch_size, source.total, overwrite=parsed.overwrite) as journal:
        if journal.done:
            print(f"{parsed.out}: {journal.done} of {source.total} pictures are predicted already.")
        if journal.done != source.total:
            predict_all(source, finder, predictor, journal)
        job = OutputJob(parsed.out, model.skeleton, source.locate, parsed.threshold)
        summary = write_outputs(journal, classes, job)
        try:
            write_json_atomically(parsed.out / "report.json", _facts(parsed, command, model, summary))
        except OSError as error:
            raise cannot_write(parsed.out, error) from error
    _tell(parsed.out, model.name, summary, [writer.name for writer in classes])


def _parse(args: list[str]) -> Any:  # noqa: ANN401 - a Namespace with the parser's keys
    from actupose.data.detector_config import DetectorConfig

    parser = verb_parser("predict", "Keypoints of your own images, videos or camera, in the formats of other tools.")
    parser.add_argument("checkpoint", type=str, help="RUN/checkpoints/last.ckpt, a run, an exported model")
    parser.add_argument("inputs", type=str, nargs="+", help="images, videos, folders, patterns; or a camera's number")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the results")
    parser.add_argument("--formats", type=str, default="coco", help="coco,csv,parquet,deeplabcut,sleap: one or several")
    parser.add_argument("--overlay", type=bool, default=False, help="also write the pictures with the poses drawn")
    parser.add_argument("--threshold", type=float, default=0.0, help="least confidence of a joint in the overlays")
    parser.add_argument("--boxes", type=Path | None, default=None, help="JSON of person boxes by picture")
    parser.add_argument("--detector", type=DetectorConfig, help="find people with a torchvision model")
    parser.add_argument("--frame_stride", type=int, default=1, help="take every n-th frame of a video")
    parser.add_argument("--num_frames", type=int | None, default=None, help="most frames of each video, evenly spread")
    parser.add_argument("--flip", type=bool, default=False, help="average with the mirrored picture (flip test)")
    parser.add_argument("--crops", type=int, default=1, help="average over so many crops of each person; odd")
    parser.add_argument("--size", type=int | None, default=None, help="side of the network's images")
    add_net_option(parser)
    kinds = Literal["calibrated", "raw"]
    parser.add_argument("--confidence", type=kinds, default="calibrated", help="probabilities, or raw heatmap peaks")
    parser.add_argument("--batch_size", type=int, default=32, help="pictures at once")
    parser.add_argument("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to compute")
    parser.add_argument("--overwrite", type=bool, default=False, help="replace what another command left in --out")
    return parse(parser, args)


def _source_and_finder(parsed: Any) -> tuple[Source, PeopleFinder]:  # noqa: ANN401 - a Namespace
    from actupose.data.detector_config import DetectorConfig
    from actupose.deploy.camera import Camera, as_camera
    from actupose.deploy.inputs import find_pictures
    from actupose.deploy.people import people_finder
    from actupose.deploy.sources import Files

    detector = DetectorConfig(**vars(parsed.detector))
    camera = as_camera(parsed.inputs)
    if camera is not None:
        finder = people_finder(parsed.boxes, detector, None)
        return Camera(camera, parsed.out, parsed.num_frames, overwrite=parsed.overwrite), finder
    pictures = find_pictures(parsed.inputs, parsed.frame_stride, parsed.num_frames)
    return Files(pictures), people_finder(parsed.boxes, detector, [p.name for p in pictures])


def _command(
    parsed: Any,  # noqa: ANN401 - a Namespace
    model: LoadedModel,
    predictor: Predictor,
    source: Source,
    finder: PeopleFinder,
) -> dict[str, Any]:
    """What the predictions depend on; formats, overlays, batch and device may change from call to call."""
    from actupose.deploy.checkpoint import weights_digest

    return {
        "checkpoint": weights_digest(model),
        "model": model.name,
        "skeleton": model.skeleton.name,
        "keypoints": list(model.skeleton.keypoints),
        "inputs": source.facts,
        "people": finder.facts,
        "size": predictor.size,
        "confidence": parsed.confidence if model.calibration is not None else "raw",
        "flip": parsed.flip,
        "crops": parsed.crops,
    }


def _facts(parsed: Any, command: dict[str, Any], model: LoadedModel, summary: Summary) -> dict[str, Any]:  # noqa: ANN401
    """The content of ``report.json``."""
    return {
        **command,
        "checkpoint": parsed.checkpoint,
        "weights": command["checkpoint"],
        "inputs": list(parsed.inputs),
        "keypoints": list(model.skeleton.keypoints),
        "pictures": summary.pictures,
        "predicted": summary.predicted,
        "people": summary.people,
        "without_people": summary.empty,
        "skipped": summary.skipped,
    }


def _tell(out: Path, model: str, summary: Summary, written: list[str]) -> None:
    """Say what came out; what cannot be called a success ends with an error, after everything is written.

    Raises:
        UserError: more than 5 % of the pictures cannot be used, or nobody was found.
    """
    from actupose.deploy.run import BAD_SHARE

    for line in summary.skipped:
        print(f"skipped: {line}")
    nobody = f", {summary.empty} without a person" if summary.empty else ""
    print(f"{summary.predicted} of {summary.pictures} images predicted by {model} ({summary.people} people){nobody}")
    print(f"{out}: {', '.join(written)}")
    bad = len(summary.skipped)
    if bad > BAD_SHARE * summary.pictures:
        raise UserError(
            f"{bad} of {summary.pictures} pictures cannot be used, more than 5 %; first: {summary.skipped[0]}; the "
            f"others are predicted in {out}."
        )
    if not summary.people:
        raise UserError(
            f"no person was found in {summary.pictures} pictures; lower --detector.threshold, give --boxes, or take "
            "the pictures whole."
        )
