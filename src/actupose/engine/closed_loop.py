"""The closed loop: between epochs, render more of the poses that the student finds hard."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from actupose.curriculum import KINDS, archetype_shares
from actupose.data.datamodule import PoseDataModule
from actupose.data.store import PoseStore, open_store, read_meta
from actupose.engine.run_folder import RunFolder, read_epoch_lines, write_epoch_line
from actupose.errors import UserError
from actupose.methods import PoseMethod
from actupose.synth import Rendered, rendered_with, synthesize

Request = dict[str, Any]  # epoch, start, num, mix: with the source's settings all that determines the bytes


def check_closed_loop(data: PoseDataModule) -> None:
    """Whether the closed loop, where it is on, can render more of this source.

    Raises:
        UserError: the curriculum learns nothing of the student, or the source was not rendered by `actupose synth` as
            it would be now, or at another size than the training's.
    """
    config = data.closed_loop
    if config.budget == 0:
        return
    if KINDS[data.source_curriculum.config.kind].rescore is None:
        feeding = " or ".join(name for name, kind in KINDS.items() if kind.rescore is not None)
        raise UserError(
            f"data.closed_loop needs a curriculum that follows the student: data.curriculum.kind {feeding}."
        )
    if data.source is None or data.oracle:
        raise UserError("data.closed_loop needs a rendered data.source; set data.closed_loop.budget to 0.")
    rendered = rendered_with(data.source)
    if rendered.config.size != data.size:
        raise UserError(
            f"data.closed_loop: {data.source} has images of {rendered.config.size} pixels, data.size is {data.size}; "
            "make them equal, or set data.closed_loop.budget to 0."
        )


class ClosedLoop(Checkpoint):
    """Grows the source between epochs; does nothing where ``data.closed_loop.budget`` is 0.

    Lightning runs checkpoint callbacks after the method's own end of an epoch. So this one, before the one that writes
    the checkpoint, sees the epoch's new bins, and what it asked for is in that epoch's checkpoint. A resumed run opens
    the same stores again, or renders what is missing of them to the same bytes.

    Args:
        run: ``closed_loop/epoch_XXXX`` in it is a store of what was rendered after an epoch.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._requests: list[Request] = []

    def state_dict(self) -> dict[str, Any]:
        """What was asked for so far; empty while the loop is off."""
        return {"requests": self._requests} if self._requests else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self._requests = list(state_dict["requests"])

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give a resumed run the source that the unbroken one had."""
        for request in self._requests:
            self._grow(trainer, pl_module, request)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask, render and grow, where it is due."""
        data = _data(trainer)
        config = data.closed_loop
        if not config.is_due(trainer.current_epoch + 1, trainer.max_epochs or 1):
            return
        assert data.curriculum is not None
        rendered = _rendered(data)
        archetypes = data.sets.source.archetypes()
        mix = archetype_shares(data.curriculum, archetypes, rendered.config.kinds(), config.archetype_temperature)
        start = rendered.items + sum(request["num"] for request in self._requests)
        request = {"epoch": trainer.current_epoch, "start": start, "num": config.budget, "mix": mix}
        self._requests.append(request)
        store = self._grow(trainer, pl_module, request)
        if trainer.is_global_zero:
            self._log(request, store)

    def _grow(self, trainer: L.Trainer, method: L.LightningModule, request: Request) -> PoseStore:
        """Render on the first process, and take the new samples into the source on all."""
        assert isinstance(method, PoseMethod)
        data, out = _data(trainer), self._run.closed_loop(request["epoch"])
        if trainer.is_global_zero:
            render_request(_rendered(data), out, request, data.closed_loop.workers)
        trainer.strategy.barrier("closed_loop")
        store = open_store(out)
        data.grow_source(store)
        method.follow_samples(len(data.sets.source))
        return store

    def _log(self, request: Request, store: PoseStore) -> None:
        """Put what was asked for and what was made beside the epoch's draw."""
        line = next(line for line in read_epoch_lines(self._run.curriculum) if line["epoch"] == request["epoch"])
        made = Counter(store.rows.select_columns(["archetype"])[:]["archetype"])
        loop = {"asked": request["mix"], "made": dict(sorted(made.items())), "start": request["start"]}
        write_epoch_line(self._run.curriculum, {**line, "closed_loop": loop})


def render_request(rendered: Rendered, out: Path, request: Request, workers: int = 0) -> None:
    """Render new samples of a source; what stands already is kept.

    Args:
        rendered: how the source was made.
        out: folder of the store. One made to another request, by a run that was killed before its checkpoint was
            written and computes other bits now, is replaced.
        request: ``start``: index of the first sample; ``num``: how many; ``mix``: kind of pose -> share.
        workers: as of `synthesize`.

    Raises:
        UserError: as `synthesize`.
    """
    config = replace(rendered.config, mix=request["mix"])
    held = read_meta(out)
    if held is not None and held.settings["render"]["mix"] != request["mix"]:
        shutil.rmtree(out)
    synthesize(out, request["num"], rendered.seed, config, workers, label=out.name, start=request["start"])


def _data(trainer: L.Trainer) -> PoseDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, PoseDataModule)
    return data


def _rendered(data: PoseDataModule) -> Rendered:
    assert data.source is not None
    return rendered_with(data.source)
