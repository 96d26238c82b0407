import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.selection import Selection, StopRule, replay, select_coreset, select_random

from .worlds import pools

rules = st.none() | st.builds(
    StopRule,
    threshold=st.sampled_from([0.5, 0.9, 0.99]),
    reference_round=st.integers(1, 3),
    keep_failing_round=st.booleans(),
)


def same(left, right):
    assert left.indices.tolist() == right.indices.tolist()
    assert left.rounds.tolist() == right.rounds.tolist()
    assert left.centroids.tolist() == right.centroids.tolist()
    assert left.scores.tobytes() == right.scores.tobytes()
    assert (left.keys is None) == (right.keys is None)
    assert left.keys is None or left.keys.tolist() == right.keys.tolist()
    assert left.stopped_by == right.stopped_by
    assert left.trace.equals(right.trace)
    assert left.certificate.unkept == right.certificate.unkept
    assert left.certificate.budget == right.certificate.budget
    assert left.certificate.settings == right.certificate.settings


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pool=pools(positive=True), data=st.data())
def test_replay_equals_a_fresh_run(pool, data, tmp_path_factory):
    openset, centroids = pool
    n = len(openset)
    order = data.draw(st.none() | st.permutations(range(n)))
    keys = None if order is None else [f"{i:03d}" for i in order]
    run = select_coreset(
        centroids,
        openset,
        keys=keys,
        budget=data.draw(st.none() | st.integers(1, n)),
        stop=data.draw(rules),
        truncate=data.draw(st.sampled_from(["similarity", "random", None])),
    )
    if data.draw(st.booleans(), label="saved"):
        directory = tmp_path_factory.mktemp("run")
        run.save(directory)
        run = Selection.load(directory)
    wanted = {
        "budget": data.draw(st.none() | st.integers(1, n) | st.sampled_from([0.3, 0.9])),
        "stop": data.draw(rules),
        "truncate": data.draw(st.sampled_from(["similarity", "random", None])),
        "seed": data.draw(st.integers(0, 2)),
    }
    try:
        fresh = select_coreset(centroids, openset, keys=keys, **wanted)
    except InputError as error:
        assert "less than one" in str(error)
        return
    try:
        same(replay(run, **wanted), fresh)
    except InputError as error:
        assert "The replay needs a round after" in str(error)
        assert len(fresh.trace) > len(run.trace)
        return
    assert len(fresh.trace) <= len(run.trace)


def test_a_replay_can_be_replayed(rng):
    openset, centroids = np.abs(rng.normal(size=(200, 5))), np.abs(rng.normal(size=(6, 5)))
    run = select_coreset(centroids, openset, budget=150)
    half = replay(run, budget=75, truncate="random", seed=4)
    same(replay(half, budget=71), select_coreset(centroids, openset, budget=71))
    with pytest.raises(InputError, match=r"stopped by budget with 75 images; run `select_coreset`"):
        replay(half, budget=100)


def test_one_long_run_answers_every_threshold(rng):
    openset, centroids = np.abs(rng.normal(size=(400, 5))), np.abs(rng.normal(size=(6, 5)))
    run = select_coreset(centroids, openset)
    sizes = [len(replay(run, stop=StopRule.paper(threshold))) for threshold in (0.99, 0.95, 0.9, 0.6)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_baseline_has_no_rounds(rng):
    with pytest.raises(InputError, match="by random has no rounds"):
        replay(select_random(np.eye(4), budget=2), budget=1)


def test_wrong_settings_are_refused(rng):
    run = select_coreset(np.eye(2), np.eye(2), budget=1)
    with pytest.raises(InputError, match="`budget` is 0"):
        replay(run, budget=0)
