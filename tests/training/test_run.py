"""Schedules and identity of a run."""

import json

import pytest

from simcore.training.run import plan_run
from tests.training.worlds import NoisyViews


@pytest.mark.parametrize("schedule", ["steps", "poly"])
def test_the_schedule_of_a_run(store, make_method, settings, tmp_path, schedule):
    marks = (1, 2) if schedule == "steps" else ()
    changes = {"schedule": schedule, "decay_after_epochs": marks, "warmup_steps": 0, "steps": None, "epochs": 3}
    run = plan_run(
        make_method(),
        store,
        views=NoisyViews(),
        settings=type(settings).model_validate({**settings.model_dump(), **changes}),
        seed=0,
        workdir=tmp_path,
    )
    per_epoch = run.stream.steps_per_epoch
    rates = [run.learning_rate(step) / settings.learning_rate for step in range(1, 3 * per_epoch + 1)]
    if schedule == "steps":
        assert rates == pytest.approx([1.0] * per_epoch + [0.1] * per_epoch + [0.01] * per_epoch)
    else:
        assert rates == pytest.approx([(1 - step / len(rates)) ** 0.9 for step in range(len(rates))])


@pytest.mark.parametrize(
    "wrong", [{"schedule": "steps"}, {"decay_after_epochs": (1,)}, {"schedule": "steps", "decay_after_epochs": (3, 2)}]
)
def test_a_staircase_needs_its_epochs(settings, wrong):
    with pytest.raises(ValueError, match="`decay_after_epochs` is"):
        type(settings).model_validate({**settings.model_dump(), **wrong})


def test_what_a_run_without_images_beside_is_known_by(store, make_method, settings, tmp_path):
    """Runs made before there were images beside, or refreshes, stay the same runs: no name may join."""
    run = plan_run(make_method(), store, views=NoisyViews(), settings=settings, seed=0, workdir=tmp_path)
    facts = json.loads((run.checkpoints.directory / "run.json").read_text())
    own = {"method", "views", "initial_weights", "images", "seed", "renewals"}
    assert facts.keys() == own | settings.identity().keys()
