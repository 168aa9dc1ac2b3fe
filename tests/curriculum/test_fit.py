import pytest
import torch
from stick_figures import stick_figures
from torch import Tensor

from actupose.curriculum import PoseVAE, PoseVAEConfig, fit_pose_vae, normalise_poses, score_poses
from actupose.errors import UserError
from actupose.skeletons import load_skeleton

BODY = load_skeleton("body16")
SHORT = PoseVAEConfig(epochs=6, batch_size=64, seed=3)


def _auc(score: Tensor, positive: Tensor) -> float:
    """Return the share of (positive, negative) pairs that the score ranks rightly, by looking at each pair."""
    return float((score[positive].unsqueeze(1) > score[~positive].unsqueeze(0)).float().mean())


def _set(num: int = 300, spread: float = 20.0) -> tuple[Tensor, Tensor]:
    return stick_figures(num, spread, seed=1), torch.full((num, 16), 2)


def _same(a: PoseVAE, b: PoseVAE) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_odd_poses_score_higher_than_common_ones() -> None:
    odd = torch.arange(2000) % 20 == 0
    points = stick_figures(2000, torch.where(odd, 60.0, 15.0), seed=0)
    visible = torch.full((2000, 16), 2)
    vae = fit_pose_vae(points, visible, BODY, PoseVAEConfig(steps=400))
    score = score_poses(vae, points, visible, BODY)
    assert _auc(score, odd) > 0.8
    shuffled = odd[torch.randperm(2000, generator=torch.Generator().manual_seed(0))]
    assert _auc(score, shuffled) < 0.6  # the bound above is not met by chance


def test_fit_lowers_the_holdout_loss() -> None:
    losses: list[float] = []
    fit_pose_vae(*_set(), BODY, SHORT, progress=lambda *step: losses.append(step[-1]))
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]


def test_fit_depends_on_the_seed_alone_and_leaves_the_global_generator() -> None:
    points, visible = _set()
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = fit_pose_vae(points, visible, BODY, SHORT)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert _same(first, fit_pose_vae(points, visible, BODY, SHORT))
    assert not _same(first, fit_pose_vae(points, visible, BODY, PoseVAEConfig(epochs=6, batch_size=64, seed=4)))


def test_fit_keeps_the_weights_of_the_best_epoch() -> None:
    points, visible = _set(60)
    runs: dict[int, list[float]] = {}

    def fit(epochs: int) -> PoseVAE:
        losses = runs.setdefault(epochs, [])
        config = PoseVAEConfig(epochs=epochs, batch_size=16, lr=0.05, warmup_epochs=0)
        return fit_pose_vae(points, visible, BODY, config, progress=lambda *step: losses.append(step[-1]))

    long = fit(25)
    best = min(range(25), key=lambda epoch: runs[25][epoch])
    assert best < 24  # a learning rate this high overshoots at the end
    assert _same(long, fit(best + 1))


def test_fit_stops_when_the_holdout_no_longer_improves() -> None:
    done: list[int] = []
    config = PoseVAEConfig(epochs=200, batch_size=16, lr=0.05, warmup_epochs=2, patience=3)
    fit_pose_vae(*_set(60), BODY, config, progress=lambda *step: done.append(step[0]))
    assert 5 <= len(done) < 200


def test_hidden_joints_do_not_touch_fit_or_score() -> None:
    points, visible = _set(100)
    visible = visible.clone()
    visible[::2, 10] = 0
    wild = points.clone()
    wild[::2, 10] = torch.nan
    vae = fit_pose_vae(points, visible, BODY, SHORT)
    assert _same(vae, fit_pose_vae(wild, visible, BODY, SHORT))
    assert torch.equal(score_poses(vae, points, visible, BODY), score_poses(vae, wild, visible, BODY))


def test_score_is_eq_2_of_the_mean_reconstruction_whatever_the_batch() -> None:
    points, visible = _set(50)
    vae = fit_pose_vae(points, visible, BODY, SHORT)
    poses = normalise_poses(points, visible, BODY.root)
    reconstruction = vae.decode(vae.encode(poses)[0])
    expected = [float(((reconstruction[i] - poses[i]) ** 2).sum()) for i in range(50)]
    torch.testing.assert_close(score_poses(vae, points, visible, BODY, batch=7), torch.tensor(expected))


def test_fit_uses_at_most_fit_samples_poses() -> None:
    points, visible = _set(200)
    config = PoseVAEConfig(epochs=2, batch_size=10, fit_samples=50, holdout=0.0)
    vae = fit_pose_vae(points, visible, BODY, config)
    generator = torch.Generator().manual_seed(config.seed)
    kept = torch.randperm(200, generator=generator)[:50]
    points[[i for i in range(200) if i not in kept]] = 0.0  # the poses left out do not matter
    assert _same(vae, fit_pose_vae(points, visible, BODY, config))


def test_epochs_adapt_to_the_number_of_poses() -> None:
    config = PoseVAEConfig(steps=100, batch_size=10, warmup_epochs=3)
    assert config.num_epochs(50) == 20  # 5 steps an epoch
    assert config.num_epochs(10_000) == 6  # twice the warm-up
    assert PoseVAEConfig(epochs=4).num_epochs(10_000) == 4


def test_too_few_usable_poses_are_a_user_error() -> None:
    visible = torch.zeros(5, 16)
    visible[0] = 1
    visible[1:, 0] = 1
    with pytest.raises(UserError, match="1 of 5 poses"):
        fit_pose_vae(torch.rand(5, 16, 2), visible, BODY, SHORT)


def test_divergence_is_a_user_error() -> None:
    with pytest.raises(UserError, match="lr"):
        fit_pose_vae(*_set(60), BODY, PoseVAEConfig(epochs=2, batch_size=8, lr=1e30))


@pytest.mark.parametrize("bad", [{"latent": 0}, {"holdout": 1.0}, {"lr": 0.0}, {"epochs": 0}, {"hidden": ()}])
def test_config_out_of_range_is_a_user_error(bad: dict[str, object]) -> None:
    with pytest.raises(UserError, match="pose_vae"):
        PoseVAEConfig(**bad)  # type: ignore[arg-type]
