"""EvalPose: agreement of limb directions (Eq. 5)."""

from collections.abc import Sequence

from torch import Tensor

from actupose.geometry import at_least_float32, index_tensor

_EPS = 1e-6  # pixels squared: keeps the gradient of a limb of zero length finite
_SHORTEST = 1e-8  # pixels squared: a shorter reference limb has no direction


def limb_cosines(
    points: Tensor, reference: Tensor, limbs: Sequence[tuple[int, int]], valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cosine between each limb and its reference.

    A limb takes part if both of its ends are valid and its reference has a direction. A predicted limb of zero length
    takes part with cosine 0. Left-out limbs have cosine 0 and no gradient, whatever their coordinates (NaN included).
    Source: Eq. 5, METHOD.md section 3.

    Args:
        points: (B, K, 2), x and y in pixels.
        reference: (B, K, 2), same grid.
        limbs: L pairs of keypoint indices.
        valid: (B, K), true where the keypoint is visible (source) or confident (target pseudo-label).

    Returns:
        cosines (B, L) in [-1, 1] and mask (B, L), true where the limb takes part.

    Raises:
        ValueError: A shape does not fit, or a limb has an index outside 0..K-1.
    """
    if points.ndim != 3 or points.shape[-1] != 2 or points.shape != reference.shape:
        raise ValueError(f"expected two equal (B, K, 2), got {tuple(points.shape)} and {tuple(reference.shape)}")
    if valid.shape != points.shape[:2]:
        raise ValueError(f"expected validity of shape {tuple(points.shape[:2])}, got {tuple(valid.shape)}")
    if any(not 0 <= i < points.shape[1] for limb in limbs for i in limb):
        raise ValueError(f"a limb index lies outside the {points.shape[1]} keypoints: {tuple(limbs)}")
    valid_start, valid_end = _ends(valid > 0, limbs)
    start, end = _ends(at_least_float32(reference), limbs)
    v_hat = end - start
    square_hat = v_hat.square().sum(-1)
    mask = valid_start & valid_end & (square_hat > _SHORTEST)
    left_out = ~mask.unsqueeze(-1)
    direction = (v_hat * square_hat.rsqrt().unsqueeze(-1)).masked_fill(left_out, 0.0)
    start, end = _ends(at_least_float32(points), limbs)
    v = (end - start).masked_fill(left_out, 0.0)
    return (v * direction).sum(-1) * (v.square().sum(-1) + _EPS).rsqrt(), mask


def _ends(x: Tensor, limbs: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Return what the keypoints at both ends of each limb have: (B, K, ...) -> twice (B, L, ...)."""
    flat = index_tensor([i for limb in limbs for i in limb], x.device)
    start, end = x.index_select(1, flat).reshape(len(x), len(limbs), 2, *x.shape[2:]).unbind(2)
    return start, end


def evalpose_losses(points: Tensor, reference: Tensor, limbs: Sequence[tuple[int, int]], valid: Tensor) -> Tensor:
    """Return each image's EvalPose loss, minus the sum of its limb cosines; (B,), see `evalpose_loss`."""
    cosine, _ = limb_cosines(points, reference.detach(), limbs, valid)
    return -cosine.sum(-1)


def evalpose_loss(points: Tensor, reference: Tensor, limbs: Sequence[tuple[int, int]], valid: Tensor) -> Tensor:
    """Return the EvalPose loss, minus the sum of limb cosines, averaged over the batch.

    The reference is a label or pseudo-label of the same image and gets no gradient. 0 with a zero gradient when no limb
    takes part. Source: Eq. 5, METHOD.md section 3.

    Args:
        points: (B, K, 2), x and y in pixels, differentiable (`codecs.soft_argmax`).
        reference: (B, K, 2), same grid.
        limbs: L pairs of keypoint indices.
        valid: (B, K), true where the keypoint may be used.

    Returns:
        Scalar in [-L, L].

    Raises:
        ValueError: As `limb_cosines`.
    """
    return evalpose_losses(points, reference, limbs, valid).sum() / max(points.shape[0], 1)
