import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.selection import StopRule, select_coreset

from .oracle import coreset, exact_similarities, published


@st.composite
def pools(draw):
    """Small worlds of every kind: duplicates, ties, shared neighbours, negative similarities."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n, k, d = draw(st.integers(1, 60)), draw(st.integers(1, 8)), draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["normal", "cone", "integers", "duplicates", "identical", "antipodal"]))
    if kind == "normal":
        openset, centroids = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    elif kind == "cone":
        openset, centroids = np.abs(rng.normal(size=(n, d))) + 3, np.abs(rng.normal(size=(k, d))) + 3
    elif kind == "integers":
        openset, centroids = rng.integers(-2, 3, size=(n, d)), rng.integers(-2, 3, size=(k, d))
        openset[(openset == 0).all(axis=1)] = 1
        centroids[(centroids == 0).all(axis=1)] = 1
    elif kind == "duplicates":
        openset, centroids = rng.normal(size=(n, d))[rng.integers(0, n, size=n)], rng.normal(size=(k, d))
    elif kind == "identical":
        openset, centroids = np.ones((n, d)), rng.normal(size=(k, d))
    else:
        openset, centroids = -np.abs(rng.normal(size=(n, d))) - 0.1, np.abs(rng.normal(size=(k, d))) + 0.1
    return openset.astype(np.float32), centroids.astype(np.float32)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pools(), st.data())
def test_equals_the_published_algorithm(pool, data):
    openset, centroids = pool
    n = len(openset)
    budget = data.draw(st.none() | st.integers(1, n + 3))
    truncate = data.draw(st.sampled_from(["similarity", None]))
    depth = data.draw(st.none() | st.integers(1, n))
    block_rows = data.draw(st.none() | st.integers(1, n))
    exclude = data.draw(st.none() | st.sets(st.integers(0, n - 1), max_size=n - 1))
    keyed = data.draw(st.booleans())
    order = data.draw(st.permutations(range(n))) if keyed else list(range(n))
    similarities = exact_similarities(centroids, openset)
    expected, why = published(
        similarities, budget=budget, rank=order, allowed=set(range(n)) - (exclude or set()), truncate=truncate
    )
    keys = [f"{rank:04d}" for rank in order] if keyed else None
    banned = exclude if exclude is None or not keyed else [keys[i] for i in exclude]
    got = select_coreset(
        centroids,
        openset,
        budget=budget,
        truncate=truncate,
        depth=depth,
        block_rows=block_rows,
        exclude=banned,
        keys=keys,
    )
    assert got.indices.tolist() == coreset(expected)
    assert got.stopped_by == why
    assert got.trace["value"].tolist() == [value for value, *_ in expected]
    assert list(zip(got.centroids.tolist(), got.scores.tolist(), strict=True)) == [
        owner[image] for _, _, owner, kept in expected for image in kept
    ]
    assert got.certificate.deepest_pointer <= got.certificate.list_depth


@settings(max_examples=200, deadline=None)
@given(pools(), st.data())
def test_stop_rules_equal_the_published_algorithm(pool, data):
    openset, centroids = np.abs(pool[0]) + 0.01, np.abs(pool[1]) + 0.01
    rule = StopRule(
        threshold=data.draw(st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0])),
        reference_round=data.draw(st.integers(1, 4)),
        keep_failing_round=data.draw(st.booleans()),
    )
    budget = data.draw(st.none() | st.integers(1, len(openset)))
    expected, why = published(
        exact_similarities(centroids, openset),
        budget=budget,
        stop=(rule.threshold, rule.reference_round, rule.keep_failing_round),
    )
    got = select_coreset(centroids, openset, budget=budget, stop=rule)
    assert got.indices.tolist() == coreset(expected)
    assert got.stopped_by == why
    assert len(got.trace) == len(expected)
    assert got.trace["kept"].tolist() == [bool(kept) for *_, kept in expected]


def test_a_zero_row_is_named():
    with pytest.raises(ValueError, match="key `b` is zero"):
        select_coreset(np.eye(2), np.array([[1.0, 0], [0, 0]]), budget=1, keys=["a", "b"])
