"""The learning rate against its closed form."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.training import cosine_learning_rate


@given(total=st.integers(2, 500), warmup=st.integers(0, 100), floor=st.floats(0, 1), peak=st.floats(1e-5, 10))
def test_warm_up_rises_then_the_cosine_falls_to_the_floor(total, warmup, floor, peak):
    warmup = min(warmup, total - 1)
    rates = [
        cosine_learning_rate(step, total_steps=total, peak=peak, floor=floor, warmup_steps=warmup)
        for step in range(1, total + 1)
    ]
    assert max(rates) <= peak * (1 + 1e-9)
    assert math.isclose(rates[-1], floor * peak, abs_tol=1e-12 * peak)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert all(a >= b - 1e-12 * peak for a, b in zip(rates[warmup:], rates[warmup + 1 :], strict=False))
    if warmup:
        assert math.isclose(rates[warmup - 1], peak)


@pytest.mark.parametrize("epoch", [1, 7, 100, 199, 200])
def test_one_step_an_epoch_is_the_published_schedule(epoch):
    """lr(e) = lr_min + (lr - lr_min)(1 + cos(pi e / E)) / 2 with lr_min = lr / 1000."""
    lr, lr_min, epochs = 0.1, 1e-4, 200
    published = lr_min + (lr - lr_min) * (1 + math.cos(math.pi * epoch / epochs)) / 2
    assert math.isclose(cosine_learning_rate(epoch, total_steps=epochs, peak=lr, floor=1e-3), published)


def test_warm_up_starts_at_a_tenth():
    rate = cosine_learning_rate(1, total_steps=2000, peak=1.0, warmup_steps=1000)
    assert math.isclose(rate, 0.1 + 0.9 / 1000)
