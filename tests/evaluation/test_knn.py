"""kNN against a slow statement and scikit-learn."""

import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from simcore.errors import InputError
from simcore.evaluation import knn
from simcore.evaluation.knn import nearest_first, rank_by_neighbours


def predict(train, classes, test, *, class_count, k):
    return rank_by_neighbours(train, classes, test, class_count=class_count, ks=[k])[k][:, 0]


def slow_knn(train, classes, test, *, class_count, k):
    """Each test row by itself, in plain Python."""
    predicted = []
    for row in test.double():
        similarity = [float(row @ other / (row.norm() * other.norm())) for other in train.double()]
        nearest = sorted(range(len(train)), key=lambda i: (-similarity[i], i))[:k]
        votes = [0.0] * class_count
        for i in nearest:
            votes[classes[i]] += math.exp(similarity[i] / 0.07)
        predicted.append(votes.index(max(votes)))
    return predicted


@pytest.mark.parametrize("k", [1, 5, 20, 45])
@pytest.mark.parametrize("dim", [2, 16])
def test_against_a_slow_statement(k, dim):
    generator = torch.Generator().manual_seed(dim)
    train, test = torch.randn(45, dim, generator=generator), torch.randn(60, dim, generator=generator)
    classes = torch.randint(0, 4, (45,), generator=generator)
    fast = predict(train, classes, test, class_count=4, k=k)
    assert fast.tolist() == slow_knn(train, classes.tolist(), test, class_count=4, k=k)


@pytest.mark.parametrize("k", [5, 20])
def test_against_scikit_learn(clouds, classes, k):
    train, test = clouds(30, dim=8, seed=1, noise=3), clouds(100, dim=8, seed=2, noise=3)
    reference = KNeighborsClassifier(
        n_neighbors=k,
        metric="cosine",
        algorithm="brute",
        weights=lambda distance: np.exp((1 - distance) / 0.07),
    ).fit(train.features.astype(np.float64), train.labels)
    expected = reference.score(test.features.astype(np.float64), test.labels)
    (outcome,) = knn(train.features, train.labels, test.features, test.labels, classes=classes, ks=(k,))
    assert outcome.records()[0]["value"] == pytest.approx(expected, abs=1e-9)
    named = reference.predict(test.features.astype(np.float64))
    assert [classes[number] for number in outcome.predicted] == named.tolist()


def test_blocks_do_not_change_the_votes(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    train, test = torch.randn(50, 4, generator=generator), torch.randn(33, 4, generator=generator)
    classes = torch.randint(0, 3, (50,), generator=generator)
    whole = predict(train, classes, test, class_count=3, k=7)
    monkeypatch.setattr(importlib.import_module("simcore.evaluation.knn"), "_BLOCK_BYTES", 4 * 50 * 8)
    assert torch.equal(predict(train, classes, test, class_count=3, k=7), whole)


def test_equal_neighbours_are_taken_in_order():
    """Two identical training images of different classes: with k = 1 the earlier one votes."""
    train = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    predicted = predict(train, torch.tensor([1, 0, 0]), torch.tensor([[2.0, 0.1]]), class_count=2, k=1)
    assert predicted.tolist() == [1]


@given(
    values=st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(st.integers(-2, 2), min_size=n, max_size=n), min_size=1, max_size=8)
    ),
    data=st.data(),
)
def test_nearest_first_is_a_stable_sort(values, data):
    """Few different values, so that most are equal to others."""
    similarities = torch.tensor(values, dtype=torch.float32)
    k = data.draw(st.integers(1, similarities.shape[1]))
    expected = similarities.sort(dim=1, descending=True, stable=True)
    found = nearest_first(similarities, k=k)
    assert torch.equal(found[0], expected.values[:, :k])
    assert torch.equal(found[1], expected.indices[:, :k])


def test_nearest_first_in_wide_rows_with_many_equal_values():
    similarities = torch.randint(0, 40, (300, 2000), generator=torch.Generator().manual_seed(0)).float()
    for k in (1, 20, 200):
        expected = similarities.sort(dim=1, descending=True, stable=True)
        found = nearest_first(similarities, k=k)
        assert torch.equal(found[0], expected.values[:, :k])
        assert torch.equal(found[1], expected.indices[:, :k])


def test_classes_without_votes_are_not_ranked():
    """Six classes, three neighbours of two of them: the other four did not come into question."""
    train = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [-1.0, 0.0], [-1.0, 0.1], [-1.0, 0.2]])
    ranked = rank_by_neighbours(
        train, torch.tensor([4, 2, 4, 0, 1, 3]), torch.tensor([[1.0, 0.0]]), class_count=6, ks=[3]
    )
    assert ranked[3].tolist() == [[4, 2, -1, -1, -1]]


def test_k_is_capped_with_a_message(clouds, classes, caplog):
    train, test = clouds(10, dim=4, seed=1), clouds(5, dim=4, seed=2)
    with caplog.at_level("WARNING"):
        outcomes = knn(train.features, train.labels, test.features, test.labels, classes=classes)
    records = [record for outcome in outcomes for record in outcome.records()]
    assert [record["protocol"] for record in records] == ["clean k=20", "clean k=20", "clean k=30", "clean k=30"]
    assert "k=200 has only 30 training images" in caplog.text
    assert [record["metric"] for record in records] == ["top1", "mean_per_class"] * 2
    assert {record["n"] for record in records} == {15}


def test_wrong_input_is_refused(clouds, classes):
    train, test = clouds(4, dim=3, seed=1), clouds(4, dim=3, seed=2)
    with pytest.raises(InputError, match="each 1 or more"):
        knn(train.features, train.labels, test.features, test.labels, classes=classes, ks=(0,))
    with pytest.raises(InputError, match="each 1 or more"):
        knn(train.features, train.labels, test.features, test.labels, classes=classes, ks=())
    with pytest.raises(InputError, match="Test class 'cat' has no training image"):
        without = train.labels != "cat"
        knn(train.features[without], train.labels[without], test.features, test.labels, classes=classes)
