"""EHNS against a slow statement of its loss."""

import math

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import EHNS, SimCLR
from simcore.methods.ehns import HardestNegativesLoss, nearest_share, whole_ratio
from tests.methods.test_hns import projections
from tests.methods.worlds import Means, random_views


def slow_losses(left, right, *, temperature, ratio):
    """The loss of each anchor before it is scaled: negatives sorted, the first of them summed, in float64."""
    vectors = [vector / vector.norm() for vector in (*left.double(), *right.double())]
    n, losses = len(left), []
    for i, anchor in enumerate(vectors):
        partner = (i + n) % (2 * n)
        cosines = sorted((float(anchor @ vectors[m]) for m in range(2 * n) if m not in (i, partner)), reverse=True)
        kept = cosines[: max(1, math.floor(ratio * len(cosines) + 0.5 + 1e-9))]
        pos = math.exp(float(anchor @ vectors[partner]) / temperature)
        losses.append(-math.log(pos / (pos + sum(math.exp(value / temperature) for value in kept))))
    return losses


@pytest.mark.parametrize("n", [2, 3, 16])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.7, 1.0])
@pytest.mark.parametrize("base_temperature", [0.07, 0.5])
def test_the_loss_is_that_of_the_terms_written_out(n, temperature, ratio, base_temperature):
    views = projections(n, seed=n)
    losses = slow_losses(*views, temperature=temperature, ratio=ratio)
    criterion = HardestNegativesLoss(temperature, ratio=ratio, base_temperature=base_temperature)
    expected = temperature / base_temperature * sum(losses) / (2 * n)
    assert criterion(*views).item() == pytest.approx(expected, abs=1e-5)


def test_with_all_negatives_it_is_simclr():
    """Loss and gradients, from the same head; at T = 0.1 times 0.1 / 0.07."""
    hard = EHNS(Means(), ratio=1, temperature=0.1, base_temperature=0.07, projection_dim=4, seed=2)
    plain = SimCLR(Means(), temperature=0.1, projection_dim=4, seed=2)
    views = random_views(plain, n=8)
    for method in (hard, plain):
        method.loss(views).backward()
    assert hard.loss(views).item() == pytest.approx(plain.loss(views).item() * 0.1 / 0.07, abs=1e-5)
    for (name, one), (_, other) in zip(hard.named_parameters(), plain.named_parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad * 0.1 / 0.07, atol=1e-5), name


def test_fewer_negatives_are_a_lower_loss():
    views = projections(8)
    losses = [
        HardestNegativesLoss(0.1, ratio=ratio, base_temperature=0.1)(*views).item() for ratio in (0.2, 0.5, 0.9, 1)
    ]
    assert losses == sorted(losses) and losses[0] < losses[-1] - 1e-3


@pytest.mark.parametrize("origins", [[1, 0, 0, 0, 1], [1] * 5, [0, 0, 1, 0, 0]])
def test_anchors_of_the_target_are_those_that_count(origins):
    views, criterion = projections(5), HardestNegativesLoss(0.1, ratio=0.7, base_temperature=0.07)
    losses = slow_losses(*views, temperature=0.1, ratio=0.7)
    counted = [loss for loss, origin in zip(losses, 2 * origins, strict=True) if origin]
    expected = 0.1 / 0.07 * sum(counted) / len(counted)
    assert criterion(*views, torch.tensor(origins)).item() == pytest.approx(expected, abs=1e-5)


def test_images_of_the_openset_are_negatives_of_the_targets():
    method = EHNS(Means(), anchors="target", projection_dim=4)
    views = random_views(method, n=6)
    moved = [views[0].clone(), *views[1:]]
    assert views[2].tolist() == [0, 0, 1, 1, 1, 1]
    moved[0][0] += 1
    method.eval()
    assert abs(method.loss(moved).item() - method.loss(views).item()) > 1e-4


def test_a_batch_without_the_target_teaches_nothing():
    method = EHNS(Means(), anchors="target", projection_dim=4)
    views = random_views(method, n=4)
    loss = method.loss([*views[:2], torch.zeros(4, dtype=torch.int64)])
    loss.backward()
    assert loss.item() == 0
    assert all(not parameter.grad.any() for parameter in method.parameters())


def test_origins_are_taken_by_anchors_of_the_target_alone():
    method = EHNS(Means(), projection_dim=4)
    assert not method.takes_origins
    views = random_views(method)
    assert len(views) == 2
    with pytest.raises(InputError, match="`ehns` takes 2 views of each image, 3 were given"):
        method.loss([*views, torch.ones(6, dtype=torch.int64)])
    with pytest.raises(InputError, match="`ehns` takes 2 views of each image, their origins, 2 were given"):
        EHNS(Means(), anchors="target").loss(views)


@pytest.mark.parametrize("ratio", [0.7, 0.29, 0.333, 0.01, 0.999, 1.0])
def test_a_share_of_a_count_is_the_same_in_python_and_on_tensors(ratio):
    share, counts = whole_ratio(ratio), range(2_000)
    numbers = [nearest_share(share, count) for count in counts]
    assert nearest_share(share, torch.tensor(counts)).tolist() == numbers
    assert all(abs(number - ratio * count) <= 0.5 + 1e-6 for number, count in zip(numbers, counts, strict=True))


def test_wrong_input_is_refused():
    for value in (0, 1.1, float("nan")):
        with pytest.raises(InputError, match=rf"`ratio` is {value}; it must be above 0 and at most 1"):
            EHNS(Means(), ratio=value)
    with pytest.raises(InputError, match="`anchors` is 'openset'; it must be `all` or `target`"):
        EHNS(Means(), anchors="openset")
    with pytest.raises(InputError, match="`base_temperature` is 0"):
        EHNS(Means(), base_temperature=0)
    with pytest.raises(InputError, match="A batch of 1 image has no negatives"):
        HardestNegativesLoss(0.1, ratio=1, base_temperature=0.1)(*projections(1))
