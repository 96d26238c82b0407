"""From pairs to tables, counts and lists of what is left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.audit import (
    duplicates_table,
    excluded_by_audit,
    excluded_by_list,
    join_tables,
    no_duplicates,
    nothing_excluded,
    summarise,
)
from simcore.audit.candidates import join_pairs, keep_strongest, pair_frame


def row(left: str, right: str, split: str | None, kind: str, *, score: float = 1.0, pools: str = "ot") -> dict:
    names = {"o": "openset", "t": "target"}
    return {
        "left_pool": names[pools[0]],
        "left_key": left,
        "right_pool": names[pools[1]],
        "right_key": right,
        "split": split,
        "kind": kind,
        "score": score,
        "bits": 0,
        "mirrored": False,
    }


@pytest.fixture
def duplicates() -> pd.DataFrame:
    rows = [
        row("a", "t1", "test", "bytes"),
        row("a", "t2", "test", "perceptual", score=0.98),
        row("b", "t1", "test", "perceptual", score=0.97),
        row("b", "x1", "train", "pixels"),
        row("c", "x1", "train", "perceptual", score=0.99),
        row("d", "t3", "test", "embedding", score=0.995),
        row("b", "a", None, "perceptual", score=0.97, pools="oo"),
        row("x9", "t4", "test", "pixels", pools="tt"),
    ]
    return pd.DataFrame(rows).astype({"split": "str", "bits": "Int16"})


def test_a_pair_counts_by_its_strongest_evidence() -> None:
    left, right = np.array([0, 1]), np.array([5, 5])
    near = pair_frame(left, right, kind="perceptual", score=0.97, bits=3)
    same = pair_frame(left[:1], right[:1], kind="bytes")
    joined = join_pairs([near, same])
    assert joined["kind"].tolist() == [0, 2] and joined["bits"].tolist() == [0, 3]
    assert len(join_pairs([])) == 0


def test_the_strongest_of_the_parts_are_the_strongest_of_the_whole() -> None:
    draw = np.random.default_rng(0)
    pairs = pair_frame(
        draw.integers(0, 5, 80), np.arange(80), kind="perceptual", score=draw.integers(0, 4, 80) / 4, bits=1
    )
    whole = keep_strongest(pairs, pairs_per_image=4)
    parts = [keep_strongest(pairs.iloc[start : start + 9], pairs_per_image=4) for start in range(0, 80, 9)]
    pd.testing.assert_frame_equal(whole, keep_strongest(pd.concat(parts), pairs_per_image=4))
    best = pairs[pairs["left"] == 2].sort_values(["score", "right"], ascending=[False, True])["right"].head(4)
    assert set(whole.loc[whole["left"] == 2, "right"]) == set(best)


def test_a_table_names_both_images(tmp_path: Path) -> None:
    pairs = pd.concat(
        [
            pair_frame(np.array([1]), np.array([0]), kind="perceptual", score=0.97, bits=4, mirrored=True),
            pair_frame(np.array([0]), np.array([1]), kind="embedding", score=0.99, bits=-1),
        ]
    )
    table = duplicates_table(
        pairs,
        left_pool="openset",
        left_keys=np.array(["a", "b"], dtype=object).__getitem__,
        right_pool="target",
        right_keys=np.array(["t", "x"], dtype=object).__getitem__,
        split="test",
    )
    joined = join_tables(table, table.assign(kind="embedding"))
    assert joined.drop(columns="bits").to_numpy().tolist() == [
        ["openset", "a", "target", "x", "test", "embedding", 0.99, False],
        ["openset", "b", "target", "t", "test", "perceptual", 0.97, True],
    ]
    assert joined["bits"].isna().tolist() == [True, False] and joined["bits"].iloc[1] == 4
    pq.write_table(pa.Table.from_pandas(joined, preserve_index=False), tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), joined)
    pd.testing.assert_frame_equal(join_tables(no_duplicates(), joined), joined)
    assert no_duplicates().dtypes.to_dict() == joined.dtypes.to_dict()


def test_counts_by_arm_and_kind(duplicates: pd.DataFrame) -> None:
    picks = {"x": pd.Series([], dtype=str), "simcore": pd.Series(["a", "b", "z"]), "random": pd.Series(["d"])}
    records = summarise(duplicates, picks=picks, n_openset=50, n_train=8, n_test=10)
    values = {(r["arm"], r["metric"], r["protocol"]): (int(r["value"]), r["n"]) for r in records}
    assert values["openset", "images_of_test", "copies"] == (2, 50)
    assert values["openset", "images_of_train", "copies"] == (2, 50)
    assert values["openset", "images_of_test", "perceptual"] == (2, 50)
    assert values["x", "test_images_seen", "copies"] == (1, 10)
    assert values["simcore", "test_images_seen", "copies"] == (3, 10)  # t1, t2 by picks, t4 by X itself
    assert values["random", "test_images_seen", "embedding"] == (1, 10)
    assert values["simcore", "picks_of_test", "copies"] == (2, 3)
    assert values["simcore", "picks_of_train", "pixels"] == (1, 3)
    assert values["simcore", "picks_repeated", "copies"] == (1, 3)
    assert values["random", "picks_repeated", "copies"] == (0, 1)
    assert not [key for key in values if key[0] == "x" and key[1].startswith("picks")]


@pytest.mark.parametrize(
    ("splits", "keys"),
    [(["test"], ["a", "b", "d"]), (["train"], ["b", "c"]), (["test", "train"], ["a", "b", "c", "d"])],
)
def test_what_an_audit_excludes(duplicates: pd.DataFrame, splits: list[str], keys: list[str]) -> None:
    excluded = excluded_by_audit(duplicates, splits=splits)
    assert excluded["key"].tolist() == keys
    assert set(excluded["split"]) <= set(splits)
    if "a" in keys:
        assert excluded.set_index("key").loc["a"].tolist() == ["bytes", "t1", "test"]


def test_a_list_has_the_form_of_an_audit(duplicates: pd.DataFrame) -> None:
    excluded = excluded_by_list(["b/1.png", "007", "b/1.png"])
    assert excluded["key"].tolist() == ["007", "b/1.png"]
    assert set(excluded["kind"]) == {"listed"} and excluded["target"].isna().all()
    for other in (nothing_excluded(), excluded_by_audit(duplicates, splits=["test"])):
        assert other.dtypes.to_dict() == excluded.dtypes.to_dict()
    assert nothing_excluded().empty
