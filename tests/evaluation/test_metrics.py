"""Which metric speaks for a data set."""

import pytest

from simcore.evaluation import headline_metrics
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
