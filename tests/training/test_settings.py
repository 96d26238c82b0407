"""Settings: what is refused, what counts as the same run."""

import pytest
from pydantic import ValidationError

from simcore.errors import InputError
from simcore.training import TrainingSettings


@pytest.mark.parametrize("given", [{}, {"steps": 1, "epochs": 1}])
def test_one_length_is_needed(given):
    with pytest.raises(ValidationError, match="either `steps` or `epochs`"):
        TrainingSettings(**given)


@pytest.mark.parametrize(
    "wrong",
    [{"step": 1}, {"batch_size": 1}, {"batch_size": "all"}, {"learning_rate": 0}, {"precision": "float16"}],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainingSettings(**{"steps": 1, **wrong})


def test_epochs_count_whole_batches():
    settings = TrainingSettings(epochs=3, batch_size=50)
    assert settings.resolved_steps(120) == 6
    assert settings.resolved_steps(149) == 6
    assert settings.resolved_steps(150) == 9


def test_a_tail_is_a_step_unless_it_is_too_small():
    settings = TrainingSettings(epochs=3, batch_size=50, drop_last=False)
    assert [settings.resolved_steps(n) for n in (100, 101, 102, 149)] == [6, 6, 9, 9]
    shared = TrainingSettings(epochs=3, batch_size=48, drop_last=False, processes=2, accumulate=2)
    assert [shared.resolved_steps(n) for n in (96, 103, 104)] == [6, 6, 9]


def test_warm_up_in_epochs_counts_steps():
    settings = TrainingSettings(epochs=10, batch_size=50, warmup_epochs=2, drop_last=False)
    assert settings.resolved_warmup_steps(120) == 6
    assert TrainingSettings(epochs=10, batch_size=50, warmup_steps=7).resolved_warmup_steps(120) == 7
    with pytest.raises(ValidationError, match="either `warmup_steps` or `warmup_epochs`"):
        TrainingSettings(epochs=10, warmup_steps=7, warmup_epochs=2)


def test_auto_is_a_multiple_of_the_parts():
    settings = TrainingSettings(steps=1, max_batch_size=64, processes=3, accumulate=2)
    assert settings.resolved_batch_size(40) == 36
    assert settings.resolved_batch_size(400) == 60
    assert settings.resolved_batch_size(12) == 12
    with pytest.raises(InputError, match="it is cut into 6 parts; contrasting needs at least 12"):
        settings.resolved_batch_size(11)


@pytest.mark.parametrize("batch_size", [10, 4])
def test_a_batch_is_cut_into_equal_parts_of_two_or_more(batch_size):
    with pytest.raises(ValidationError, match="a multiple of 4, from 8 on"):
        TrainingSettings(steps=1, batch_size=batch_size, processes=4)


def test_auto_is_the_smaller_of_limit_and_data():
    settings = TrainingSettings(steps=1, max_batch_size=64)
    assert settings.resolved_batch_size(40) == 40
    assert settings.resolved_batch_size(4000) == 64


@pytest.mark.parametrize("batch_size", ["auto", 2])
def test_one_image_cannot_be_contrasted(batch_size):
    with pytest.raises(InputError, match="needs at least 2"):
        TrainingSettings(steps=1, batch_size=batch_size).resolved_batch_size(1)


def test_identity_leaves_out_what_only_changes_speed():
    base = TrainingSettings(steps=5)
    assert base.identity() == TrainingSettings(steps=5, workers=4, threads=2, log_every=1).identity()
    assert base.identity() == TrainingSettings(steps=5, probe_every_steps=7, keep_checkpoints=9).identity()
    for other in ({"weight_decay": 0}, {"accumulate": 2}, {"processes": 2}, {"views_on": "device"}):
        assert base.identity() != TrainingSettings(steps=5, **other).identity()
    assert TrainingSettings.runtime_only < set(TrainingSettings.model_fields)
