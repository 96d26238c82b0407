"""The steps of self-training and OpenMatch, written out."""

import copy

import pytest
import torch
from torch import nn

from simcore.backbones import create_backbone
from simcore.downstream.openset_semi_supervised import (
    OpenMatch,
    SelfTraining,
    one_vs_all_loss,
    open_entropy,
    soft_consistency,
)
from simcore.downstream.openset_semi_supervised.openmatch import inlier_loss
from simcore.errors import InputError
from simcore.supervised import Classifier


class Flat(nn.Module):
    """A backbone without batch norm, so that a batch is the sum of its images."""

    num_features = 8

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 16 * 16, 8)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.layer.weight.normal_(0, 0.05, generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(images.flatten(1)))


def images(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


CLASSES = torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(("weight", "temperature"), [(0.5, 1.0), (0.3, 2.0), (0.0, 1.0), (1.0, 1.0)])
def test_self_training_is_the_weighted_sum(weight: float, temperature: float) -> None:
    teacher = Classifier(Flat(1), class_count=3, seed=5)
    method = SelfTraining(Flat(0), teacher, class_count=3, seed=0, weight=weight, temperature=temperature)
    labelled, unlabelled = images(4, 0), images(6, 1)
    loss = method([labelled, CLASSES, unlabelled]).loss
    of_labels = nn.functional.cross_entropy(method.logits(labelled)[0], CLASSES)
    said = torch.softmax(teacher.logits(unlabelled)[0] / temperature, dim=1)
    log = torch.log_softmax(method.logits(unlabelled)[0] / temperature, dim=1)
    of_teacher = -(said * log).sum(dim=1).mean()
    assert loss.item() == pytest.approx(((1 - weight) * of_labels + weight * of_teacher).item(), rel=1e-5)


def test_the_teacher_stands_still() -> None:
    teacher = Classifier(create_backbone("resnet10_small", image_size=16, seed=1), class_count=3, seed=0)
    student = create_backbone("resnet10_small", image_size=16, seed=0)
    method = SelfTraining(student, teacher, class_count=3, seed=0).train()
    before = copy.deepcopy(method.teacher.state_dict())
    optimiser = torch.optim.SGD([value for value in method.parameters() if value.requires_grad], lr=0.1)
    for _ in range(2):
        method([images(4, 0), CLASSES, images(6, 1)]).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert all(torch.equal(value, before[name]) for name, value in method.teacher.state_dict().items())
    # The one that was given is another: it may be trained on.
    assert next(teacher.parameters()).requires_grad


@pytest.mark.parametrize(("threshold", "kept"), [(0.0, 5), (0.9, 4), (1.0, 0)])
def test_inlier_loss(threshold: float, kept: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weak, strong = (2 * torch.randn(8, 3, generator=generator) for _ in range(2))
    inlier = torch.tensor([1, 0, 1, 1, 0, 1, 1, 0]) > 0
    total, counted = 0.0, 0
    for image in range(8):
        probabilities = torch.softmax(weak[image] / 0.5, dim=0)
        if inlier[image] and probabilities.max() >= threshold:
            counted += 1
            total -= torch.log_softmax(strong[image], dim=0)[probabilities.argmax()].item()
    assert counted == kept
    # The mean is over all pseudo-inliers, as FixMatch has it.
    found = inlier_loss(weak, strong, inlier, threshold=threshold, temperature=0.5)
    assert found.item() == pytest.approx(total / 5, rel=1e-5, abs=1e-6)


def openmatch(**options: float) -> OpenMatch:
    return OpenMatch(Flat(0), class_count=3, unlabelled_count=10, seed=0, **options)


def test_openmatch_is_the_weighted_sum() -> None:
    weights = {"entropy_weight": 0.1, "consistency_weight": 0.5, "fix_weight": 2.0}
    method = openmatch(**weights)
    centre, strong, weak_u, strong_u = images(4, 0), images(4, 1), images(6, 2), images(6, 3)
    positions = torch.tensor([9, 3, 5, 0, 1, 2])
    method.inlier[torch.tensor([3, 0])] = True

    def heads(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features, logits = method.network.predict(pixels)
        return logits, method.open(features)

    (closed_1, open_1), (closed_2, open_2), (closed_w, open_w), (closed_s, open_s) = map(
        heads, (centre, strong, weak_u, strong_u)
    )
    # Both views of the labelled images count alike.
    wanted = (nn.functional.cross_entropy(closed_1, CLASSES) + nn.functional.cross_entropy(closed_2, CLASSES)) / 2
    wanted = wanted + (one_vs_all_loss(open_1, CLASSES) + one_vs_all_loss(open_2, CLASSES)) / 2
    wanted = wanted + 0.1 * open_entropy(open_w, open_s) + 0.5 * soft_consistency(open_w, open_s)
    # Positions 3 and 0 are the second and the fourth of the batch.
    named = closed_w.argmax(dim=1)[[1, 3]]
    wanted = wanted + 2.0 * nn.functional.cross_entropy(closed_s[[1, 3]], named)
    found = method([centre, strong, CLASSES, weak_u, strong_u, positions])
    assert found.loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert found.features.shape == (4, 8) and not found.features.requires_grad


def test_every_weight_gets_a_gradient_and_positions_matter() -> None:
    method = openmatch()
    lot = [images(4, 0), images(4, 1), CLASSES, images(6, 2), images(6, 3)]
    before = method([*lot, torch.arange(6)]).loss
    method.inlier[:6] = True
    after = method([*lot, torch.arange(6)]).loss
    assert after > before
    assert method([*lot, torch.tensor([6, 7, 8, 9, 6, 7])]).loss.item() == pytest.approx(before.item())
    after.backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in method.parameters())
    assert method.curves() == {"inlier_share": pytest.approx(0.6)}


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: openmatch(threshold=1.5), "`threshold` is 1.5; it must be from 0 to 1"),
        (lambda: openmatch(outlier_threshold=0.0), "`outlier_threshold` is 0.0; it must be above 0"),
        (lambda: openmatch(temperature=0.0), "`temperature` is 0.0; it must be above 0"),
        (lambda: openmatch(entropy_weight=-1.0), "`entropy_weight` is -1.0; it must be at least 0"),
        (lambda: OpenMatch(Flat(0), class_count=3, unlabelled_count=0, seed=0), "There is no unlabelled image"),
        (
            lambda: SelfTraining(Flat(0), Classifier(Flat(1), class_count=3, seed=0), class_count=3, seed=0, weight=2),
            "`weight` is 2; it must be from 0 to 1",
        ),
        (lambda: openmatch()([images(4, 0)]), r"takes 1 \+ 1 \+ 1 \+ 1 \+ 1 \+ 1 views"),
    ],
)
def test_wrong_settings(build, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build()
