import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import sampling
from simcore.images.splits import draw_test, stratified_split

KEYS = st.lists(st.tuples(st.text(max_size=5), st.sampled_from("abc")), min_size=1, unique_by=lambda pair: pair[0])


def split(pairs: list[tuple[str, str]], fraction: float, seed: int) -> dict[str, str]:
    keys, labels = (pd.Series(column, dtype="str") for column in zip(*pairs, strict=True))
    return dict(zip(keys, stratified_split(keys, labels, test_fraction=fraction, seed=seed), strict=True))


@given(KEYS, st.floats(0, 0.99), st.integers(0, 3), st.randoms())
@settings(deadline=None)
def test_listing_order_does_not_matter(pairs, fraction: float, seed: int, random) -> None:
    shuffled = pairs.copy()
    random.shuffle(shuffled)
    assert split(pairs, fraction, seed) == split(shuffled, fraction, seed)


@given(KEYS, st.floats(0, 0.99), st.integers(0, 3))
@settings(deadline=None)
def test_every_class_is_divided_in_proportion(pairs, fraction: float, seed: int) -> None:
    found = split(pairs, fraction, seed)
    for label in "abc":
        members = [key for key, of in pairs if of == label]
        tests = sum(found[key] == "test" for key in members)
        if fraction == 0 or len(members) <= 1:
            assert tests == 0
        else:
            assert 1 <= tests <= len(members) - 1
            assert abs(tests - fraction * len(members)) <= 1


@given(KEYS, st.floats(0.01, 0.99))
@settings(deadline=None)
def test_a_class_does_not_see_the_others(pairs, fraction: float) -> None:
    alone = [pair for pair in pairs if pair[1] == "a"]
    if alone:
        whole = split(pairs, fraction, 0)
        assert split(alone, fraction, 0) == {key: whole[key] for key, _ in alone}


def test_pinned() -> None:
    pairs = [(f"{label}/{number}.png", label) for label in ("cat", "dog") for number in range(5)]
    found = split(pairs, 0.4, 0)
    assert sorted(key for key, of in found.items() if of == "test") == [
        "cat/0.png",
        "cat/1.png",
        "dog/0.png",
        "dog/2.png",
    ]
    assert split(pairs, 0.4, 1) != found


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(InputError, match="test_fraction"):
        split([("a", "a")], fraction, 0)


def test_images_without_a_class_are_train() -> None:
    keys = pd.Series([f"{number}" for number in range(6)])
    labels = pd.Series(["a", None, "a", None, "a", "a"], dtype="str")
    found = stratified_split(keys, labels, test_fraction=0.5, seed=0)
    assert found[labels.isna()].tolist() == ["train", "train"]
    assert (found == "test").sum() == 2


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2)), max_size=20), st.floats(0, 0.99))
@settings(deadline=None)
def test_the_fast_draw_is_the_slow_one(rows: list[tuple[int, int, int]], fraction: float) -> None:
    ranks = np.array([row[:2] for row in rows], dtype=sampling._RANK)
    classes = np.array([row[2] for row in rows], dtype=np.int64)
    found = draw_test(ranks, classes, test_fraction=fraction)
    for label in {-1, 0, 1, 2}:
        members = sorted((rows[at][:2], at) for at in range(len(rows)) if rows[at][2] == label)
        wanted = np.round(fraction * len(members))
        wanted = min(max(wanted, 1) if fraction > 0 else wanted, len(members) - 1) if label >= 0 else 0
        assert [at for _, at in members if found[at]] == [at for _, at in members[: max(0, int(wanted))]]
