"""SwAV against slow statements of Sinkhorn and loss, and its prototypes."""

import math

import numpy as np
import pytest
import torch
from lightly.loss.swav_loss import sinkhorn

from simcore.errors import InputError
from simcore.methods import Moment, SwAV
from tests.methods.worlds import Means, adam, moments, random_views, small_method, take_step


def slow_codes(scores, *, epsilon, iterations):
    """Section 3.1 and appendix of Caron et al. 2020: rows and columns scaled in turn, in float64."""
    table = [[math.exp(value / epsilon) for value in row] for row in scores.double().tolist()]
    images, prototypes = len(table), len(table[0])
    for _ in range(iterations):
        for k in range(prototypes):
            total = sum(table[i][k] for i in range(images))
            for i in range(images):
                table[i][k] /= total * prototypes
        for i in range(images):
            total = sum(table[i])
            table[i] = [value / (total * images) for value in table[i]]
    return np.array(table) * images


def slow_loss(scores, *, temperature, epsilon, iterations):
    """Equation 1 of Caron et al. 2020, halved: cross-entropy of each view with the codes of the other."""
    codes = [slow_codes(table, epsilon=epsilon, iterations=iterations) for table in scores]
    total = 0.0
    for table, aims in ((scores[0], codes[1]), (scores[1], codes[0])):
        for row, code in zip(table.double().tolist(), aims, strict=True):
            partition = sum(math.exp(value / temperature) for value in row)
            total -= sum(q * math.log(math.exp(v / temperature) / partition) for q, v in zip(code, row, strict=True))
    return total / (2 * len(scores[0]))


def cosines(n, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.randn(n, 8, generator=generator), torch.randn(k, 8, generator=generator)
    return torch.nn.functional.normalize(rows, dim=1) @ torch.nn.functional.normalize(columns, dim=1).T


@pytest.mark.parametrize(("n", "k"), [(1, 2), (3, 7), (16, 5), (40, 100)])
@pytest.mark.parametrize("epsilon", [0.02, 0.05, 0.5])
@pytest.mark.parametrize("iterations", [1, 3])
def test_the_codes_are_those_of_sinkhorn_written_out(n, k, epsilon, iterations):
    scores = cosines(n, k)
    codes = sinkhorn(scores, epsilon=epsilon, iterations=iterations)
    expected = slow_codes(scores, epsilon=epsilon, iterations=iterations)
    assert np.abs(codes.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize(("n", "k"), [(2, 2), (3, 7), (16, 5)])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.5, "sinkhorn_epsilon": 0.3, "sinkhorn_iterations": 1}])
def test_the_loss_is_swapped_prediction(n, k, settings):
    method = small_method("swav", n_prototypes=k, **settings).eval()
    views = random_views(method, n=n)
    weight = method.prototypes.heads[0].weight
    with torch.no_grad():
        projections = [method.projector(method.backbone(view)) for view in views]
        scores = [rows / rows.norm(dim=1, keepdim=True) @ weight.T for rows in projections]
    expected = slow_loss(
        scores,
        temperature=settings.get("temperature", 0.1),
        epsilon=settings.get("sinkhorn_epsilon", 0.02),
        iterations=settings.get("sinkhorn_iterations", 3),
    )
    assert method.loss(views).item() == pytest.approx(expected, abs=1e-5)


def test_no_gradient_passes_the_codes():
    scores = [cosines(6, 4, seed).requires_grad_() for seed in (1, 2)]
    method = small_method("swav", n_prototypes=4)
    method.criterion(scores, []).backward()
    codes = slow_codes(scores[1].detach(), epsilon=0.02, iterations=3)
    expected = (torch.softmax(scores[0].detach().double() / 0.1, dim=1).numpy() - codes) / (0.1 * 2 * 6)
    assert np.abs(scores[0].grad.numpy() - expected).max() < 1e-5


def test_projector_and_prototypes_are_those_of_the_paper():
    method = SwAV(Means())
    assert [tuple(layer.weight.shape) for layer in method.projector.layers[::3]] == [(4096, 6), (2048, 4096)]
    (prototypes,) = method.prototypes.parameters()
    assert prototypes.shape == (100, 2048)


def lengths(method):
    return method.prototypes.heads[0].weight.detach().norm(dim=1)


def test_prototypes_are_unit_rows_at_the_start_and_after_each_step():
    method = small_method("swav", freeze_prototypes_epochs=0)
    optimiser = adam(method)
    assert torch.allclose(lengths(method), torch.ones(5), atol=1e-6)
    for moment in moments():
        take_step(method, optimiser, moment)
        assert torch.allclose(lengths(method), torch.ones(5), atol=1e-6)


def test_prototypes_keep_still_in_the_first_epochs_and_move_after():
    method = small_method("swav", freeze_prototypes_epochs=2)
    optimiser = adam(method)
    start = method.prototypes.heads[0].weight.detach().clone()
    for moment in moments(total=6, per_epoch=2):
        others = method.projector.layers[0].weight.detach().clone()
        take_step(method, optimiser, moment)
        assert torch.equal(method.prototypes.heads[0].weight, start) == (moment.epoch <= 2)
        assert not torch.equal(method.projector.layers[0].weight, others)


def test_a_range_that_float32_holds_gives_finite_codes():
    scores = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 0.9]]).repeat(1000, 1)
    assert sinkhorn(scores, epsilon=0.0125).isfinite().all()
    with pytest.raises(InputError, match=r"`sinkhorn_epsilon` is 0\.01; it must be at least 0\.0125"):
        SwAV(Means(), sinkhorn_epsilon=0.01)


def test_the_step_of_no_epoch_is_frozen_when_none_is_asked_for():
    method = small_method("swav", freeze_prototypes_epochs=0)
    method.loss(random_views(method)).backward()
    method.after_backward(Moment(step=1, total_steps=2, steps_per_epoch=1))
    assert method.prototypes.heads[0].weight.grad is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_prototypes", 1),
        ("freeze_prototypes_epochs", -1),
        ("temperature", 0),
        ("sinkhorn_iterations", 0),
        ("hidden_dim", 0),
        ("projection_dim", 0),
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` is {value}; it must be"):
        SwAV(Means(), **{name: value})
