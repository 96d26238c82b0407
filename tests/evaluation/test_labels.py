"""Accuracies against counting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simcore.evaluation.labels import accuracy_records


@given(
    counts=st.lists(st.integers(1, 10), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
)
def test_accuracies_against_counting(counts, seed):
    true = np.repeat(np.arange(len(counts)), counts)
    predicted = np.random.default_rng(seed).integers(0, len(counts), len(true))
    top1, per_class = accuracy_records(predicted, true, evaluation="e", protocol="p", classes=len(counts))
    shares = [
        sum(p == t for p, t in zip(predicted, true, strict=True) if t == number) / count
        for number, count in enumerate(counts)
    ]
    assert np.isclose(top1["value"], np.mean(predicted == true))
    assert np.isclose(per_class["value"], np.mean(shares))
    assert top1["n"] == len(true)
