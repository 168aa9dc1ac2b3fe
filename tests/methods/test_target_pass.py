"""The mean teacher's side: views that change nothing agree, pseudo-labels come back to the base frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actupose.codecs import argmax, encode, to_heat
from actupose.errors import UserError
from actupose.geometry import invert, warp_points
from actupose.losses import quantile_mask, rising
from actupose.methods import UDAPE, ACTUPose, SkeletonLossConfig, SourceOnly, TeacherConfig
from actupose.methods.base import TrainBatch
from actupose.metrics import Calibration
from actupose.models import PoseOutput, StyleConfig
from actupose.views import AffineConfig, sample_crop
from methods.tiny import NO_OCCLUSION, NO_STYLE, SIZE, STILL, batch, method


def still(cls: type[UDAPE] = UDAPE, **options: Any) -> UDAPE:
    given = {"affine": STILL, "jitter": 0.0, "style": NO_STYLE, "teacher": NO_OCCLUSION, **options}
    return method(cls, **given).eval()


def test_with_views_that_change_nothing_all_agree_with_a_plain_forward() -> None:
    model, data = still(), batch(3)
    with torch.no_grad():
        target = model.target_pass(data)
        plain = model.student(data["target"].image.float() / 255)
    in_base, pseudo = model.in_base(target)
    torch.testing.assert_close(in_base, plain.heatmaps, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(target.student_view, plain.heatmaps, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(target.feature, plain.feature, atol=1e-4, rtol=1e-3)
    points, peaks = argmax(plain.heatmaps)
    torch.testing.assert_close(target.peaks, peaks, atol=1e-4, rtol=1e-3)
    assert float((target.points - points).abs().amax(-1).median()) == 0
    assert torch.equal(argmax(pseudo)[0], target.points)
    assert torch.equal(pseudo.amax((2, 3)), torch.ones(3, 16))


class Beacon(nn.Module):
    """A network that sees: each channel's heatmap is a Gaussian at the brightness centre of one colour."""

    def forward(self, images: Tensor) -> PoseOutput:
        size = images.shape[-1]
        axis = torch.arange(size, dtype=images.dtype)
        light = images.clamp(min=1e-9)
        total = light.sum((2, 3))
        points = torch.stack([(light.sum(2) * axis).sum(-1), (light.sum(3) * axis).sum(-1)], -1) / total[..., None]
        seen = (total > 1).float()
        heatmaps, _ = encode(to_heat(points, 4), seen, (size // 4, size // 4), 1.0)
        return PoseOutput(heatmaps, images.mean((2, 3)), images, heatmaps)


@pytest.mark.parametrize("views", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_pseudo_labels_come_back_to_the_base_frame(seed: int, views: int) -> None:
    """One blob per colour; whatever the teacher's and the student's views, both point at it in the base frame."""
    places = torch.tensor([[30.0, 26.0], [38.0, 36.0], [24.0, 40.0]])
    blobs = encode(places[None], torch.ones(1, 3), (SIZE, SIZE), 2.0)[0]
    data = batch(8)
    image = (blobs * 255).round().to(torch.uint8).expand(8, 3, SIZE, SIZE)
    data["target"] = data["target"]._replace(image=image)
    config = TeacherConfig(bn="copy", occlusion_prob=0, views=views)
    model = still(affine=AffineConfig(scale=(0.8, 1.2), shear=20), teacher=config)
    model.student = model.teacher.net = Beacon()  # type: ignore[assignment]
    model._generator.manual_seed(seed)
    target = model.target_pass(data)
    crop = sample_crop(8, SIZE, (0.6, 1.0), torch.Generator().manual_seed(seed))
    truth = to_heat(warp_points(places.expand(8, 3, 2), crop), 4)
    inside = ((truth > 2) & (truth < 13)).all(-1)  # the views did not cut it off
    assert int(inside.sum()) > 12
    for points in (target.points, argmax(model.in_base(target)[0])[0]):
        off = (points - truth).norm(dim=-1)[inside]
        assert float(off.max()) <= 1.0
        assert float(off.median()) <= 0.6
    in_view = warp_points(argmax(target.student_view)[0], target.to_base)
    assert float((in_view - truth).norm(dim=-1)[inside].max()) <= 1.0


def test_the_student_and_the_teacher_see_different_views() -> None:
    model, data = still(affine=AffineConfig()), batch(2)
    seen: list[Tensor] = []
    for net in (model.student, model.teacher.net):
        net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model._generator.manual_seed(0)
    model.target_pass(data)
    assert len(seen) == 2
    assert not torch.allclose(seen[0], seen[1], atol=0.05)


def test_gradients_reach_the_student_alone() -> None:
    model, data = method(UDAPE), batch(2)
    target = model.target_pass(data)
    student, pseudo = model.in_base(target)
    assert student.requires_grad
    assert not any(t.requires_grad for t in (pseudo, target.points, target.peaks, target.feature))
    sum(model.losses(data).values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in model.student.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())


def views_of(data: TrainBatch, *models: UDAPE) -> dict[str, list[Tensor]]:
    """What student and teacher of each model see of one batch, with the same random numbers."""
    views: dict[str, list[Tensor]] = {"student": [], "teacher": []}
    for model in models:
        model.student.register_forward_pre_hook(lambda _, args: views["student"].append(args[0]))
        model.teacher.net.register_forward_pre_hook(lambda _, args: views["teacher"].append(args[0]))
        model._generator.manual_seed(1)
        model.target_pass(data)
    return views


def test_a_teacher_of_strength_0_sees_the_crop_unturned() -> None:
    data = batch(4)
    turned = {"affine": AffineConfig(), "teacher": TeacherConfig(bn="copy", occlusion_prob=0, view_strength=0)}
    views = views_of(data, still(**turned), still(affine=AffineConfig(rotation=0, shear=0, translate=0, scale=(1, 1))))
    torch.testing.assert_close(*views["teacher"], atol=1e-5, rtol=0)
    assert not torch.allclose(*views["student"], atol=0.05)


def test_occlusion_changes_the_students_view_alone() -> None:
    data = batch(4)
    config = TeacherConfig(bn="copy", occlusion_prob=1.0, occlusion_threshold=-10.0)
    plain, covered = still(), still(teacher=config)
    views = views_of(data, plain, covered)
    assert torch.equal(*views["teacher"])
    changed = (views["student"][0] != views["student"][1]).any(1).flatten(1).sum(1)
    assert bool((changed > 0).all())
    assert int(changed.max()) <= 5 * 5  # 20 px of 256 are 5 of 64


def test_masking_paints_squares_of_the_students_view_alone() -> None:
    data = batch(4)
    plain, masked = still(), still(teacher=TeacherConfig(bn="copy", occlusion_prob=0, block_ratio=0.5))
    views = views_of(data, plain, masked)
    assert torch.equal(*views["teacher"])
    mean = masked.student.mean.expand_as(views["student"][1])
    painted = (views["student"][1] == mean).all(1)
    assert 0.3 < float(painted.float().mean()) < 0.7
    same = (views["student"][1] == views["student"][0]).all(1)
    assert bool((painted | same).all())


def test_occlusion_covers_a_joint_of_the_students_view() -> None:
    places = torch.tensor([[30.0, 26.0], [38.0, 36.0], [24.0, 40.0]])
    blobs = encode(places[None], torch.ones(1, 3), (SIZE, SIZE), 2.0)[0]
    data = batch(8)
    texture = data["target"].image[:1] // 4
    image = ((blobs * 160).round().to(torch.uint8) + texture).expand(8, 3, SIZE, SIZE)
    data["target"] = data["target"]._replace(image=image)
    config = TeacherConfig(bn="copy", occlusion_prob=1.0, occlusion_threshold=0.5)
    model = still(affine=AffineConfig(scale=(0.8, 1.2), shear=20), teacher=config)
    heat = encode(to_heat(places.expand(8, 3, 2), 4), torch.ones(8, 3), (16, 16), 1.0)[0]
    pointed = PoseOutput(heat, torch.ones(8, 3), heat, heat)
    views: list[Tensor] = []
    model.teacher.net.forward = lambda _: pointed  # type: ignore[method-assign]
    model.student.forward = lambda x: views.append(x) or pointed  # type: ignore[func-returns-value, method-assign]
    for prob in (0.0, 1.0):
        model.teacher_config = replace(config, occlusion_prob=prob)
        model._generator.manual_seed(2)
        target = model.target_pass(data)
    in_view = (warp_points(target.points, invert(target.to_base)) + 0.5) * 4 - 0.5
    covered = (views[0] != views[1]).any(1)
    for one, joints in zip(covered, in_view, strict=True):
        rows, columns = one.nonzero(as_tuple=True)
        middle = torch.stack([columns.float().mean(), rows.float().mean()])
        inside = joints.clamp(2, SIZE - 3)
        assert float((inside - middle).norm(dim=1).min()) <= 2.0


def test_styles_go_both_ways_and_can_be_switched_off() -> None:
    data = batch(6)
    data["target"] = data["target"]._replace(image=data["target"].image // 4)
    styled = still(style=StyleConfig(prob=1.0))
    images = styled.images(data["source"])
    restyled = styled.restyle(images, data)
    assert float(restyled.mean()) < 0.9 * float(images.mean())
    target = styled.images(data["target"])
    assert float(styled.transfer(target, data["source"], styled.sample_style(6)).mean()) > 1.1 * float(target.mean())
    assert still().restyle(images, data) is images
    never = still(style=StyleConfig(prob=0.0)).restyle(images, data)
    torch.testing.assert_close(never, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [2, 5])
def test_unequal_batches_keep_every_picture(count: int) -> None:
    data, few = batch(3), batch(count)
    model = still(style=StyleConfig(prob=1.0))
    assert len(model.restyle(model.images(few["source"]), data)) == count
    data["source"] = few["source"]
    assert model.target_pass(data).student_view.shape[0] == 3


def test_a_method_restyles_whole_batches_or_single_images() -> None:
    data = batch(40)
    data["target"] = data["target"]._replace(image=data["target"].image // 4)
    shares: dict[str, list[float]] = {"batch": [], "image": []}
    for per, seen in shares.items():
        model = still(style=StyleConfig(per=per))  # type: ignore[arg-type]
        images = model.images(data["source"])
        for _ in range(20):
            changed = (model.restyle(images, data) - images).abs().mean((1, 2, 3)) > 1e-4
            seen.append(float(changed.float().mean()))
    assert all(0.2 < share < 0.8 for share in shares["image"])
    assert max(shares["batch"]) > 0.9  # a strength near 0 may leave an image as it was
    assert 4 <= sum(share == 0 for share in shares["batch"]) <= 16


def test_any_method_can_have_a_style_transfer() -> None:
    data = batch(4)
    data["target"] = data["target"]._replace(image=data["target"].image // 4)
    model = method(SourceOnly, style=StyleConfig(prob=1.0), affine=STILL, jitter=0.0).eval()
    seen: list[Tensor] = []
    model.student.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    plain = method(SourceOnly, affine=STILL, jitter=0.0).eval()
    plain.student.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    for each in (model, plain):
        each._generator.manual_seed(0)
        each.source_pass(data)
    assert float(seen[0].mean()) < 0.9 * float(seen[1].mean())
    model.check_data(model.skeleton, has_target=True)
    plain.check_data(plain.skeleton, has_target=False)
    with pytest.raises(UserError, match=r"style transfer needs target images; set data.target"):
        model.check_data(model.skeleton, has_target=False)


@pytest.mark.filterwarnings("ignore:You are trying to")
def test_actupose_adds_its_two_losses() -> None:
    config = SkeletonLossConfig(confidence=-10.0, gamma=100.0, per_pixel=False)
    model = still(ACTUPose, skeleton_losses=config)
    data = batch(3)
    visible = data["source"].visible.clone().fill_(2)
    points = data["source"].keypoints * 0.8 + 6
    data["source"] = data["source"]._replace(visible=visible, keypoints=points)
    terms = model.losses(data)
    assert set(terms) == {"supervised", "consistency", "evalpose", "cross_domain"}
    with torch.no_grad():
        unit = [
            f / f.norm(dim=1, keepdim=True) for f in (model.source_pass(data).feature, model.target_pass(data).feature)
        ]
    assert float(terms["cross_domain"].detach()) == pytest.approx(-float((unit[0] @ unit[1].T).mean()), rel=1e-4)
    assert 0 < abs(float(terms["evalpose"].detach())) <= 2 * len(model.skeleton.limbs)
    for term in ("evalpose", "cross_domain"):
        model.zero_grad()
        model.losses(data)[term].backward()
        assert any(bool(p.grad.any()) for p in model.student.backbone.parameters() if p.grad is not None), term
    model.skeleton_losses = replace(config, per_pixel=True)
    scaled = model.losses(data)
    torch.testing.assert_close(scaled["evalpose"] * 16 * 16 * 16, terms["evalpose"])
    torch.testing.assert_close(scaled["cross_domain"] * 16 * 16, terms["cross_domain"])


@pytest.mark.filterwarnings("ignore:You are trying to")
def test_joints_without_confidence_take_no_part_on_the_target() -> None:
    model = still(ACTUPose, skeleton_losses=SkeletonLossConfig(confidence=1e9, gamma=100.0))
    data = batch(3)
    data["source"] = data["source"]._replace(visible=torch.zeros(3, 16, dtype=torch.uint8))
    terms = model.losses(data)
    assert float(terms["evalpose"].detach()) == 0
    assert float(terms["cross_domain"].detach()) == 0


def test_pseudo_labels_are_masked_by_probability_where_there_is_one() -> None:
    """The probability is that of the source; without it, and by default, the quantile decides."""
    model = still(teacher=replace(NO_OCCLUSION, mask_by="probability", mask_probability=0.6))
    plain = still(teacher=NO_OCCLUSION)
    peaks = torch.linspace(0.05, 0.8, 12).reshape(3, 4)
    passed = model.target_pass(batch())._replace(peaks=peaks, rising=rising(peaks))
    half = quantile_mask(peaks, 0.5)
    assert torch.equal(model.pseudo_mask(passed), half)
    model.calibration = plain.calibration = Calibration("isotonic", (0.1, 0.5), (0.2, 1.0), 100)
    assert torch.equal(model.pseudo_mask(passed), peaks >= 0.3)  # 0.2 + 0.8 * (0.3 - 0.1) / 0.4 = 0.6
    assert torch.equal(plain.pseudo_mask(passed), half)


def test_a_probability_is_a_probability() -> None:
    with pytest.raises(UserError, match=r"teacher\.mask_probability is 1\.5; use 0 to 1"):
        TeacherConfig(mask_probability=1.5)
