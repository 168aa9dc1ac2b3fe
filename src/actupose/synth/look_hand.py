"""The part of a look that is for pictures of hands."""

from __future__ import annotations

from dataclasses import dataclass, field

from actupose.synth.gestures import GESTURES
from actupose.synth.look_camera import HandCameraLook
from actupose.synth.schema import Range, check_weights


@dataclass(frozen=True)
class HandLook:
    """Pictures of one hand: view, share of left hands, gestures, and what is worn.

    Sleeve lengths as in `ClothingLook`: 1 elbow, 2 wrist. `palm` is how much paler the palm is than the back, `crease`
    the strength of the creases at the finger joints, `varnish` the share of varnished nails.
    """

    camera: HandCameraLook = field(default_factory=HandCameraLook)
    left: float = 0.5
    gesture: dict[str, float] = field(
        default_factory=lambda: dict(zip(GESTURES, (0.2, 0.2, 0.09, 0.09, 0.1, 0.07, 0.08, 0.04, 0.13), strict=True))
    )
    sleeve: dict[float, float] = field(default_factory=lambda: {0.5: 0.3, 1.2: 0.12, 1.6: 0.13, 1.85: 0.25, 1.95: 0.2})
    palm: Range = (0.2, 0.7)
    crease: Range = (0.1, 0.35)
    varnish: float = 0.12
    gloves: float = 0.02
    watch: float = 0.1

    def __post_init__(self) -> None:
        check_weights("gesture", self.gesture, tuple(GESTURES))
        check_weights("sleeve", self.sleeve)
