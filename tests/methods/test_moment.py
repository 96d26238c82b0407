"""Where in a run a step stands."""

import pytest

from simcore.errors import InputError
from simcore.methods import Moment


def test_epochs_count_from_one_and_change_with_their_first_step():
    epochs = [Moment(step=step, total_steps=7, steps_per_epoch=3).epoch for step in range(1, 8)]
    assert epochs == [1, 1, 1, 2, 2, 2, 3]


def test_the_run_has_a_fraction_of_an_epoch_when_cut_short():
    moment = Moment(step=7, total_steps=7, steps_per_epoch=3)
    assert moment.total_epochs == pytest.approx(7 / 3)
    assert moment.share == 1


@pytest.mark.parametrize(
    ("step", "per_epoch", "message"), [(0, 3, "`step` is 0"), (8, 3, "8 of 7"), (1, 0, "`steps_per_epoch` is 0")]
)
def test_a_moment_outside_the_run_is_refused(step, per_epoch, message):
    with pytest.raises(InputError, match=message):
        Moment(step=step, total_steps=7, steps_per_epoch=per_epoch)
