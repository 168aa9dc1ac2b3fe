"""The part of a look that says how people and hands are viewed."""

from __future__ import annotations

from dataclasses import dataclass

from actupose.synth.schema import Range


@dataclass(frozen=True)
class CameraLook:
    """View of the person; angles in degrees.

    `azimuth_sd` is the spread about the front view, `any_azimuth` the share of views from anywhere around; `focal` in
    units of the image side; `fill` is the longer side of the person in units of the image side; `shift` the spread of
    the person's centre. A share `truncated` of the views is framed with the two truncation ranges instead. Views with
    fewer than `min_joints` joints inside the image are drawn again.
    """

    azimuth_sd: float = 50.0
    any_azimuth: float = 0.4
    elevation: float = 7.0
    elevation_sd: float = 12.0
    elevation_limits: Range = (-25.0, 55.0)
    roll_sd: float = 4.0
    focal: Range = (1.1, 2.8)
    fill: Range = (0.6, 0.92)
    shift: float = 0.02
    truncated: float = 0.15
    truncated_fill: Range = (1.05, 1.7)
    truncated_shift: float = 0.22
    min_joints: int = 6


@dataclass(frozen=True)
class HandCameraLook(CameraLook):
    """View of a hand that is turned every way: as `CameraLook`, with the hand for the person."""

    any_azimuth: float = 1.0
    roll_sd: float = 25.0
    focal: Range = (1.2, 3.0)
    fill: Range = (0.5, 0.88)
    shift: float = 0.03
    truncated: float = 0.08
    truncated_fill: Range = (0.95, 1.25)
    truncated_shift: float = 0.15
    min_joints: int = 12
