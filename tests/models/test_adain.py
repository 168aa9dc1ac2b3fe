"""AdaIN against loops over single channels and pixels; its networks, losses and files."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actupose.errors import UserError
from actupose.models import AdaINStyle, StyleDecoder, StyleEncoder, load_style, save_decoder, style_losses
from actupose.models.adain import adain, channel_statistics


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def statistics(channel: Tensor) -> tuple[float, float]:
    values = channel.flatten().tolist()
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + 1e-5)


@pytest.fixture(scope="module")
def lite0() -> StyleEncoder:
    return StyleEncoder("lite0")


def test_statistics_and_adain_by_slow_loop() -> None:
    content, style = noise(2, 3, 4, 5, seed=1), noise(2, 3, 6, 2, seed=2) * 3 + 1
    mixed, (means, stds) = adain(content, style), channel_statistics(content)
    for b in range(2):
        for c in range(3):
            (mean, std), (wanted_mean, wanted_std) = statistics(content[b, c]), statistics(style[b, c])
            assert float(means[b, c]) == pytest.approx(mean, rel=1e-5)
            assert float(stds[b, c]) == pytest.approx(std, rel=1e-5)
            for row in range(4):
                for column in range(5):
                    expected = wanted_std * (float(content[b, c, row, column]) - mean) / std + wanted_mean
                    assert float(mixed[b, c, row, column]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_adain_has_a_gradient_and_a_flat_channel_is_safe() -> None:
    content, style = noise(1, 2, 3, 3, dtype=torch.float64), noise(1, 2, 3, 3, seed=1, dtype=torch.float64)
    assert torch.autograd.gradcheck(adain, (content.requires_grad_(), style.requires_grad_()))
    flat = torch.zeros(1, 2, 3, 3)
    assert bool(torch.isfinite(adain(flat, flat)).all())
    assert channel_statistics(flat.bfloat16())[0].dtype == torch.float32


def test_strength_mixes_features_and_the_result_is_an_image(lite0: StyleEncoder) -> None:
    torch.manual_seed(0)
    decoder = StyleDecoder("lite0")
    with torch.no_grad():
        decoder.layers[-1].weight.mul_(300)  # type: ignore[operator, union-attr]
    style = AdaINStyle(lite0, decoder)
    a, b = noise(3, 3, 64, 64), noise(3, 3, 64, 64, seed=1) * 0.3
    got = style(a, b, torch.tensor([0.0, 0.3, 1.0]))
    assert got.shape == a.shape
    assert (float(got.min()), float(got.max())) == (0.0, 1.0)
    with torch.no_grad():
        ours, theirs = lite0(a)[0], lite0(b)[0]
        for i, alpha in enumerate((0.0, 0.3, 1.0)):
            mixed = (1 - alpha) * ours[i : i + 1] + alpha * adain(ours[i : i + 1], theirs[i : i + 1])
            torch.testing.assert_close(got[i : i + 1], decoder(mixed).clamp(0, 1), atol=1e-4, rtol=1e-4)
    assert not style(a.requires_grad_(), b, torch.ones(3)).requires_grad


def test_the_losses_by_hand(lite0: StyleEncoder) -> None:
    torch.manual_seed(0)
    decoder = StyleDecoder("lite0")
    a, b = noise(1, 3, 32, 32), noise(1, 3, 32, 32, seed=1)
    content, style = style_losses(lite0, decoder, a, b)
    with torch.no_grad():
        wanted = adain(lite0(a)[0], lite0(b)[0])
        maps, looks = lite0(decoder(wanted)), lite0(b)
    difference = (maps[0] - wanted).flatten().tolist()
    assert float(content.detach()) == pytest.approx(sum(d * d for d in difference) / len(difference), rel=1e-4)
    total = 0.0
    for ours, theirs in zip(maps, looks, strict=True):
        pairs = [(statistics(ours[0, c]), statistics(theirs[0, c])) for c in range(ours.shape[1])]
        total += sum((m - n) ** 2 for (m, _), (n, _) in pairs) / len(pairs)
        total += sum((s - t) ** 2 for (_, s), (_, t) in pairs) / len(pairs)
    assert float(style.detach()) == pytest.approx(total, rel=1e-4)
    (content + style).backward()
    assert all(p.grad is not None for p in decoder.parameters())
    assert all(p.grad is None for p in lite0.parameters())


def test_the_encoder_is_the_backbones_beginning_and_never_moves(lite0: StyleEncoder) -> None:
    from actupose.models import build_backbone

    images = noise(2, 3, 64, 64)
    whole = build_backbone("tf_efficientnet_lite0").net.eval()
    before = {k: v.clone() for k, v in lite0.state_dict().items()}
    lite0.train()
    maps = lite0(images)
    assert [tuple(m.shape[1:]) for m in maps] == [(32, 32, 32), (24, 16, 16), (40, 8, 8)]
    for ours, theirs in zip(maps[1:], whole((images - 0.5) / 0.5)[1:3], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(lite0.content(images), maps[0])
    assert all(torch.equal(v, before[k]) for k, v in lite0.state_dict().items())
    assert not any(p.requires_grad for p in lite0.parameters())


def test_vgg19_is_cut_at_relu4_1_with_reflected_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights in place of the published ones: away from the borders as torchvision's own layers."""
    from torchvision.models import VGG19_Weights, vgg19

    torch.manual_seed(0)
    published = vgg19().eval()
    monkeypatch.setattr(VGG19_Weights, "get_state_dict", lambda *_, **__: published.state_dict())
    encoder = StyleEncoder("vgg19")
    images = noise(1, 3, 96, 96)
    maps = encoder(images)
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512]
    assert maps[-1].shape[-1] == 12
    x = (images - encoder.mean) / encoder.std
    with torch.no_grad():
        for layer, end in ((1, 0), (6, 1), (11, 2), (20, 3)):
            expected, inner = published.features[: layer + 1](x), slice(4, -4)
            torch.testing.assert_close(maps[end][..., inner, inner], expected[..., inner, inner], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(maps[0][..., 0, :], published.features[:2](x)[..., 0, :], atol=1e-3)
    assert torch.equal(encoder.content(images), maps[-1])
    assert StyleDecoder("vgg19")(maps[-1]).shape == images.shape


def test_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import VGG19_Weights

    def offline(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", offline)
    with pytest.raises(
        UserError, match=r"'vgg19': its ImageNet weights cannot be had here \(no route\); use .*'lite0'"
    ):
        StyleEncoder("vgg19")
    with pytest.raises(UserError, match="'vgg16' is unknown; choose one of vgg19, lite0"):
        StyleEncoder("vgg16")


# -- files


def test_a_file_brings_back_the_same_transfer(lite0: StyleEncoder, tmp_path: Path) -> None:
    decoder = StyleDecoder("lite0")
    file = tmp_path / "decoder.pt"
    save_decoder(file, lite0, decoder, {"recipe": {"steps": 3}})
    assert [p.name for p in tmp_path.iterdir()] == ["decoder.pt"]
    assert torch.load(file, weights_only=True)["facts"] == {"recipe": {"steps": 3}}
    a, b = noise(2, 3, 32, 32), noise(2, 3, 32, 32, seed=1)
    torch.testing.assert_close(load_style(file)(a, b, torch.ones(2)), AdaINStyle(lite0, decoder)(a, b, torch.ones(2)))


def changed(file: Path, **values: object) -> Path:
    content = torch.load(file, weights_only=True)
    torch.save({**content, **values}, file)
    return file


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda f: f.unlink(), "no such style decoder"),
        (lambda f: f.write_bytes(f.read_bytes()[:9000]), "is no whole style decoder"),
        (lambda f: f.write_bytes(b""), "is no whole style decoder"),
        (lambda f: f.write_text("a decoder"), "is no whole style decoder"),
        (lambda f: torch.save(nn.Linear(2, 2), f), "is no whole style decoder"),  # a pickle of an object
        (lambda f: torch.save(torch.zeros(3), f), "is no style decoder of this version"),
        (lambda f: torch.save({"state_dict": {}}, f), "is no style decoder of this version"),
        (lambda f: changed(f, format="actupose style decoder 9"), "is no style decoder of this version"),
        (lambda f: changed(f, encoder="vgg16"), "its encoder 'vgg16' is none of vgg19, lite0"),
        (lambda f: changed(f, encoder_fingerprint="0"), "other weights of the encoder 'lite0'"),
        (lambda f: changed(f, decoder=StyleDecoder("vgg19").state_dict()), "no decoder of the encoder 'lite0'"),
        (lambda f: changed(f, decoder=3), "no decoder of the encoder 'lite0'"),
    ],
)
def test_files_that_are_no_decoder(break_it: object, said: str, lite0: StyleEncoder, tmp_path: Path) -> None:
    file = tmp_path / "decoder.pt"
    save_decoder(file, lite0, StyleDecoder("lite0"), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        break_it(file)  # type: ignore[operator]
    with pytest.raises(UserError) as told:
        load_style(file)
    assert str(told.value).startswith(f"{file}: ")
    assert said in str(told.value)
    assert str(told.value).endswith("train one with `actupose style fit`.")
    assert "\n" not in str(told.value)
