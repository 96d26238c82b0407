"""Label-free measures against their definitions and limits."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.evaluation import (
    alignment,
    effective_rank,
    feature_spread,
    label_free,
    label_free_records,
    nearest_rows,
    uniformity,
)


def normals(n, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def unit(features):
    return features.astype(np.float64) / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "dim"), [(2, 3), (9, 2), (30, 16)])
def test_uniformity_against_all_pairs(n, dim):
    features = normals(n, dim)
    pairs = [np.exp(-2 * np.sum((a - b) ** 2)) for a, b in itertools.combinations(unit(features), 2)]
    assert uniformity(features) == pytest.approx(math.log(np.mean(pairs)), abs=1e-5)


def test_uniformity_does_not_depend_on_blocks(monkeypatch):
    features = normals(50, 4)
    whole = uniformity(features)
    monkeypatch.setattr(label_free, "_BLOCK", 7)
    assert uniformity(features) == pytest.approx(whole, abs=1e-9)


def test_alignment_against_its_definition():
    left, right = normals(12, 5), normals(12, 5, seed=1)
    expected = np.mean([np.sum((a - b) ** 2) for a, b in zip(unit(left), unit(right), strict=True)])
    assert alignment(left, right) == pytest.approx(expected, abs=1e-5)
    assert alignment(left, 3 * left) == pytest.approx(0, abs=1e-9)
    assert alignment(left, -left) == pytest.approx(4)


def test_effective_rank_counts_equal_directions():
    basis = np.linalg.qr(normals(40, 40).astype(np.float64))[0]
    for rank in (1, 5, 20):
        assert effective_rank(basis[:, :rank] @ basis[:rank]) == pytest.approx(rank, abs=1e-3)


@given(seed=st.integers(0, 50), scale=st.floats(0.01, 100))
def test_measures_do_not_change_with_rotation_and_scale(seed, scale):
    features = normals(20, 6, seed=seed)
    rotation = np.linalg.qr(normals(6, 6, seed=seed + 1))[0]
    turned = (scale * features @ rotation).astype(np.float32)
    assert uniformity(turned) == pytest.approx(uniformity(features), abs=1e-4)
    assert effective_rank(turned) == pytest.approx(effective_rank(features), rel=1e-4)


def test_collapse_shows_in_every_measure():
    spread_out, collapsed = normals(200, 32), np.ones((200, 32)) + 1e-4 * normals(200, 32)
    assert uniformity(collapsed) == pytest.approx(0, abs=1e-4)
    assert uniformity(spread_out) < -3
    assert feature_spread(collapsed) < 1e-3 < feature_spread(spread_out)
    assert effective_rank(collapsed) < 1.1
    assert effective_rank(spread_out) > 25


def test_records_are_flat():
    features = normals(10, 4)
    records = label_free_records(features, other_view=features + 0.1)
    assert [record["metric"] for record in records] == [
        "uniformity",
        "feature_spread",
        "effective_rank",
        "alignment",
    ]
    assert all(set(record) == {"evaluation", "metric", "protocol", "value", "n"} for record in records)


@pytest.mark.parametrize("k", [1, 3, 40])
def test_nearest_rows_against_sorting(k):
    queries, features = normals(300, 5), normals(40, 5, seed=1)
    similarity = unit(queries) @ unit(features).T
    expected = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    assert np.array_equal(nearest_rows(queries, features, k=k), expected)


def test_equal_rows_come_in_order():
    assert nearest_rows(np.ones((1, 2)), np.ones((4, 2)), k=3).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("k", [0, 5])
def test_neighbours_must_exist(k):
    with pytest.raises(InputError, match="between 1 and 4"):
        nearest_rows(np.ones((1, 2)), np.ones((4, 2)), k=k)


def test_wrong_features_are_refused():
    with pytest.raises(InputError, match="at least 2 rows"):
        uniformity(np.ones((1, 3)))
    with pytest.raises(InputError, match="NaN or infinite"):
        effective_rank(np.full((3, 2), np.nan))
    with pytest.raises(InputError, match="must be equal"):
        alignment(np.ones((3, 2)), np.ones((4, 2)))
