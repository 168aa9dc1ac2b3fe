"""The file of a trained style decoder: weights, the encoder they belong to, and how they were trained."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from actupose.errors import UserError
from actupose.files import whole_file
from actupose.models.adain import ENCODERS, AdaINStyle, StyleDecoder, StyleEncoder

_FORMAT = "actupose style decoder 1"
_REMEDY = "train one with `actupose style fit`."


def save_atomically(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain data so that the file under its name is always whole."""
    held = io.BytesIO()  # a disk that fills is an OSError that says so only where Python writes, not torch
    torch.save(dict(content), held)
    with whole_file(path) as temporary:
        temporary.write_bytes(held.getbuffer())


def save_decoder(path: Path, encoder: StyleEncoder, decoder: StyleDecoder, facts: Mapping[str, Any]) -> None:
    """Write a decoder.

    Args:
        path: where; loads with ``weights_only=True``.
        encoder: what it was trained with.
        decoder: trained.
        facts: plain data about the training, e.g. its recipe and the fingerprints of its stores.
    """
    content = {"format": _FORMAT, "encoder": encoder.name, "encoder_fingerprint": encoder.fingerprint()}
    save_atomically(path, {**content, "facts": dict(facts), "decoder": decoder.state_dict()})


def load_style(path: Path) -> AdaINStyle:
    """The style transfer of a decoder's file, with its encoder.

    Args:
        path: written by `save_decoder`.

    Raises:
        UserError: the file is missing, broken, no style decoder, or of another encoder.
    """
    held = _read(path)
    name = held.get("encoder")
    if name not in ENCODERS:
        raise UserError(f"{path}: its encoder '{name}' is none of {', '.join(ENCODERS)}; {_REMEDY}")
    encoder, decoder = StyleEncoder(str(name)), StyleDecoder(str(name))
    if held.get("encoder_fingerprint") != encoder.fingerprint():
        raise UserError(f"{path}: was trained with other weights of the encoder '{name}' than are here; {_REMEDY}")
    try:
        decoder.load_state_dict(held["decoder"])
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: its weights are no decoder of the encoder '{name}'; {_REMEDY}") from error
    return AdaINStyle(encoder, decoder)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such style decoder; {_REMEDY}")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file raises many kinds, from the archive or from the pickle in it
        raise UserError(f"{path}: is no whole style decoder ({type(error).__name__}); {_REMEDY}") from error
    if not isinstance(held, dict) or held.get("format") != _FORMAT:
        raise UserError(f"{path}: is no style decoder of this version; {_REMEDY}")
    return held
