"""`actupose style`: the decoder of the AdaIN style transfer, trained on a user's two domains, and its contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from actupose.commands.parsing import existing, parse, verb_parser
from actupose.errors import UserError


def run(args: list[str]) -> None:
    """Train a decoder (``fit``) or draw content, style and result (``sheet``).

    Args:
        args: the verb's arguments.

    Raises:
        UserError: bad input.
    """
    parser = verb_parser("style", "Train the decoder of the AdaIN style transfer (fit), or draw what it does (sheet).")
    parser.add_argument("action", type=Literal["fit", "sheet"], help="fit: train a decoder; sheet: draw one")
    parser.add_argument("--source", type=Path, required=True, help="store of the source domain")
    parser.add_argument("--target", type=Path, required=True, help="store of the target domain, read without labels")
    parser.add_argument("--out", type=Path, required=True, help="fit: folder of the training; sheet: PNG to write")
    parser.add_argument("--decoder", type=Path | None, default=None, help="sheet: a decoder's file; none = fourier")
    parser.add_argument(
        "--encoder",
        type=Literal["auto", "vgg19", "lite0"],
        default="auto",
        help="auto = VGG-19 where its weights can be had, else EfficientNet-Lite0",
    )
    parser.add_argument("--size", type=int, default=256, help="side of the images, a multiple of 32")
    parser.add_argument("--batch_size", type=int, default=8, help="images a step")
    parser.add_argument("--steps", type=int, default=4000, help="optimiser steps")
    parser.add_argument("--lr", type=float, default=0.001, help="first learning rate")
    parser.add_argument("--style_weight", type=float | None, default=None, help="weight of the style loss")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything")
    parser.add_argument("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to train")
    parsed = parse(parser, args)

    from actupose.models import FourierStyle, load_style
    from actupose.report.style_sheet import style_sheet

    if parsed.action == "sheet":
        style = FourierStyle() if parsed.decoder is None else load_style(existing(parsed.decoder, "style decoder"))
        style_sheet(style, parsed.source, parsed.target, parsed.out, size=parsed.size)
        print(f"{parsed.out}: content, style and result")
        return
    if parsed.decoder is not None:
        raise UserError("--decoder belongs to `style sheet`; `style fit` writes decoder.pt into --out.")

    from actupose.deploy.predict import pick_device
    from actupose.engine.style_fit import StyleFitConfig, fit_style

    keys = ("encoder", "size", "batch_size", "steps", "lr", "style_weight", "seed")
    config = StyleFitConfig(**{key: parsed[key] for key in keys})
    decoder = fit_style(parsed.source, parsed.target, parsed.out, config, pick_device(parsed.device))
    sheet = parsed.out / "sheet.png"
    style_sheet(load_style(decoder), parsed.source, parsed.target, sheet, size=config.size)
    print(f"{decoder}: set model.init_args.style.kind to adain and model.init_args.style.decoder to this file\n{sheet}")
