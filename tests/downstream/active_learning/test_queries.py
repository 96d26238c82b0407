"""Queries: against slow twins, and what holds for all of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.downstream.active_learning import QUERIES, Pool, choose_keys, coreset
from simcore.errors import InputError
from simcore.supervised import draw_share
from tests.downstream.active_learning.worlds import make_pool, slow_badge, slow_cover, slow_entropy

WORLDS = [
    {"n": 14, "seed": 0},
    {"n": 9, "dim": 2, "classes": 2, "seed": 1},
    {"n": 23, "dim": 16, "classes": 7, "labelled": 0, "seed": 2},
    {"n": 6, "dim": 1, "classes": 3, "labelled": 1, "seed": 3},
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("part", [0.3, 1.0])
def test_twins(world: dict, part: float) -> None:
    pool = make_pool(**world)
    count = int(part * len(pool))
    assert list(choose_keys("entropy", pool, count=count, seed=0)) == slow_entropy(pool, count)
    assert list(choose_keys("coreset", pool, count=count, seed=0)) == slow_cover(pool, count)
    for seed in range(5):
        assert list(choose_keys("badge", pool, count=count, seed=seed)) == slow_badge(pool, count, seed)


def test_badge_draws_in_proportion_to_squared_distances() -> None:
    # Gradients at 0, 1 and 3 from the first: one in ten of the second draws is the nearer one.
    pool = Pool(np.array(["a", "b", "c"]), torch.tensor([[4.0], [3.0], [1.0]]), torch.zeros(3, 2), torch.zeros(0, 1))
    drawn = [choose_keys("badge", pool, count=2, seed=seed) for seed in range(2_000)]
    assert {first for first, _ in drawn} == {"a"}
    near = sum(second == "b" for _, second in drawn) / len(drawn)
    assert near == pytest.approx(0.1, abs=0.02)


def test_the_random_rounds_are_the_shares_of_one_draw() -> None:
    pool = make_pool(n=20)
    manifest = pd.DataFrame({"key": pool.keys, "label": "one"})
    first = choose_keys("random", pool, count=5, seed=3)
    left = np.isin(pool.keys, first, invert=True)
    rest = Pool(pool.keys[left], pool.features[left], pool.logits[left], pool.labelled)
    both = {*first, *choose_keys("random", rest, count=5, seed=3)}
    assert both == set(draw_share(manifest, share=0.5, seed=3, stratified=False)["key"])
    assert choose_keys("random", pool, count=5, seed=4) != first


@pytest.mark.parametrize("name", QUERIES)
@given(world=st.integers(0, 30), n=st.integers(2, 25), seed=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_no_key_comes_twice_and_more_hold_the_fewer(name: str, world: int, n: int, seed: int) -> None:
    pool = make_pool(n=n, seed=world)
    found = choose_keys(name, pool, count=n, seed=seed)
    assert sorted(found) == pool.keys.tolist()
    fewer = choose_keys(name, pool, count=max(1, n // 2), seed=seed)
    assert found[: len(fewer)] == fewer


@given(world=st.integers(0, 30), block=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_blocks_change_nothing(world: int, block: int) -> None:
    pool = make_pool(n=20, labelled=9, seed=world)
    assert np.array_equal(coreset.cover(pool, count=8, seed=0, block=block), coreset.cover(pool, count=8, seed=0))


@pytest.mark.parametrize("name", QUERIES)
def test_rounding_decides_nothing(name: str) -> None:
    """Rows that are the same but for the last bits, as another machine would have them."""
    exact = make_pool(n=20, seed=4)
    noise = 1 + 1e-13 * torch.randn(20, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shaken = Pool(exact.keys, exact.features * noise, exact.logits * noise, exact.labelled.double())
    assert choose_keys(name, shaken, count=20, seed=1) == choose_keys(name, exact, count=20, seed=1)


def test_bad_input() -> None:
    pool = make_pool(n=4)
    with pytest.raises(InputError, match="`margin` is unknown; allowed are random, entropy, coreset, badge"):
        choose_keys("margin", pool, count=1, seed=0)
    with pytest.raises(InputError, match="choose 5 of 4 unlabelled images; ask for 1 to 4"):
        choose_keys("badge", pool, count=5, seed=0)
    with pytest.raises(InputError, match="choose 0 of 4"):
        choose_keys("random", pool, count=0, seed=0)
    with pytest.raises(InputError, match="keys of a pool do not rise"):
        Pool(pool.keys[::-1], pool.features, pool.logits, pool.labelled)
    with pytest.raises(InputError, match=r"give \(n, d\), \(n, c\) and \(m, d\)"):
        Pool(pool.keys, pool.features[:3], pool.logits, pool.labelled)
    with pytest.raises(InputError, match="`logits` of the pool has values that are NaN or infinite"):
        Pool(pool.keys, pool.features, pool.logits / 0, pool.labelled)
