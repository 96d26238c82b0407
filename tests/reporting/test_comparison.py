import math
import random

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.reporting import compare_arms, pivot_comparison
from simcore.reporting.comparison import explain_marks

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")
LINEAR = "linear probe, top-1 accuracy (clean)"


def test_rows_follow_measure_then_arms_then_references(all_records) -> None:
    frame = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    first = frame[frame["metric"] == "top1"].head(5)
    assert first["evaluation"].eq("linear").all()
    assert first["arm"].tolist() == [*ARMS, *REFERENCES]
    assert first["role"].tolist() == ["arm"] * 3 + ["reference"] * 2
    assert frame["evaluation"].drop_duplicates().tolist() == ["linear", "knn", "label_free"]


def test_mean_spread_and_counts(record) -> None:
    records = [record("x", seed, value) for seed, value in enumerate((0.7, 0.8, 0.9))]
    row = compare_arms(records, arms=["x"]).iloc[0]
    assert row["mean"] == pytest.approx(0.8)
    assert row["std"] == pytest.approx(0.1)
    assert (row["n_seeds"], row["n"]) == (3, 1200)
    # t(0.975, 2) = 4.302653
    assert row["high"] - row["mean"] == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)
    assert row["mean"] - row["low"] == pytest.approx(row["high"] - row["mean"])


def test_the_order_of_records_does_not_matter(all_records) -> None:
    frame = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    shuffled = random.Random(0).sample(all_records, len(all_records))
    pd.testing.assert_frame_equal(compare_arms(shuffled, arms=ARMS, references=REFERENCES), frame)


def test_one_seed_has_no_spread(record) -> None:
    row = compare_arms([record("x", 0, 0.8)], arms=["x"]).iloc[0]
    assert math.isnan(row["std"])
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])


def test_an_arm_without_records_keeps_its_row(record) -> None:
    frame = compare_arms([record("x", 0, 0.8)], arms=["x", "simcore"])
    assert frame["n_seeds"].tolist() == [1, 0]
    assert pivot_comparison(frame).loc["X + SimCore"].tolist() == ["not evaluated"]


def test_an_unlabelled_target_is_named_as_such(record) -> None:
    label_free = {"evaluation": "label_free", "metric": "uniformity", "protocol": "unit"}
    frame = compare_arms([record("x", 0, -2.5, **label_free)], arms=["x", "simcore"])
    pivot = pivot_comparison(frame)
    assert pivot["with labels, accuracy"].tolist() == ["not evaluated: no labels"] * 2
    assert pivot["uniformity"].tolist() == ["−2.500 (1 seed)", "not evaluated"]


def test_no_records_at_all_still_give_a_table() -> None:
    pivot = pivot_comparison(compare_arms([], arms=["x"]))
    assert pivot.loc["X"].tolist() == ["not evaluated: no labels"]


def test_readers_see_one_row_an_arm_and_no_chosen_settings(all_records) -> None:
    pivot = pivot_comparison(compare_arms(all_records, arms=ARMS, references=REFERENCES))
    assert pivot.index.tolist() == ["X", "X + random", "X + SimCore", "raw pixels", "random network"]
    assert pivot.loc["X + SimCore", "linear probe, top-1 accuracy (clean)"] == "0.803 ± 0.006 (3 seeds) *"
    assert pivot.loc["raw pixels", "linear probe, top-1 accuracy (clean)"] == "0.697 (1 seed)"
    # A spread has the digits of its mean.
    assert pivot.loc["X", "effective rank"] == "23.9 ± 0.5 (3 seeds)"
    assert not [column for column in pivot.columns if "learning rate" in column]


def arms_with(record, **values) -> pd.DataFrame:
    records = [record(arm, seed, value) for arm, of_arm in values.items() for seed, value in enumerate(of_arm)]
    return compare_arms(records, arms=list(values))


@pytest.mark.parametrize(
    ("values", "marked", "said"),
    [
        # One arm is told from the others: a winner.
        ({"x": [0.70, 0.72, 0.71], "simcore": [0.80, 0.81, 0.80]}, ["simcore"], "* marks the arm with the highest"),
        # Intervals overlap: nobody stands out alone.
        ({"x": [0.79, 0.78, 0.80], "simcore": [0.80, 0.78, 0.82]}, ["x", "simcore"], "none of them is the winner"),
        ({"x": [0.70], "simcore": [0.80]}, [], "No arm is marked as the best: one seed supports no claim."),
        ({"x": [0.70, 0.71], "simcore": [0.80]}, [], "shares fewer than two seeds with another."),
        ({"x": [0.70, 0.71]}, [], ""),
    ],
)
def test_an_arm_is_marked_where_it_cannot_be_told_from_the_best(record, values, marked, said) -> None:
    frame = arms_with(record, **values)
    assert frame.loc[frame["among_best"], "arm"].tolist() == marked
    cells = pivot_comparison(frame)[LINEAR]
    assert [cell.endswith(" *") for cell in cells] == [arm in marked for arm in values]
    assert said in explain_marks(frame) if said else not explain_marks(frame)


def test_a_reference_is_not_judged(record) -> None:
    records = [
        record(arm, seed, 0.5 + 0.1 * seed**2 + up) for arm, up in (("x", 0), ("simcore", 0.01)) for seed in (0, 1)
    ]
    records += [record("raw_pixels", 0, 0.9)]
    frame = compare_arms(records, arms=["x", "simcore"], references=["raw_pixels"])
    # A reference of one seed would hide the best arms, and one of many would be the best.
    assert frame.loc[frame["among_best"], "arm"].tolist() == ["x", "simcore"]
    assert "References are not judged." in explain_marks(frame)


def test_measures_without_a_better_end_are_not_marked(all_records) -> None:
    frame = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    assert frame["among_best"].any()
    assert not frame.loc[frame["evaluation"].eq("label_free") | frame["metric"].eq("learning_rate"), "among_best"].any()


def test_records_of_an_unnamed_arm_are_refused(record) -> None:
    with pytest.raises(InputError, match="hold the arms y"):
        compare_arms([record("y", 0, 0.5)], arms=["x"])
