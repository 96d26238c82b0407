"""HNS against a slow statement of its loss."""

import math

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import HNS, SimCLR
from simcore.methods.hns import HardNegativeLoss
from tests.methods.worlds import Means, random_views


def projections(n, *, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator) for _ in range(2)]


def slow_losses(left, right, *, temperature, beta, tau_plus):
    """The loss of each anchor, term by term in float64, and which of them the lower bound of G decides."""
    vectors = [vector / vector.norm() for vector in (*left.double(), *right.double())]
    n, losses, bound = len(left), [], []
    for i, anchor in enumerate(vectors):
        partner = (i + n) % (2 * n)
        pos = math.exp(float(anchor @ vectors[partner]) / temperature)
        neg = [math.exp(float(anchor @ vectors[m]) / temperature) for m in range(2 * n) if m not in (i, partner)]
        imp = [value**beta for value in neg]
        count = 2 * n - 2
        reweighted = sum(a * b for a, b in zip(imp, neg, strict=True)) / (sum(imp) / count)
        g = (-tau_plus * count * pos + reweighted) / (1 - tau_plus)
        least = count * math.exp(-1 / temperature)
        bound.append(g < least)
        losses.append(-math.log(pos / (pos + max(g, least))))
    return losses, bound


@pytest.mark.parametrize("n", [2, 3, 16])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("tau_plus", [0.0, 0.01, 0.1, 0.5])
def test_the_loss_is_that_of_the_terms_written_out(n, temperature, beta, tau_plus):
    views = projections(n, seed=n)
    losses, _ = slow_losses(*views, temperature=temperature, beta=beta, tau_plus=tau_plus)
    criterion = HardNegativeLoss(temperature, beta=beta, tau_plus=tau_plus)
    assert criterion(*views).item() == pytest.approx(sum(losses) / (2 * n), abs=1e-5)


@pytest.mark.parametrize(("beta", "tau_plus"), [(0.0, 0.1), (1.0, 0.0), (1.0, 0.01), (2.0, 0.3)])
def test_the_gradient_passes_positives_negatives_and_weights(beta, tau_plus):
    views = [view.double().requires_grad_() for view in projections(6, seed=3)]
    settings = {"temperature": 0.3, "beta": beta, "tau_plus": tau_plus}
    rows = torch.nn.functional.normalize(torch.cat(views), dim=1)
    scores = (rows @ rows.T / 0.3).exp()
    others = ~torch.eye(12, dtype=torch.bool) & ~torch.eye(12, dtype=torch.bool).roll(6, dims=0)
    pos, neg = scores.diagonal(6).repeat(2), scores[others].view(12, 10)
    g = (-tau_plus * 10 * pos + (neg**beta * neg).sum(1) / (neg**beta).mean(1)) / (1 - tau_plus)
    slow = -(pos / (pos + g.clamp(min=10 * math.exp(-1 / 0.3)))).log().mean()
    expected = torch.autograd.grad(slow, views)
    loss = HardNegativeLoss(**settings)(*views)
    assert loss.item() == pytest.approx(slow.item(), abs=1e-10)
    for found, wanted in zip(torch.autograd.grad(loss, views), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-10)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_without_weights_and_correction_it_is_simclr(temperature):
    """Loss and gradients, from the same head: beta 0 weighs all alike, tau_plus 0 takes nothing off."""
    hard = HNS(Means(), beta=0, tau_plus=0, temperature=temperature, projection_dim=4, seed=2)
    plain = SimCLR(Means(), temperature=temperature, projection_dim=4, seed=2)
    views = random_views(plain, n=8)
    for method in (hard, plain):
        method.loss(views).backward()
    assert hard.loss(views).item() == pytest.approx(plain.loss(views).item(), abs=1e-5)
    for (name, one), (other_name, other) in zip(hard.named_parameters(), plain.named_parameters(), strict=True):
        assert name == other_name
        assert torch.allclose(one.grad, other.grad, atol=1e-5), name


@pytest.mark.parametrize("settings", [{"beta": 1.0, "tau_plus": 0.0}, {"beta": 0.0, "tau_plus": 0.1}])
def test_each_of_the_two_changes_the_loss(settings):
    views = projections(8)
    plain = HardNegativeLoss(0.2, beta=0, tau_plus=0)(*views).item()
    assert abs(HardNegativeLoss(0.2, **settings)(*views).item() - plain) > 0.01


def test_the_lower_bound_decides_where_the_correction_leaves_nothing():
    # Positives at cosine 1, negatives at cosines of at most 0: less is left of them than is taken off.
    left = torch.cat([torch.eye(3), -torch.eye(3)])
    left = left.clone().requires_grad_()
    settings = {"temperature": 0.2, "beta": 1.0, "tau_plus": 0.5}
    losses, bound = slow_losses(left.detach(), left.detach(), **settings)
    assert all(bound)
    n = 10
    assert losses[0] == pytest.approx(math.log(1 + n * math.exp(-2 / 0.2)))
    loss = HardNegativeLoss(0.2, beta=1.0, tau_plus=0.5)(left, left)
    assert loss.item() == pytest.approx(losses[0], abs=1e-6)
    loss.backward()
    assert left.grad.isfinite().all()


def test_some_anchors_at_the_bound_and_some_not():
    first, noise = projections(16, d=3, seed=4)
    views = [first, first + noise / 2]
    settings = {"temperature": 0.3, "beta": 0.5, "tau_plus": 0.3}
    losses, bound = slow_losses(*views, **settings)
    assert 0 < sum(bound) < len(bound)
    assert HardNegativeLoss(**settings)(*views).item() == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_a_small_temperature_does_not_overflow():
    views = [view.requires_grad_() for view in projections(4)]
    loss = HardNegativeLoss(0.01, beta=2.0, tau_plus=0.1)(*views)
    losses, _ = slow_losses(*(view.detach() for view in views), temperature=0.01, beta=2.0, tau_plus=0.1)
    # exp((1 + beta) / T) is 1e130.
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    loss.backward()
    assert all(view.grad.isfinite().all() for view in views)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match=r"`beta` is -1; it must be 0 or more"):
        HNS(Means(), beta=-1)
    for value in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match=rf"`tau_plus` is {value}; it must be at least 0 and below 1"):
            HNS(Means(), tau_plus=value)
    with pytest.raises(InputError, match="`temperature` is 0"):
        HNS(Means(), temperature=0)
    with pytest.raises(InputError, match="A batch of 1 image has no negatives"):
        HardNegativeLoss(0.1, beta=1, tau_plus=0)(*projections(1))
