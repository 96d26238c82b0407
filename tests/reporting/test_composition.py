import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.reporting import coreset_purity, coreset_shares

labels = st.lists(st.sampled_from(["animal/cat", "animal/dog", "digit/4", None]), min_size=1, max_size=30)


def manifest(values: list[str | None]) -> pd.DataFrame:
    keys = [f"{number:03d}" for number in range(len(values))]
    return pd.DataFrame({"key": keys, "label": pd.array(values, dtype="string"), "source": "a"})


@settings(deadline=None)
@given(labels, st.data())
def test_purity_and_shares_equal_a_count_by_hand(values, data) -> None:
    pool = manifest(values)
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), unique=True, max_size=len(values)))
    coreset = pool.iloc[rows][["key"]]
    purity = coreset_purity(coreset, pool, relevant="animal/*")
    picked = [values[row] for row in rows if values[row] is not None]
    hits = sum(label.startswith("animal/") for label in picked)
    assert (purity.n_relevant_picked, purity.n_picked) == (hits, len(picked))
    if purity.purity is not None:
        assert purity.purity == hits / len(picked)
        assert purity.chance == purity.n_relevant_pool / purity.n_pool
    else:
        assert purity.reason

    shares = coreset_shares(coreset, pool)
    assert shares["n_pool"].sum() == len(values)
    assert shares["n_picked"].sum() == len(rows)
    assert shares["pool_share"].sum() == pytest.approx(1)
    for row in shares.to_dict("records"):
        name = None if row["group"] == "(none)" else row["group"]
        assert row["n_picked"] == sum(values[position] == name for position in rows)
    ordered = sorted(zip(-shares["n_picked"], shares["group"], strict=True))
    assert list(zip(-shares["n_picked"], shares["group"], strict=True)) == ordered


@settings(deadline=None)
@given(labels, st.randoms())
def test_the_order_of_the_pool_does_not_matter(values, random) -> None:
    pool = manifest(values)
    coreset = pool[["key"]].head(3)
    shuffled = pool.iloc[random.sample(range(len(pool)), len(pool))]
    assert coreset_purity(coreset, shuffled, relevant="animal/*") == coreset_purity(coreset, pool, relevant="animal/*")
    pd.testing.assert_frame_equal(coreset_shares(coreset, shuffled), coreset_shares(coreset, pool))


@pytest.mark.parametrize(
    ("values", "relevant", "n_picked", "reason"),
    [
        (["animal/cat", "digit/4"], None, 1, "no relevant label was named"),
        ([None, None], "animal/*", 1, "the open-set has no labels"),
        (["digit/1", "digit/4"], "animal/*", 1, "no label of the open-set matches animal/*"),
        (["Animal/cat", "digit/4"], "animal/*", 1, "no label of the open-set matches animal/*"),
        ([None, "animal/cat"], "animal/*", 1, "no pick has a label"),
        (["animal/cat", "digit/4"], "animal/*", 0, "the coreset is empty"),
    ],
)
def test_a_question_without_an_answer_has_a_reason(values, relevant, n_picked, reason) -> None:
    pool = manifest(values)
    purity = coreset_purity(pool.head(n_picked), pool, relevant=relevant)
    assert (purity.purity, purity.chance, purity.reason) == (None, None, reason)
    assert str(purity) == f"Purity: not evaluated: {reason}."


def test_an_empty_coreset_has_no_shares() -> None:
    pool = manifest(["animal/cat"])
    assert math.isnan(coreset_shares(pool.head(0), pool)["picked_share"][0])


def test_a_coreset_of_another_open_set_is_refused() -> None:
    pool = manifest(["animal/cat"])
    for function in (lambda c: coreset_purity(c, pool, relevant=None), lambda c: coreset_shares(c, pool)):
        with pytest.raises(InputError, match="1 keys of the coreset are not in the open-set manifest"):
            function(pd.DataFrame({"key": ["other"]}))


def test_an_unknown_column_is_refused() -> None:
    pool = manifest(["animal/cat"])
    with pytest.raises(InputError, match="`by` is 'colour'"):
        coreset_shares(pool, pool, by="colour")
