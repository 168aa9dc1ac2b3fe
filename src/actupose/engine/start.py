"""A training that starts from the network of another one, e.g. an adaptation from a source-only training of yours."""

from __future__ import annotations

import hashlib
from pathlib import Path

from actupose.engine.checkpoints import first_line, kept_network
from actupose.engine.run_folder import RunFolder
from actupose.errors import UserError
from actupose.methods import PoseMethod
from actupose.metrics import Calibration
from actupose.skeletons import Skeleton


class Start:
    """The headline network of another training; read where a training begins with it, not where one goes on.

    Args:
        path: a run folder, whose last checkpoint counts, or a checkpoint.

    Attributes:
        path: see above.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = RunFolder(path).checkpoint if path.is_dir() else path

    def load_into(self, method: PoseMethod) -> None:
        """Make the method's student this network, calibration too; a mean teacher becomes its copy as it begins.

        Args:
            method: about to be trained.

        Raises:
            UserError: it is missing or broken, or has other keypoints or another network.
        """
        found = kept_network(self._file)
        theirs = Skeleton.from_dict(found.facts.get("skeleton", {}), str(self._file))
        if theirs.keypoints != method.skeleton.keypoints:
            raise UserError(
                f"{self._file}: knows the keypoints of skeleton '{theirs.name}', not those of "
                f"'{method.skeleton.name}'; start from a training of the same skeleton."
            )
        try:
            method.student.load_state_dict(found.state)
        except RuntimeError as error:
            raise UserError(
                f"{self._file}: its network, {found.facts.get('net')}, is not this training's ({first_line(error)}); "
                "set model.init_args.net as there."
            ) from error
        held = found.facts.get("calibration")
        method.calibration = None if held is None else Calibration.from_dict(held)

    def fingerprint(self) -> str:
        """A short hash of the checkpoint file."""
        with self._file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
