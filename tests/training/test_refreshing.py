"""Buffers worked out anew: at their steps, exact after a kill, the same in all processes."""

import json

import numpy as np
import pytest
import torch

from simcore.errors import InputError
from simcore.training import Refresh, pretrain
from tests.training.companions import Companion, Targets, make_beside, make_refresh
from tests.training.groups import run_group
from tests.training.test_beside import SETTINGS
from tests.training.worlds import KilledError, NoisyViews, assert_same_state, make_settings, make_store

STEPS = (0, 3, 6)


def train(workdir, refresh, *, method=None, at=None, **changes):
    method = method or Companion()
    forward, calls = method.forward, iter(range(1, 1000))

    def breaking(views):
        if next(calls) == at:
            raise KilledError
        return forward(views)

    if at is not None:
        method.forward = breaking
    return pretrain(
        method,
        make_store(),
        views=NoisyViews(),
        settings=make_settings(**{**SETTINGS, **changes}),
        seed=3,
        workdir=workdir,
        beside=make_beside(),
        refresh=refresh,
    )


def test_buffers_change_after_their_steps(tmp_path):
    method, refresh = Companion(), make_refresh(*STEPS)
    before = {}

    def note(moment):
        before[moment.step] = method.targets.clone()

    method.before_step = note
    result = train(tmp_path, refresh, method=method)
    assert list(refresh.compute.found) == list(STEPS)
    for step, targets in before.items():
        latest = max(done for done in STEPS if done < step)
        assert torch.equal(targets, refresh.compute.found[latest]), step
    assert torch.equal(result.state["targets"], refresh.compute.found[6])


def test_what_is_worked_out_is_that_of_the_weights_of_the_moment(tmp_path):
    """A twin: the run is made up to the step, and the function called by hand."""
    refresh = make_refresh(0, 6)
    train(tmp_path / "whole", refresh)
    method = Companion()
    with pytest.raises(KilledError):
        train(tmp_path / "cut", make_refresh(0, 6), method=method, at=7)
    stopped = Companion()
    stopped.net.load_state_dict(method.net.state_dict())
    stopped.targets.copy_(refresh.compute.found[0])
    stopped.eval()
    with torch.no_grad():
        assert torch.equal(Targets()(stopped, 6)["targets"], refresh.compute.found[6])


@pytest.mark.parametrize("at", [1, 3, 4, 5, 7, 9])
@pytest.mark.parametrize("seconds", [0, 1e9])
def test_a_kill_before_or_after_a_refresh_changes_nothing(tmp_path, at, seconds):
    """With a checkpoint at every step, and with none."""
    first, second = make_refresh(*STEPS), make_refresh(*STEPS)
    whole = train(tmp_path / "whole", first)
    with pytest.raises(KilledError):
        train(tmp_path / "work", make_refresh(*STEPS), at=at, checkpoint_every_seconds=seconds)
    resumed = train(tmp_path / "work", second)
    assert_same_state(whole.state, resumed.state)
    assert whole.curves.equals(resumed.curves)
    start = at - 1 if seconds == 0 else 0
    assert list(second.compute.found) == [step for step in STEPS if step >= start]
    for step, value in second.compute.found.items():
        assert torch.equal(value, first.compute.found[step])


def test_a_kill_during_a_refresh_changes_nothing(tmp_path):
    whole = train(tmp_path / "whole", make_refresh(*STEPS))
    with pytest.raises(RuntimeError, match="broken"):
        train(tmp_path / "work", make_refresh(*STEPS, breaks_at=6))
    second = make_refresh(*STEPS)
    assert_same_state(whole.state, train(tmp_path / "work", second).state)
    assert list(second.compute.found) == [6]


def test_workers_do_not_change_the_result(tmp_path):
    one, two = (train(tmp_path / str(workers), make_refresh(*STEPS), workers=workers) for workers in (0, 2))
    assert_same_state(one.state, two.state)


def train_group(workdir):
    refresh = make_refresh(*STEPS)
    state = train(workdir, refresh).state
    return state, list(refresh.compute.found)


def test_the_first_process_works_it_out_for_all(tmp_path):
    (first, steps), (second, none) = run_group(train_group, tmp_path / "two")
    one, _ = train_group(tmp_path / "one")
    assert steps == list(STEPS)
    assert none == []
    for name, value in one.items():
        assert np.array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], value, rtol=1e-4, atol=1e-5)


def test_other_steps_are_another_run_and_none_leave_no_trace(tmp_path, caplog):
    train(tmp_path, None, steps=4)
    (facts,) = tmp_path.glob("*/run.json")
    assert not {"refreshes", "refresh"} & json.loads(facts.read_text()).keys()
    with caplog.at_level("WARNING"):
        train(tmp_path, make_refresh(2), steps=4)
    assert "differs in refreshes" in caplog.text


@pytest.mark.parametrize("steps", [(9,), (-1,), (5, 4), (4, 4)])
def test_refreshes_lie_inside_the_run_and_rise(tmp_path, steps):
    with pytest.raises(InputError, match="must rise and lie between 0 and 8"):
        train(tmp_path, make_refresh(*steps))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "weights"}, r"gave `weights` of shape \(30, 4\), but this buffer of the method is absent"),
        ({"rows": 29}, r"gave `targets` of shape \(29, 4\), but this buffer of the method is \(30, 4\)"),
    ],
)
def test_a_value_without_its_buffer_is_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        train(tmp_path, make_refresh(0, **changes))


def test_a_refresh_with_other_values_is_seen(tmp_path):
    """What the tests above would find: values that depend on more than the method and the step."""
    calls = iter(range(100))
    whole = train(tmp_path / "whole", make_refresh(*STEPS))
    drifting = Targets()
    other = train(
        tmp_path / "other",
        Refresh(STEPS, lambda method, step: {"targets": drifting(method, step)["targets"] + next(calls)}),
    )
    assert not torch.equal(whole.state["net.weight"], other.state["net.weight"])
