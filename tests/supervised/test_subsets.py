"""Shares of labels: nested, the same for any order, none empty when stratified."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.supervised import draw_share


@given(
    labels=st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    shares=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    seed=st.integers(0, 5),
)
def test_laws_of_stratified_shares(labels, shares, seed) -> None:
    manifest = pd.DataFrame({"key": [f"{number:02d}" for number in range(len(labels))], "label": labels})
    small, large = (draw_share(manifest, share=share, seed=seed) for share in sorted(shares))
    assert set(small["key"]) <= set(large["key"])
    assert set(small["label"]) == set(labels)
    shuffled = draw_share(manifest.sample(frac=1, random_state=1), share=shares[0], seed=seed)
    assert set(shuffled["key"]) == set(draw_share(manifest, share=shares[0], seed=seed)["key"])
    assert len(draw_share(manifest, share=1.0, seed=seed)) == len(manifest)


def test_uniform_shares_are_as_large_as_published() -> None:
    manifest = pd.DataFrame({"key": [str(number) for number in range(33)], "label": ["a"] * 33})
    assert len(draw_share(manifest, share=0.1, seed=0, stratified=False)) == 3
    assert len(draw_share(manifest, share=0.1, seed=0)) == 4
    draws = [tuple(draw_share(manifest, share=0.2, seed=seed)["key"]) for seed in range(3)]
    assert len(set(draws)) == 3
    assert np.all([list(draw) == sorted(draw, key=int) for draw in draws])


def test_wrong_shares() -> None:
    manifest = pd.DataFrame({"key": ["a"], "label": ["x"]})
    for share in (0.0, 1.5, -0.1):
        with pytest.raises(InputError, match="`share` is"):
            draw_share(manifest, share=share, seed=0)
    with pytest.raises(InputError, match="is less than one"):
        draw_share(manifest, share=0.5, seed=0, stratified=False)
