"""`actupose app`: a page in the browser to try a checkpoint."""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from actupose.commands.parsing import add_net_option, parse, verb_parser
from actupose.errors import UserError

if TYPE_CHECKING:
    from actupose.app.curriculum import CurriculumBrowser
    from actupose.deploy.predict import PredictConfig, Predictor
    from actupose.engine.checkpoints import NetName
    from actupose.engine.run_folder import RunFolder


def run(args: list[str]) -> None:
    """Serve the page on this computer until it is interrupted.

    Args:
        args: the verb's arguments.
    """
    parser = verb_parser("app", "A page on this computer to try a model on pictures and look at a run's curriculum.")
    parser.add_argument("checkpoint", type=str, help="a run folder, a checkpoint, an exported folder or OWNER/NAME")
    add_net_option(parser)
    before = "model to show beside it; without this the run's warm-up, its source-only phase, where there is one"
    parser.add_argument("--source_only", type=str | None, default=None, help=before)
    parser.add_argument("--store", type=Path | None, default=None, help="where the run's source store is now")
    parser.add_argument("--port", type=int | None, default=None, help="port; without it the first free one from 7860")
    parser.add_argument("--megabytes", type=int, default=32, help="most of one uploaded file")
    parser.add_argument("--pictures", type=int, default=12, help="most pictures or video frames of one upload")
    parser.add_argument("--per_minute", type=int, default=30, help="most uploads a minute")
    parser.add_argument("--size", type=int | None, default=None, help="side of the network's images")
    parser.add_argument("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to compute")
    parsed = parse(parser, args)
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the page needs Gradio; pip install actupose[app].")

    from actupose.app.limits import Limits
    from actupose.app.page import Session
    from actupose.app.serve import serving
    from actupose.deploy.card import find_run
    from actupose.deploy.predict import PredictConfig

    limits = Limits(**{name: parsed[name] for name in ("megabytes", "pictures", "per_minute")})
    found = find_run(Path(parsed.checkpoint))
    config = PredictConfig(size=parsed.size, device=parsed.device)
    models = _models(parsed.checkpoint, parsed.source_only, found, config, parsed.net)
    session = Session(models, limits, _curriculum(found, parsed.store))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the temporary folder goes
    with serving(session, parsed.port) as (url, page):
        print(f"{' and '.join(title for title, _ in models)}: open {url}; Ctrl+C ends it.", flush=True)
        page.block_thread()


def _models(
    source: str, source_only: str | None, run: RunFolder | None, config: PredictConfig, net: NetName = "headline"
) -> list[tuple[str, Predictor]]:
    """The source-only model, where one is named or the run has kept its warm-up, and the model asked for."""
    from actupose.deploy.load import load

    after = load(source, config, net)
    if source_only is None and run is not None and run.warmup.is_file() and Path(source).name != run.warmup.name:
        source_only = str(run.warmup)
    if source_only is None:
        return [("model", after)]
    before = load(source_only, config)
    ours, theirs = after.model.skeleton.keypoints, before.model.skeleton.keypoints
    if ours != theirs:
        raise UserError(f"{source_only}: has other keypoints ({len(theirs)}) than {source} ({len(ours)}).")
    return [("source-only", before), ("adapted", after)]


def _curriculum(run: RunFolder | None, store: Path | None) -> CurriculumBrowser | str:
    """The run's curriculum, or why it cannot be shown; what was named explicitly must be there."""
    from actupose.app.curriculum import CurriculumBrowser

    if run is None:
        if store is not None:
            raise UserError("--store needs a run folder or its checkpoint; the model's curriculum is not known.")
        return "No run folder was named, so its curriculum is not known."
    try:
        return CurriculumBrowser(run, store)
    except UserError as error:
        if store is not None:
            raise
        return f"The curriculum cannot be shown: {error}"
