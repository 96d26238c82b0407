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
    assert base.identity() != TrainingSettings(steps=5, weight_decay=0).identity()
    assert TrainingSettings.runtime_only < set(TrainingSettings.model_fields)
