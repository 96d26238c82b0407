"""Samples that are a function of the set of keys."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import sampling
from simcore.images.sampling import choose_rows, draw_classes, hash_ranks, smallest, some_names

names = st.lists(st.text(max_size=3), unique=True, max_size=12)


def slow_sample(keys: list[str], count: int, seed: int) -> set[str]:
    """Return the sample by whole digests."""
    return set(sorted(keys, key=lambda key: hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest())[:count])


@settings(max_examples=60)
@given(names, st.integers(0, 14), st.integers(0, 3))
def test_the_sample_is_that_of_whole_digests(keys: list[str], count: int, seed: int) -> None:
    keys = [key for key in keys if not any(0xD800 <= ord(letter) < 0xE000 for letter in key)]
    chosen = smallest(hash_ranks(keys, seed=seed), count)
    assert {key for key, taken in zip(keys, chosen, strict=True) if taken} == slow_sample(keys, count, seed)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12), st.integers(0, 13))
def test_of_tied_ranks_there_are_never_too_many(pairs: list[tuple[int, int]], count: int) -> None:
    ranks = np.array(pairs, dtype=sampling._RANK)
    chosen = smallest(ranks, count)
    assert chosen.sum() == min(count, len(pairs))
    taken = [pair for pair, is_taken in zip(pairs, chosen, strict=True) if is_taken]
    assert sorted(taken) == sorted(pairs)[:count]


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    ranks = hash_ranks(map(str, range(500)), seed=3)
    assert (smallest(ranks, 50) <= smallest(ranks, 200)).all()
    assert (smallest(ranks, 50) != smallest(hash_ranks(map(str, range(500)), seed=4), 50)).any()


def test_classes_are_drawn_from_the_set_of_names() -> None:
    classes = [f"class {number}" for number in range(30)]
    drawn = draw_classes(classes, 5, seed=1)
    assert len(drawn) == 5
    assert draw_classes(classes[::-1], 5, seed=1) == drawn
    assert draw_classes(classes, 5, seed=2) != drawn


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Return a stored listing: 40 images of two sources and four classes, a quarter of them test."""
    rows = [
        {
            "key": f"{source}/{number:02}",
            "label": "abcd"[number % 4],
            "split": "test" if number % 4 == number // 5 else None if source == "y" else "train",
            "source": source,
            "reason": {7: "left out", 6: "empty"}.get(number),
        }
        for source in "xy"
        for number in range(20)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "listed.parquet", row_group_size=7)
    return tmp_path / "listed.parquet"


def chosen(path: Path, **wanted) -> list[dict]:
    settings = {"quotas": {}, "limit": None, "classes": None, "seed": 0, "joined": True, "name": "the pool"}
    mask = choose_rows(path, **(settings | wanted))
    rows = pq.read_table(path).to_pylist()
    return rows if mask is None else [row for row, taken in zip(rows, mask, strict=True) if taken]


def test_what_is_left_out_on_purpose_is_in_no_sample(listing: Path) -> None:
    every = pq.read_table(listing).to_pylist()
    on_purpose = {row["key"] for row in every if row["reason"] == "left out"}
    assert on_purpose == {"x/07", "y/07"}
    for wanted in ({"limit": 22}, {"quotas": {"x": 11, "y": 11}}):
        # As many as are wanted, all the same.
        rows = chosen(listing, left_out=["left out"], **wanted)
        assert not {row["key"] for row in rows} & on_purpose
        assert {row["key"] for row in chosen(listing, **wanted)} & on_purpose
        counted = [row for row in rows if row["split"] != "test"]
        assert len(counted) == wanted.get("limit", 22)
    # Of a source that is taken whole all is listed, and so it is of classes.
    assert {row["key"] for row in chosen(listing, left_out=["left out"], quotas={"x": 4})} & on_purpose == {"y/07"}
    assert on_purpose <= {row["key"] for row in chosen(listing, left_out=["left out"], classes=["d"])}


def test_nothing_wanted_is_everything(listing: Path) -> None:
    assert len(chosen(listing)) == 40


def test_a_limit_counts_images_that_are_not_test(listing: Path) -> None:
    everything, some = chosen(listing), chosen(listing, limit=9)
    test = [row for row in everything if row["split"] == "test"]
    assert [row for row in some if row["split"] == "test"] == test
    keys = [row["key"] for row in everything if row["split"] != "test"]
    assert {row["key"] for row in some} - {row["key"] for row in test} == slow_sample(keys, 9, 0)
    assert chosen(listing, limit=100) == everything


def test_a_quota_takes_the_same_images_whatever_the_source_is_joined_with(listing: Path) -> None:
    keys = [row["key"] for row in chosen(listing) if row["source"] == "x" and row["split"] != "test"]
    wanted = slow_sample([key.removeprefix("x/") for key in keys], 4, 0)
    some = [row for row in chosen(listing, quotas={"x": 4}) if row["split"] != "test"]
    assert {row["key"].removeprefix("x/") for row in some if row["source"] == "x"} == wanted
    assert len([row for row in some if row["source"] == "y"]) == len(keys)
    single = [row for row in chosen(listing, quotas={"x": 4}, joined=False) if row["split"] != "test"]
    assert {row["key"] for row in single if row["source"] == "x"} == slow_sample(keys, 4, 0)


def test_quota_and_limit_and_classes_together(listing: Path) -> None:
    some = [
        row for row in chosen(listing, quotas={"x": 4, "y": 3}, limit=5, classes=["a", "b"]) if row["split"] != "test"
    ]
    assert len(some) == 5
    assert {row["label"] for row in some} == {"a", "b"}
    assert len([row for row in some if row["source"] == "x"]) <= 4


def test_a_number_of_classes(listing: Path) -> None:
    assert {row["label"] for row in chosen(listing, classes=2)} == set(draw_classes("abcd", 2, seed=0))
    assert {row["label"] for row in chosen(listing, classes="b")} == {"b"}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "e"], "'e' is not among the 4 classes of the pool; they are a, b, c, d."),
        ([], "'' is not among the 4 classes"),
        (5, "`classes` is 5, but the pool has 4 classes; give 1 to 4"),
    ],
)
def test_classes_that_are_not_there(listing: Path, classes: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(listing, classes=classes)


def test_classes_of_a_pool_without_labels(tmp_path: Path) -> None:
    table = pa.table({"key": ["a"], "label": pa.nulls(1, pa.string()), "split": ["train"], "source": ["x"]})
    pq.write_table(table, tmp_path / "listed.parquet")
    with pytest.raises(InputError, match="`classes` is given, but the pool has no classes"):
        chosen(tmp_path / "listed.parquet", classes=1)


def test_many_names_are_cut() -> None:
    assert some_names([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
