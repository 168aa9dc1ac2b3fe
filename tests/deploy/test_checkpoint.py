"""The network that a checkpoint holds: the right one, whole, without a hub; and what is said of other files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import timm
import torch

from actupose.deploy.checkpoint import load_checkpoint
from actupose.errors import UserError
from actupose.methods import METHODS, PoseMethod, TeacherConfig
from actupose.metrics import fit_calibration
from actupose.models import NetConfig

KEYS = {"SourceOnly": "source_only", "UDAPE": "udape", "ACTUPose": "actupose", "RegDA": "regda"}


class Trainer:
    """As much of a trainer as saving asks for."""

    class datamodule:  # noqa: N801 - the trainer's own name for it
        size = 96


def method(name: str = "ACTUPose", **options: Any) -> PoseMethod:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = NetConfig("test_efficientnet", "random", "fpn", 8)
        made: PoseMethod = METHODS[KEYS[name]](skeleton="lsp14", net=net, **options)
    return made


def save(made: PoseMethod, path: Path, **net: Any) -> Path:
    trainer = Trainer()
    made.trainer = trainer
    checkpoint: dict[str, Any] = {"state_dict": made.state_dict()}
    made.on_save_checkpoint(checkpoint)
    checkpoint["actupose"]["net"] |= net
    torch.save(checkpoint, path)
    return path


def shake(module: torch.nn.Module) -> None:
    """Give every parameter and running mean other values."""
    generator = torch.Generator().manual_seed(1)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value += 0.1 * torch.rand(value.shape, generator=generator)


@pytest.mark.parametrize(
    ("name", "adapted", "net"),
    [
        ("SourceOnly", False, "student"),
        ("UDAPE", False, "student"),
        ("UDAPE", True, "teacher"),
        ("RegDA", False, "student"),
    ],
)
def test_the_headline_network_comes_back_whole(tmp_path: Path, name: str, adapted: bool, net: str) -> None:
    made = method(name)
    if name == "UDAPE":
        shake(made.get_submodule("teacher"))
        made.get_buffer("adapted").fill_(adapted)
    model = load_checkpoint(save(made, tmp_path / "last.ckpt"))
    assert (model.name, model.size, model.skeleton) == (f"{name} {net}", 96, made.skeleton)
    assert not model.net.training
    images = torch.rand(2, 3, 64, 64)
    wanted = made.eval().nets()[net](images).heatmaps
    torch.testing.assert_close(model.net(images).heatmaps, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("headline", ["teacher", "student"])
def test_each_network_can_be_asked_for(tmp_path: Path, headline: Literal["teacher", "student"]) -> None:
    made = method("UDAPE", teacher=TeacherConfig(headline=headline))
    shake(made.get_submodule("teacher"))
    made.get_buffer("adapted").fill_(True)
    made.calibration = fit_calibration(np.linspace(0, 1, 200), np.arange(200) % 2, "isotonic")
    path = save(made, tmp_path / "last.ckpt")
    images = torch.rand(1, 3, 64, 64)
    nets = made.eval().nets()
    for net in ("headline", "teacher", "student"):
        role = headline if net == "headline" else net
        model = load_checkpoint(path, net)
        assert (model.name, model.role) == (f"UDAPE {role}", role)
        torch.testing.assert_close(model.net(images).heatmaps, nets[role](images).heatmaps, rtol=0, atol=0)
        assert (model.calibration is not None) == (role == headline), "the map is of the headline's peaks"


@pytest.mark.parametrize("name", ["SourceOnly", "UDAPE", "RegDA"])
def test_a_teacher_that_there_is_not_is_named(tmp_path: Path, name: str) -> None:
    path = save(method(name), tmp_path / "last.ckpt")
    assert load_checkpoint(path, "student").role == "student"
    with pytest.raises(UserError, match=r"last\.ckpt: has no teacher: its method has none, or no adaptation has begun"):
        load_checkpoint(path, "teacher")


def test_a_checkpoint_of_a_version_that_did_not_name_its_headline(tmp_path: Path) -> None:
    made = method("UDAPE")
    made.get_buffer("adapted").fill_(True)
    path = save(made, tmp_path / "last.ckpt")
    held = torch.load(path, weights_only=True)
    del held["actupose"]["headline"]
    torch.save(held, path)
    assert load_checkpoint(path).role == "teacher"


def test_no_weights_are_fetched_and_nothing_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(method(), tmp_path / "last.ckpt", weights="imagenet")
    create = timm.create_model

    def offline(name: str, *, pretrained: bool, **options: Any) -> Any:
        assert not pretrained
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_checkpoint(path)


def test_an_older_checkpoint_without_size(tmp_path: Path) -> None:
    path = save(method(), tmp_path / "last.ckpt")
    held = torch.load(path, weights_only=True)
    del held["actupose"]["size"]
    torch.save(held, path)
    assert load_checkpoint(path).size is None


def test_files_that_are_no_checkpoint_are_named(tmp_path: Path) -> None:
    good = save(method(), tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(good[: len(good) // 2])
    (tmp_path / "text.ckpt").write_text("no checkpoint", encoding="utf-8")
    (tmp_path / "empty.ckpt").write_bytes(b"")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"actupose": Path("code")}, tmp_path / "code.ckpt")
    with pytest.raises(UserError, match=r"none\.ckpt: no such checkpoint"):
        load_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(UserError, match="is a folder"):
        load_checkpoint(tmp_path)
    for name in ("cut", "text", "empty", "code"):
        with pytest.raises(UserError, match=rf"{name}\.ckpt: is no whole checkpoint") as error:
            load_checkpoint(tmp_path / f"{name}.ckpt")
        assert "\n" not in str(error.value)
    for name in ("other", "list"):
        with pytest.raises(UserError, match=rf"{name}\.ckpt: is no checkpoint of actupose"):
            load_checkpoint(tmp_path / f"{name}.ckpt")


@pytest.mark.parametrize("net", [{"width": 16}, {"depth": 3}])
def test_a_checkpoint_of_another_version_is_named(tmp_path: Path, net: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"last\.ckpt: does not fit this version") as error:
        load_checkpoint(save(method(), tmp_path / "last.ckpt", **net))
    assert "\n" not in str(error.value)
