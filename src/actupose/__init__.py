"""ACTUPose: from labelled rendered poses to a model for unlabelled real pictures.

``actupose.load("runs/mine")("picture.jpg")`` gives keypoints; see `actupose.deploy.load`.
"""

import importlib

__version__ = "0.1.0"

_LAZY = {"load": "actupose.deploy.load"}  # loaded when they are asked for: `import actupose` takes no torch


def __getattr__(name: str) -> object:
    """The public functions of rooms, without importing the rooms before."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
