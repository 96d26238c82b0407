"""kNN against a slow statement and scikit-learn."""

import importlib
import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from simcore.errors import InputError
from simcore.evaluation import knn
from simcore.evaluation.knn import predict_by_neighbours


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
    fast = predict_by_neighbours(train, classes, test, class_count=4, ks=[k])[k]
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
    records = knn(train.features, train.labels, test.features, test.labels, classes=classes, ks=(k,))
    assert records[0]["value"] == pytest.approx(expected, abs=1e-9)


def test_blocks_do_not_change_the_votes(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    train, test = torch.randn(50, 4, generator=generator), torch.randn(33, 4, generator=generator)
    classes = torch.randint(0, 3, (50,), generator=generator)
    whole = predict_by_neighbours(train, classes, test, class_count=3, ks=[7])[7]
    monkeypatch.setattr(importlib.import_module("simcore.evaluation.knn"), "_BLOCK_BYTES", 4 * 50 * 8)
    assert torch.equal(predict_by_neighbours(train, classes, test, class_count=3, ks=[7])[7], whole)


def test_equal_neighbours_are_taken_in_order():
    """Two identical training images of different classes: with k = 1 the earlier one votes."""
    train = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    predicted = predict_by_neighbours(train, torch.tensor([1, 0, 0]), torch.tensor([[2.0, 0.1]]), class_count=2, ks=[1])
    assert predicted[1].tolist() == [1]


def test_k_is_capped_with_a_message(clouds, classes, caplog):
    train, test = clouds(10, dim=4, seed=1), clouds(5, dim=4, seed=2)
    with caplog.at_level("WARNING"):
        records = knn(train.features, train.labels, test.features, test.labels, classes=classes)
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
    with pytest.raises(InputError, match="none of"):
        knn(train.features, train.labels, test.features, test.labels, classes=[*classes, "dog"])
