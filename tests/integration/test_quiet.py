"""What a user reads during a training is ours: libraries give no tips."""

from __future__ import annotations

from pathlib import Path

import pytest

from actupose.cli import main
from integration.runs import fit_args
from tiny_stores import Stores


@pytest.mark.parametrize("bn", ["own", "copy", "ema"])
def test_lightning_warns_of_nothing(bn: str, stores: Stores, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert main(fit_args("actupose", stores, tmp_path / "run", "--model.teacher.bn", bn)) == 0
    told = [warning for warning in recwarn if issubclass(warning.category, UserWarning)]  # Python shows no others
    assert [str(warning.message) for warning in told if "lightning" in warning.filename] == []
