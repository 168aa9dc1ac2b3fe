"""The two ends of every table: the source alone, and the target's labels."""

from __future__ import annotations

from actupose.methods.base import PoseMethod


class SourceOnly(PoseMethod):
    """The source domain alone, with the same augmentation and backbone as every other method."""


class Oracle(PoseMethod):
    """Supervised training on labelled target images: the upper end of a table.

    It is the only method that may see target labels: with ``data.oracle`` the target's training store, labels and all,
    takes the place of the source. Any other method refuses that option.
    """
