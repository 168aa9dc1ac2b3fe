"""`actupose style`: a decoder trained on two small stores, killed and continued, drawn, and used by a training."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from actupose.cli import main
from actupose.engine import style_fit
from actupose.models import load_style
from integration.runs import fit, in_child
from tiny_stores import Stores


def args_of(stores: Stores, out: Path, *options: object) -> list[str]:
    args = ["style", "fit", "--source", stores.source, "--target", stores.target, "--out", out, "--encoder", "lite0"]
    return [str(a) for a in (*args, "--size", 64, "--steps", 6, "--batch_size", 4, "--device", "cpu", *options)]


@pytest.fixture(scope="module")
def fitted(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("style") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style_fit, "_SAVE_EVERY", 2)
        assert main(args_of(stores, out)) == 0
    return out


def test_fit_leaves_a_decoder_and_a_sheet(fitted: Path) -> None:
    assert {p.name for p in fitted.iterdir()} == {
        ".lock",
        "config.yaml",
        "metrics.csv",
        "checkpoints",
        "decoder.pt",
        "sheet.png",
    }
    facts = torch.load(fitted / "decoder.pt", weights_only=True)["facts"]
    assert facts["recipe"]["encoder"] == "lite0"
    assert set(facts["fingerprints"]) == {"source", "target"}
    rows = (fitted / "metrics.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4", "6"]
    with Image.open(fitted / "sheet.png") as sheet:
        assert sheet.width > 8 * 64


def test_it_learns_and_a_killed_training_ends_as_an_unbroken_one(
    stores: Stores, fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def killed() -> int:
        draw, style_fit._SAVE_EVERY = style_fit._Domains.pair, 2

        def pair(self: style_fit._Domains, step: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
            if step == 3:
                signal.raise_signal(signal.SIGKILL)
            return draw(self, step, device)

        style_fit._Domains.pair = pair  # type: ignore[method-assign]
        return main(args_of(stores, out))

    assert in_child(killed) == -signal.SIGKILL
    assert not (out / "decoder.pt").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style_fit, "_SAVE_EVERY", 2)
        assert main(args_of(stores, out)) == 0
    ours, unbroken = (torch.load(p / "decoder.pt", weights_only=True)["decoder"] for p in (out, fitted))
    assert all(torch.equal(value, unbroken[name]) for name, value in ours.items())
    assert (out / "metrics.csv").read_text("utf-8") == (fitted / "metrics.csv").read_text("utf-8")
    losses = [float(row.split(",")[1]) for row in (out / "metrics.csv").read_text("utf-8").splitlines()[1:]]
    assert losses[-1] < losses[0]
    assert main(args_of(stores, out, "--lr", 0.01)) == 2
    assert "holds another run" in capsys.readouterr().err


def test_the_sheet_shows_content_and_style_as_they_are(stores: Stores, fitted: Path, tmp_path: Path) -> None:
    from actupose.data.dataset import PoseDataset
    from actupose.data.store import open_store

    out = tmp_path / "sheet.png"
    args = ["style", "sheet", "--source", stores.source, "--target", stores.target, "--out", out, "--size", 64]
    assert main([*map(str, args), "--decoder", str(fitted / "decoder.pt")]) == 0
    with Image.open(out) as image:
        pixels = np.asarray(image)
    cells = [pixels[4:68, 4 + i * 68 : 68 + i * 68] for i in range(8)]
    first = []
    for path in (stores.source, stores.target):
        store = open_store(path)
        first.append(PoseDataset(store, store.meta.skeleton, 64, labelled=False).batch([0]).image)
    for cell, image in zip((*cells[:2], *cells[4:6]), (*first, *first[::-1]), strict=True):
        assert np.array_equal(cell, image[0].permute(1, 2, 0).numpy())
    content, look = (x.float() / 255 for x in first)
    restyled = load_style(fitted / "decoder.pt")(content, look, torch.ones(1))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(cells[3].astype(float) - restyled).max() <= 1
    assert main([*map(str, args), "--overwrite"]) == 2
    assert main(list(map(str, args))) == 0  # without a decoder: fourier


def test_a_training_takes_the_decoder(stores: Stores, fitted: Path, tmp_path: Path) -> None:
    style = ["--model.style.kind", "adain", "--model.style.decoder", fitted / "decoder.pt", "--model.style.prob", "1"]
    weights = fit("udape", stores, tmp_path / "run", *style)
    assert any(name.startswith("style.net.decoder.") for name in weights)
    fit("source_only", stores, tmp_path / "plain", *style, "--data.target", stores.target)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size", "100"], "size is 100; it must be a multiple of 32"),
        (["--batch_size", "3"], "batch_size is 3; it must be even"),
        (["--steps", "0"], "steps and lr must be positive"),
        (["--encoder", "vgg"], "encoder"),
        (["--decoder", "x.pt"], "--decoder belongs to `style sheet`"),
        (["--source", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_options_leave_nothing(
    options: list[str], said: str, stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(args_of(stores, out, *options)) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_decoder_that_is_none_is_told_before_a_training_begins(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from integration.runs import fit_args, run

    broken = tmp_path / "decoder.pt"
    broken.write_bytes(b"PK\x03\x04")
    style = ["--model.style.kind", "adain", "--model.style.decoder", broken]
    assert run(fit_args("udape", stores, tmp_path / "run", *style)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith(f"actupose fit: {broken}: is no whole style decoder")
    assert not (tmp_path / "run").exists()
