"""DINO against slow statements of loss, centre and schedules, and its teacher."""

import math

import numpy as np
import pytest
import torch

from simcore.errors import InputError
from simcore.methods import DINO, Moment
from simcore.methods.dino import CentredLoss
from tests.methods.worlds import Means, adam, moments, random_views, small_method, small_vit, take_step


def softmax(row):
    top = max(row)
    weights = [math.exp(value - top) for value in row]
    return [weight / sum(weights) for weight in weights]


def slow_loss(teacher, student, *, centre, teacher_temperature, student_temperature):
    """Algorithm 1 of Caron et al. 2021: cross-entropies of all pairs of different views, in float64."""
    terms = []
    for i, aims in enumerate(teacher.double().tolist()):
        for j, guesses in enumerate(student.double().tolist()):
            if i == j:
                continue
            total = 0.0
            for t, s in zip(aims, guesses, strict=True):
                p = softmax([(a - c) / teacher_temperature for a, c in zip(t, centre, strict=True)])
                q = softmax([b / student_temperature for b in s])
                total -= sum(a * math.log(b) for a, b in zip(p, q, strict=True))
            terms.append(total / len(aims))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("views", [2, 3, 6])
@pytest.mark.parametrize("dim", [2, 9])
def test_the_loss_is_the_cross_entropy_over_pairs_of_different_views(n, views, dim):
    generator = torch.Generator().manual_seed(n)
    teacher, student = (0.3 * torch.randn(count, n, dim, generator=generator) for count in (2, views))
    criterion = CentredLoss(dim, student_temperature=0.1, teacher_temperature=0.05, centre_momentum=0.9)
    criterion.center.copy_(torch.randn(1, 1, dim, generator=generator) / 10)
    expected = slow_loss(
        teacher,
        student,
        centre=criterion.center.flatten().tolist(),
        teacher_temperature=0.05,
        student_temperature=0.1,
    )
    assert criterion(teacher, student).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("local_views", [0, 1, 4])
def test_the_teacher_sees_the_large_views_and_the_student_all(local_views):
    method = small_method("dino", local_views=local_views).eval()
    for parameter in method.teacher_head.parameters():
        parameter.data *= 1.5
    views = random_views(method, n=3)
    assert method.view_counts == ((2, local_views) if local_views else (2,))
    with torch.no_grad():
        teacher = torch.stack([method.teacher_head(method.teacher_backbone(view)) for view in views[:2]])
        student = torch.stack([method.student_head(method.student_backbone(view)) for view in views])
    expected = slow_loss(teacher, student, centre=[0.0] * 7, teacher_temperature=0.04, student_temperature=0.1)
    assert method.loss(views).item() == pytest.approx(expected, abs=1e-5)


def test_the_centre_follows_the_mean_teacher_output_in_training_only():
    method = small_method("dino", centre_momentum=0.8)
    start = torch.randn(1, 1, 7)
    method.criterion.center.copy_(start)
    views = random_views(method)
    with torch.no_grad():
        outputs = method.teacher_head(method.teacher_backbone(torch.cat(views[:2])))
    method.loss(views)
    expected = 0.8 * start + 0.2 * outputs.mean(dim=0)
    assert torch.allclose(method.criterion.center, expected, atol=1e-6)
    method.eval().loss(views)
    assert torch.allclose(method.criterion.center, expected, atol=1e-6)


@pytest.mark.parametrize("warmup", [0, 1, 4, 9])
def test_the_teachers_temperature_rises_in_a_line_per_epoch(warmup):
    method = small_method(
        "dino", teacher_temperature=0.04, teacher_temperature_end=0.07, warmup_teacher_temperature_epochs=warmup
    )
    for moment in moments(total=12, per_epoch=2):
        e = moment.epoch
        expected = 0.07 - (0.07 - 0.04) * (1 - e / warmup) if e <= warmup else 0.07
        method.before_step(moment)
        assert method.curves()["teacher_temperature"] == pytest.approx(expected, abs=1e-8)
        assert method.teacher_temperature_at(moment) == pytest.approx(expected, abs=1e-12)


def test_the_loss_follows_the_temperature_that_was_set():
    method = small_method("dino").eval()
    views = random_views(method)
    first = method.loss(views).item()
    method.before_step(Moment(step=6, total_steps=6, steps_per_epoch=1))
    assert method.criterion.teacher_temperature.item() == pytest.approx(0.07)
    assert method.loss(views).item() != first


def test_the_last_layer_keeps_still_in_the_first_epochs_and_moves_after():
    method = small_method("dino", freeze_last_layer_epochs=2)
    optimiser = adam(method)
    start = method.student_head.last_layer.weight.detach().clone()
    for moment in moments(total=6, per_epoch=2):
        others = method.student_head.layers[0].weight.detach().clone()
        take_step(method, optimiser, moment)
        assert torch.equal(method.student_head.last_layer.weight, start) == (moment.epoch <= 2)
        assert not torch.equal(method.student_head.layers[0].weight, others)


def test_the_teacher_starts_as_a_copy_and_follows_as_the_moving_average():
    method = small_method("dino", momentum=0.7, momentum_end=0.9, momentum_per="epoch", freeze_last_layer_epochs=0)
    before = {key: tensor.clone() for key, tensor in method.state_dict().items()}
    pairs = [
        (f"student_{part}.{key}", f"teacher_{part}.{key}")
        for part in ("backbone", "head")
        for key, _ in getattr(method, f"student_{part}").named_parameters()
    ]
    assert all(torch.equal(before[student], before[teacher]) for student, teacher in pairs)
    take_step(method, adam(method), Moment(step=3, total_steps=8, steps_per_epoch=2))
    after = method.state_dict()
    m = 0.9 - 0.2 * (1 + math.cos(math.pi * 2 / 4)) / 2
    assert method.curves()["momentum"] == pytest.approx(m)
    for student, teacher in pairs:
        expected = m * before[teacher] + (1 - m) * after[student]
        assert torch.allclose(after[teacher], expected, atol=1e-6), teacher
        gain = teacher.endswith("original0")
        assert torch.allclose(after[teacher], before[teacher], atol=1e-6) == gain, teacher


def test_the_encoder_is_the_teachers_backbone_with_statistics_of_its_own():
    method = small_method("dino")
    assert method.encoder is method.teacher_backbone
    method.loss(random_views(method))
    assert method.encoder.norm.num_batches_tracked == 1
    assert method.student_backbone.norm.num_batches_tracked == 2


def test_head_and_gain_are_those_of_the_paper():
    head = DINO(Means(), output_dim=50).student_head
    assert [tuple(layer.weight.shape) for layer in head.layers[::2]] == [(2048, 6), (2048, 2048), (256, 2048)]
    assert [type(layer).__name__ for layer in head.layers] == ["Linear", "GELU", "Linear", "GELU", "Linear"]
    assert head.layers[2].weight.std().item() == pytest.approx(0.02, abs=2e-4)
    assert torch.allclose(head.last_layer.weight.norm(dim=1), torch.ones(50), atol=1e-5)
    assert not head.gain.requires_grad
    assert DINO(Means(), output_dim=50, norm_last_layer=False).student_head.gain.requires_grad


def test_stochastic_depth_rises_in_a_line_in_the_student_alone():
    method = DINO(small_vit(depth=5, dynamic_img_size=True), output_dim=8, hidden_dim=8, drop_path=0.2)
    rates = [getattr(block.drop_path2, "drop_prob", 0.0) for block in method.student_backbone.blocks]
    assert rates == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert not any(hasattr(block.drop_path1, "drop_prob") for block in method.teacher_backbone.blocks)


def test_a_vision_transformer_takes_small_views_if_it_takes_any_size():
    method = DINO(small_vit(dynamic_img_size=True), output_dim=8, hidden_dim=8, local_views=2)
    output = method(random_views(method))
    assert np.isfinite(output.loss.item())
    with pytest.raises(InputError, match=r"`local_views` is 2.*images of one size only.*or set `local_views` to 0"):
        DINO(small_vit(), local_views=2)
    assert DINO(small_vit(), output_dim=8, hidden_dim=8, local_views=0).view_counts == (2,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output_dim", 1),
        ("hidden_dim", 0),
        ("bottleneck_dim", 0),
        ("student_temperature", 0),
        ("teacher_temperature", -1),
        ("teacher_temperature_end", 0),
        ("warmup_teacher_temperature_epochs", -1),
        ("centre_momentum", 1.1),
        ("freeze_last_layer_epochs", -1),
        ("momentum", 2),
        ("local_views", -1),
        ("drop_path", 1),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` is {value}; it must be"):
        DINO(Means(), **{"output_dim": 8, "hidden_dim": 8, name: value})
