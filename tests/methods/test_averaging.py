"""The momentum schedule against its closed form."""

import math

import pytest

from simcore.errors import InputError
from simcore.methods import Moment
from simcore.methods.averaging import MomentumSchedule


@pytest.mark.parametrize("epochs", [1, 2, 7, 100])
def test_per_epoch_it_is_the_papers_formula(epochs):
    for epoch in range(1, epochs + 1):
        expected = 1 - (1 - 0.996) * (math.cos(math.pi * epoch / epochs) + 1) / 2
        for step in (5 * epoch - 4, 5 * epoch):
            moment = Moment(step=step, total_steps=5 * epochs, steps_per_epoch=5)
            assert MomentumSchedule(0.996, 1.0, per="epoch").at(moment) == pytest.approx(expected, abs=1e-12)


def test_per_step_the_same_cosine_runs_over_the_steps():
    for step in range(1, 21):
        moment = Moment(step=step, total_steps=20, steps_per_epoch=5)
        expected = 0.99 - (0.99 - 0.5) * (math.cos(math.pi * step / 20) + 1) / 2
        assert MomentumSchedule(0.5, 0.99, per="step").at(moment) == pytest.approx(expected, abs=1e-12)


def test_it_ends_at_the_end_also_in_an_epoch_cut_short():
    moment = Moment(step=7, total_steps=7, steps_per_epoch=3)
    assert MomentumSchedule(0.9, 1.0, per="epoch").at(moment) == 1
    assert MomentumSchedule(0.9, 1.0, per="step").at(moment) == 1


def test_equal_ends_make_it_constant():
    moment = Moment(step=3, total_steps=7, steps_per_epoch=3)
    assert MomentumSchedule(0.996, 0.996, per="step").at(moment) == 0.996


@pytest.mark.parametrize(
    ("values", "name"),
    [((1.1, 1.0, "step"), "momentum"), ((0.9, -0.1, "step"), "momentum_end"), ((0.9, 1.0, "day"), "momentum_per")],
)
def test_values_out_of_range_are_refused(values, name):
    with pytest.raises(InputError, match=f"`{name}` is"):
        MomentumSchedule(*values)
