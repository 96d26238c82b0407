"""Figures of an outcome against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.evaluation.outcome import Outcome

CLASSES = tuple("abcdefg")


@given(st.data())
def test_against_counting(data) -> None:
    n = data.draw(st.integers(1, 30))
    true = np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    ranked = np.array([np.random.default_rng(data.draw(st.integers(0, 99))).permutation(7)[:5] for _ in range(n)])
    outcome = Outcome("linear", "clean", CLASSES, true, ranked, {"learning_rate": 3.0})
    values = {record["metric"]: record["value"] for record in outcome.records()}
    assert values["top1"] == pytest.approx(sum(row[0] == t for row, t in zip(ranked, true, strict=True)) / n)
    assert values["top5"] == pytest.approx(sum(t in row for row, t in zip(ranked, true, strict=True)) / n)
    by_class = [np.mean([ranked[i][0] == c for i in range(n) if true[i] == c]) for c in sorted(set(true))]
    assert values["mean_per_class"] == pytest.approx(np.mean(by_class))
    assert values["learning_rate"] == 3.0
    table = outcome.per_class()
    assert table["class"].tolist() == [CLASSES[c] for c in sorted(set(true))]
    assert table["n"].sum() == n
    confusion = outcome.confusion()
    assert confusion.sum() == n
    assert np.trace(confusion) == table["right"].sum()
    for i in range(7):
        for j in range(7):
            assert confusion[i, j] == sum(t == i and row[0] == j for t, row in zip(true, ranked, strict=True))


def test_five_of_few_classes_is_no_figure() -> None:
    outcome = Outcome("knn", "clean", CLASSES[:5], np.array([0]), np.arange(5)[None])
    assert [record["metric"] for record in outcome.records()] == ["top1", "mean_per_class"]


def test_shapes_are_checked() -> None:
    for ranked in (np.zeros((2, 1), int), np.zeros(1, int), np.zeros((0, 1), int)):
        with pytest.raises(InputError, match="`ranked` has shape"):
            Outcome("knn", "clean", CLASSES, np.zeros(len(ranked) % 2, int), ranked)
