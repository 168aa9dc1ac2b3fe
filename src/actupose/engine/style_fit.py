"""Training the decoder of the AdaIN style transfer on two stores: resumable, claimed for one recipe.

::

    config.yaml            the recipe; the folder belongs to it
    checkpoints/last.ckpt  decoder and optimiser, every 100 steps
    metrics.csv            content and style loss, every 100 steps
    decoder.pt             the result: what ``model.style.decoder`` names
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import Tensor

from actupose.data.dataset import PoseDataset
from actupose.data.image_cache import CacheBudget
from actupose.data.store import open_store
from actupose.engine.checkpoints import read_checkpoint
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.files import held
from actupose.geometry import compose, warp
from actupose.models import StyleDecoder, StyleEncoder, save_decoder, style_losses
from actupose.models.decoder_file import save_atomically
from actupose.progress import progress_bar
from actupose.views import AffineConfig, sample_affine, sample_crop

_SAVE_EVERY = 100
_STYLE_WEIGHTS = {"vgg19": 10.0, "lite0": 0.3}


@dataclass(frozen=True)
class StyleFitConfig:
    """How the decoder is trained.

    Attributes:
        encoder: ``vgg19`` (Huang & Belongie), ``lite0`` (its weights are installed), or ``auto``: VGG-19 where its
            weights can be had, else Lite0.
        size: side of the images, a multiple of 32.
        batch_size: images a step, half of them contents of one domain and half of the other.
        steps: optimiser steps.
        lr: Adam's first learning rate; it falls to 0 along a half cosine (ours; the paper's is constant at 0.0001).
        style_weight: weight of the style loss beside the content loss; None = 10, the paper's lambda, for ``vgg19`` and
            0.3 for ``lite0``, whose maps have larger numbers (ours).
        seed: of everything.
    """

    encoder: Literal["auto", "vgg19", "lite0"] = "auto"
    size: int = 256
    batch_size: int = 8
    steps: int = 4000
    lr: float = 0.001
    style_weight: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a value is out of range.
        """
        if self.size < 32 or self.size % 32:
            raise UserError(f"size is {self.size}; it must be a multiple of 32.")
        if self.batch_size < 2 or self.batch_size % 2:
            raise UserError(f"batch_size is {self.batch_size}; it must be even: half of a batch is of each domain.")
        if self.steps < 1 or not self.lr > 0 or (self.style_weight or 0) < 0:
            raise UserError("steps and lr must be positive, style_weight not negative.")


class _Domains:
    """Both domains' images, without labels; the draw of a step is a function of the seed and the step."""

    def __init__(self, source: Path, target: Path, config: StyleFitConfig, device: torch.device) -> None:
        stores, budget = [open_store(path) for path in (source, target)], CacheBudget(device)
        self._sets = [PoseDataset(s, s.meta.skeleton, config.size, labelled=False, budget=budget) for s in stores]
        self.fingerprints = dict(zip(("source", "target"), (s.meta.fingerprint() for s in stores), strict=True))
        self._config = config

    def pair(self, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Contents and styles of a step: source in target's style, then target in source's; (B, 3, S, S) each.

        Contents are seen through the random views of training, styles as they are, as in the methods.
        """
        generator = torch.Generator().manual_seed((self._config.seed * 1_000_003 + step) % 2**63)
        half, size = self._config.batch_size // 2, self._config.size
        draws = [torch.randint(len(s), (2, half), generator=generator).tolist() for s in self._sets]
        contents, styles = ([s.batch(d[i]).image for s, d in zip(self._sets, draws, strict=True)] for i in (0, 1))
        content, style = (torch.cat(x).to(device).float().div_(255) for x in (contents, styles[::-1]))
        crop = sample_crop(2 * half, size, AffineConfig().crop_area, generator)
        return warp(content, compose(sample_affine(2 * half, size, AffineConfig(), generator), crop)), style


def fit_style(source: Path, target: Path, out: Path, config: StyleFitConfig, device: torch.device) -> Path:
    """Train a decoder; a stopped training continues when called again.

    Args:
        source: store of the source domain.
        target: store of the target domain; no labels of either are read.
        out: folder, empty, new, or of the same recipe.
        config: how to train.
        device: where to compute.

    Returns:
        The decoder's file, ``out/decoder.pt``.

    Raises:
        UserError: bad input, the encoder's weights cannot be had, or the loss is not finite.
    """
    run = RunFolder(out)
    encoder = _encoder(config.encoder)
    weight = _STYLE_WEIGHTS[encoder.name] if config.style_weight is None else config.style_weight
    domains = _Domains(source, target, config, device)
    recipe = {**asdict(config), "encoder": encoder.name, "style_weight": weight}
    claimed = yaml.safe_dump({**recipe, **domains.fingerprints})
    run.check(claimed)
    with held(out, "style fit"):
        checkpoint = run.claim(claimed)
        training = _Training(encoder, config, weight, device)
        if checkpoint is not None:
            training.restore(checkpoint)
        with progress_bar(total=config.steps, label=f"style decoder ({encoder.name})") as bar:
            bar.update(training.step)
            while training.step < config.steps:
                training.advance(*domains.pair(training.step, device))
                bar.update(1)
                if training.step % _SAVE_EVERY == 0 or training.step == config.steps:
                    training.save(run)
        facts = {"recipe": recipe, "fingerprints": domains.fingerprints, "losses": training.rows[-1]}
        save_decoder(out / "decoder.pt", encoder, training.decoder.cpu(), facts)
    return out / "decoder.pt"


def _encoder(name: str) -> StyleEncoder:
    if name != "auto":
        return StyleEncoder(name)
    try:
        return StyleEncoder("vgg19")
    except UserError as error:
        print(f"{error} Taking 'lite0'.", flush=True)
        return StyleEncoder("lite0")


class _Training:
    """Decoder, optimiser, and the mean losses since the last save."""

    def __init__(self, encoder: StyleEncoder, config: StyleFitConfig, weight: float, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self._config, self._weight = config, weight
        self._encoder = encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.decoder = StyleDecoder(encoder.name).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = torch.optim.Adam(self.decoder.parameters(), lr=config.lr)
        self._sums = torch.zeros(2, device=device)
        self._counted = 0
        self.step = 0
        self.rows: list[dict[str, float]] = []

    def advance(self, content: Tensor, style: Tensor) -> None:
        """One step; nothing is read back from the device."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.lr * 0.5 * (1 + math.cos(math.pi * self.step / self._config.steps))
        losses = torch.stack(style_losses(self._encoder, self.decoder, content, style))
        self._optimizer.zero_grad()
        (losses[0] + self._weight * losses[1]).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._sums += losses.detach()
        self._counted += 1
        self.step += 1

    def save(self, run: RunFolder) -> None:
        """Write losses and state.

        Raises:
            UserError: a loss is not finite.
        """
        content, style = (self._sums / self._counted).tolist()
        if not math.isfinite(content + style):
            raise UserError(f"the loss is not finite before step {self.step}; lower lr. The state before is kept.")
        self.rows.append({"step": self.step, "content": content, "style": style})
        self._sums.zero_()
        self._counted = 0
        run.checkpoint.parent.mkdir(exist_ok=True)
        state: dict[str, Any] = {"decoder": self.decoder.state_dict(), "optimizer": self._optimizer.state_dict()}
        save_atomically(run.checkpoint, {**state, "step": self.step, "rows": self.rows})
        run.write_metrics(self.rows)

    def restore(self, checkpoint: Path) -> None:
        """Go on from a saved state.

        Raises:
            UserError: the file is broken or of another network.
        """
        held = read_checkpoint(checkpoint)
        try:
            self.decoder.load_state_dict(held["decoder"])
            self._optimizer.load_state_dict(held["optimizer"])
            self.step, self.rows = held["step"], held["rows"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{checkpoint}: is no state of this training; remove it to train from the start."
            ) from error
