"""The learning rate against its closed form."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.training import cosine, cosine_learning_rate
from simcore.training.schedules import polynomial, staircase


@given(total=st.integers(2, 500), warmup=st.integers(0, 100), floor=st.floats(0, 1), peak=st.floats(1e-5, 10))
def test_warm_up_meets_the_cosine_that_falls_to_the_floor(total, warmup, floor, peak):
    warmup = min(warmup, total - 1)
    schedule = {"total_steps": total, "peak": peak, "floor": floor}
    rates = [cosine_learning_rate(step, warmup_steps=warmup, **schedule) for step in range(1, total + 1)]
    plain = [cosine_learning_rate(step, **schedule) for step in range(1, total + 1)]
    assert max(rates) <= peak * (1 + 1e-9)
    assert math.isclose(rates[-1], floor * peak, abs_tol=1e-12 * peak)
    assert rates[warmup:] == plain[warmup:]
    if warmup:
        assert math.isclose(rates[warmup - 1], plain[warmup - 1], abs_tol=1e-12 * peak)
        rise = [b - a for a, b in pairwise(rates[:warmup])]
        line = (plain[warmup - 1] - 0.1 * peak) / warmup
        assert all(math.isclose(step, line, rel_tol=1e-6, abs_tol=1e-9 * peak) for step in rise)


@pytest.mark.parametrize("epoch", [1, 7, 100, 199, 200])
@pytest.mark.parametrize("steps_per_epoch", [1, 13])
def test_a_rate_per_epoch_is_the_published_schedule(epoch, steps_per_epoch):
    """lr(e) = lr_min + (lr - lr_min)(1 + cos(pi e / E)) / 2 with lr_min = lr / 1000, e = 1..E, at each step of e."""
    lr, lr_min, epochs = 0.1, 1e-4, 200
    published = lr_min + (lr - lr_min) * (1 + math.cos(math.pi * epoch / epochs)) / 2
    for place in {1, steps_per_epoch}:
        rate = cosine_learning_rate(
            (epoch - 1) * steps_per_epoch + place,
            total_steps=epochs * steps_per_epoch,
            peak=lr,
            floor=1e-3,
            stair=steps_per_epoch,
        )
        assert math.isclose(rate, published)


@pytest.mark.parametrize("epoch", [1, 50, 5000])
def test_weight_decay_per_epoch_is_the_published_schedule(epoch):
    published = 0.4 + (0.04 - 0.4) * (math.cos(math.pi * epoch / 5000) + 1) / 2
    assert math.isclose(cosine(7 * epoch, total_steps=7 * 5000, start=0.04, end=0.4, stair=7), published)


def test_a_last_epoch_that_is_cut_short_counts_as_one():
    values = [cosine(step, total_steps=5, start=1, end=0, stair=2) for step in range(1, 6)]
    thirds = [cosine(step, total_steps=3, start=1, end=0) for step in (1, 2, 3)]
    assert values == [thirds[0], thirds[0], thirds[1], thirds[1], thirds[2]]


def test_warm_up_starts_at_a_tenth_and_rises_at_every_step_of_an_epoch():
    rates = [cosine_learning_rate(s, total_steps=4000, peak=1.0, warmup_steps=1000, stair=500) for s in range(1, 1001)]
    top = (1 + math.cos(math.pi / 4)) / 2
    assert math.isclose(rates[0], 0.1 + (top - 0.1) / 1000)
    assert math.isclose(rates[-1], top)
    assert rates == sorted(set(rates))


def test_a_staircase_falls_after_its_epochs():
    rates = [staircase(epoch, start=10.0, after=(60, 80), factor=0.1) for epoch in range(1, 101)]
    assert rates[:60] == [10.0] * 60
    assert all(math.isclose(rate, 1.0) for rate in rates[60:80])
    assert all(math.isclose(rate, 0.1) for rate in rates[80:])


def test_poly_is_deeplabs():
    rates = [polynomial(step, total_steps=50, start=0.1, power=0.9) for step in range(1, 51)]
    # Iterations count from 0 there.
    assert rates == [pytest.approx(0.1 * (1 - iteration / 50) ** 0.9) for iteration in range(50)]
