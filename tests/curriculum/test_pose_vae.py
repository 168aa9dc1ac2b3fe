import math

import pytest
import torch

from actupose.curriculum import PoseVAE, normalise_poses, vae_loss
from actupose.curriculum.pose_vae import reconstruction_score


def test_normalised_pose_is_centred_on_the_root_and_divided_by_the_longer_side() -> None:
    points = torch.tensor([[[10.0, 20.0], [14.0, 20.0], [10.0, 60.0]]])
    pose = normalise_poses(points, torch.full((1, 3), 2), root=(0, 1))
    expected = torch.tensor([[[-2 / 40, 0.0], [2 / 40, 0.0], [-2 / 40, 1.0]]])
    torch.testing.assert_close(pose, expected)


def test_without_a_root_or_with_a_hidden_one_the_box_centre_is_taken() -> None:
    points = torch.tensor([[[0.0, 0.0], [4.0, 8.0], [1.0, 1.0]]])
    expected = torch.tensor([[[-0.25, -0.5], [0.25, 0.5], [-0.125, -0.375]]])
    torch.testing.assert_close(normalise_poses(points, torch.ones(1, 3), root=()), expected)
    partly = normalise_poses(points, torch.tensor([[1, 1, 0]]), root=(0, 2))
    torch.testing.assert_close(partly[:, :2], expected[:, :2])


def test_normalised_pose_ignores_shift_scale_and_hidden_joints() -> None:
    points = torch.rand(5, 4, 2) * 100
    visible = torch.tensor([[2, 1, 0, 2]]).expand(5, 4)
    moved = points * 3 + 50
    moved[:, 2] = torch.nan
    pose = normalise_poses(moved, visible, root=(0,))
    torch.testing.assert_close(pose, normalise_poses(points, visible, root=(0,)), atol=1e-5, rtol=1e-4)
    assert (pose[:, 2] == 0).all()


def test_degenerate_poses_are_finite_zeros() -> None:
    points = torch.full((2, 3, 2), 7.0)
    pose = normalise_poses(points, torch.tensor([[2, 2, 2], [0, 0, 0]]), root=(0,))
    assert (pose == 0).all()


def test_normalise_rejects_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="visible"):
        normalise_poses(torch.zeros(2, 3, 2), torch.zeros(2, 4), root=())


def test_score_is_the_sum_of_squared_errors_of_eq_2() -> None:
    pose = torch.tensor([[[0.1, 0.2], [0.3, -0.4]]])
    reconstruction = torch.tensor([[[0.0, 0.4], [0.6, -0.4]]])
    score = reconstruction_score(reconstruction, pose, torch.tensor([[2, 2]]))
    assert score.item() == pytest.approx(0.1**2 + 0.2**2 + 0.3**2)


def test_score_masks_hidden_joints_and_rescales_to_all() -> None:
    pose, reconstruction = torch.zeros(2, 4, 2), torch.zeros(2, 4, 2)
    reconstruction[:, 0, 0] = 0.5
    reconstruction[:, 3] = 9.0
    score = reconstruction_score(reconstruction, pose, torch.tensor([[1, 2, 0, 0], [0, 0, 0, 0]]))
    assert score[0].item() == pytest.approx(0.25 * 4 / 2)
    assert score[1].item() == 0


def test_loss_is_eq_1_by_hand() -> None:
    pose = torch.zeros(2, 2, 2)
    reconstruction = torch.tensor([[[0.1, 0.0], [0.0, 0.2]], [[0.3, 0.0], [5.0, 5.0]]])
    visible = torch.tensor([[2, 2], [2, 0]])
    mu, logvar = torch.tensor([[1.0, 0.0], [0.5, 0.0]]), torch.tensor([[0.0, math.log(4.0)], [0.0, 0.0]])
    kl_first = 0.5 * (1.0 + 1.0 - 1 - 0.0) + 0.5 * (0.0 + 4.0 - 1 - math.log(4.0))
    kl_second = 0.5 * 0.25
    expected = ((0.01 + 0.04 + 0.1 * kl_first) + (0.09 + 0.1 * kl_second)) / 2
    assert vae_loss(reconstruction, pose, visible, mu, logvar, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_kl_agrees_with_torch_distributions() -> None:
    mu, logvar = torch.randn(6, 3), torch.randn(6, 3)
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(mu, (0.5 * logvar).exp()), normal(0.0, 1.0)).sum(-1).mean()
    zeros = torch.zeros(6, 2, 2)
    torch.testing.assert_close(vae_loss(zeros, zeros, torch.ones(6, 2), mu, logvar, 1.0), kl)


def test_forward_decodes_the_mean_without_noise_and_samples_with_it() -> None:
    vae = PoseVAE(num_keypoints=5, latent=3, hidden=(8, 6))
    poses = torch.randn(4, 5, 2)
    reconstruction, mu, logvar = vae(poses)
    assert reconstruction.shape == (4, 5, 2)
    assert mu.shape == logvar.shape == (4, 3)
    torch.testing.assert_close(reconstruction, vae.decode(mu))
    noise = torch.randn(4, 3)
    torch.testing.assert_close(vae(poses, noise)[0], vae.decode(mu + noise * (logvar / 2).exp()))
