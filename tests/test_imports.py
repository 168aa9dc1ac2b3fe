"""Importing a module changes nothing: no output, no random numbers drawn, no grad mode or default dtype set."""

from __future__ import annotations

import importlib
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import actupose

ROOT = Path(actupose.__file__).parent


def states() -> tuple[object, ...]:
    legacy = np.random.get_state()  # noqa: NPY002 - the global state itself is what is looked at
    return random.getstate(), str(legacy), torch.get_rng_state().tolist()


def test_every_module_imports_without_doing_work(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("lightning", "timm", "datasets", "jsonargparse", "matplotlib", "scipy"):
        importlib.import_module(name)
    capfd.readouterr()
    before = states()
    settings = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    modules = [".".join(["actupose", *f.relative_to(ROOT).with_suffix("").parts]) for f in ROOT.rglob("*.py")]
    for module in sorted(modules):
        importlib.import_module(module.removesuffix(".__init__"))
    assert states() == before
    assert settings == (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads())
    assert capfd.readouterr() == ("", "")
