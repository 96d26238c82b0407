"""Which metric speaks for a data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.evaluation import Outcome, headline_metrics
from simcore.evaluation.metrics import METRICS, accuracy
from simcore.images.sources import READERS


@pytest.mark.parametrize(
    ("sources", "linear"),
    [
        (["aircraft"], "mean_per_class"),
        (["pets"], "mean_per_class"),
        (["flowers"], "mean_per_class"),
        (["indoor"], "mean_per_class"),
        (["cars"], "top1"),
        (["aircraft", "pets"], "top1"),
        ([], "top1"),
    ],
)
def test_the_papers_choice(sources, linear):
    chosen = headline_metrics(["linear", "knn", "attribute_family"], sources=sources)
    assert chosen == {"linear": linear, "knn": "top1", "attribute_family": linear}


def test_the_names_are_those_of_readers():
    assert {"aircraft", "pets", "flowers", "indoor"} <= set(READERS)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_accuracies_are_those_of_the_records(pairs):
    predicted, true = np.array(pairs).T
    outcome = Outcome("linear", "clean", tuple("abcd"), true, predicted[:, None])
    records = {record["metric"]: record["value"] for record in outcome.records()}
    for metric in METRICS:
        several = accuracy(np.stack([predicted, true]), true, metric=metric)
        np.testing.assert_allclose(several, [records[metric], 1.0])


def test_an_unknown_metric():
    with pytest.raises(InputError, match="`metric` is 'f1'; allowed are top1, mean_per_class"):
        accuracy(np.zeros(1), np.zeros(1), metric="f1")
