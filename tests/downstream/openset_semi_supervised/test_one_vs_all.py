"""Losses of one-vs-all classifiers against loops over images and classes."""

import math

import pytest
import torch

from simcore.downstream.openset_semi_supervised import (
    one_vs_all_loss,
    open_entropy,
    outlier_scores,
    soft_consistency,
)


def draw(n: int, classes: int, seed: int, *, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(n, 2 * classes, generator=torch.Generator().manual_seed(seed))


def probability_in(outputs: torch.Tensor, image: int, number: int) -> float:
    out, inside = outputs[image, number].item(), outputs[image, number + outputs.shape[1] // 2].item()
    return 1 / (1 + math.exp(out - inside))


SHAPES = [(1, 2), (5, 3), (7, 10)]


@pytest.mark.parametrize(("n", "classes"), SHAPES)
def test_one_vs_all_loss(n: int, classes: int) -> None:
    outputs = draw(n, classes, seed=0)
    true = torch.randint(0, classes, (n,), generator=torch.Generator().manual_seed(1))
    total = 0.0
    for image in range(n):
        hardest = max(
            -math.log(1 - probability_in(outputs, image, number)) for number in range(classes) if number != true[image]
        )
        total += -math.log(probability_in(outputs, image, int(true[image]))) + hardest
    assert one_vs_all_loss(outputs, true).item() == pytest.approx(total / n, rel=1e-5)


def test_only_the_own_and_the_hardest_other_class_move() -> None:
    outputs = draw(1, 4, seed=3).requires_grad_()
    one_vs_all_loss(outputs, torch.tensor([2])).backward()
    moved = outputs.grad.view(2, 4).abs().sum(dim=0) > 0
    hardest = max((number for number in (0, 1, 3)), key=lambda number: probability_in(outputs.detach(), 0, number))
    assert moved.nonzero().flatten().tolist() == sorted({2, hardest})


@pytest.mark.parametrize(("n", "classes"), SHAPES)
def test_entropy_and_consistency(n: int, classes: int) -> None:
    first, second = draw(n, classes, seed=0), draw(n, classes, seed=1)
    entropies, differences = [], 0.0
    for image in range(n):
        for number in range(classes):
            pair = [probability_in(outputs, image, number) for outputs in (first, second)]
            entropies += [-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in pair]
            # The probabilities of in and out differ by the same.
            differences += 2 * (pair[0] - pair[1]) ** 2
    assert open_entropy(first, second).item() == pytest.approx(sum(entropies) / len(entropies), rel=1e-5)
    assert soft_consistency(first, second).item() == pytest.approx(differences / n, rel=1e-5)


def test_large_outputs_stay_finite() -> None:
    outputs = draw(4, 3, seed=0, scale=1e4).requires_grad_()
    loss = one_vs_all_loss(outputs, torch.tensor([0, 1, 2, 0])) + open_entropy(outputs)
    loss = loss + soft_consistency(outputs, outputs.flip(0))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(outputs.grad).all()


def test_the_score_is_that_of_the_named_class() -> None:
    logits, outputs = torch.tensor([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]]), draw(2, 3, seed=5)
    named, scores = outlier_scores(logits, outputs)
    assert named.tolist() == [1, 0]
    wanted = [1 - probability_in(outputs, 0, 1), 1 - probability_in(outputs, 1, 0)]
    assert scores.tolist() == pytest.approx(wanted, rel=1e-5)
