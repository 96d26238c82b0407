"""The area under the curve against counting all pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simcore.downstream.roc import area_under_roc


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_it_counts_pairs(rows) -> None:
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    wins = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    found = area_under_roc(scores, positive)
    assert np.isnan(found) if not wins else np.isclose(found, np.mean(wins))
