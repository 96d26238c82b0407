"""Paired differences against scipy's paired t test, and what they support."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simcore.errors import InputError
from simcore.study import judge_difference, paired_differences
from tests.study.worlds import arms_of, columns, fewer, frame


@fewer
@given(columns)
def test_paired_differences_are_those_of_the_paired_t_test(rows) -> None:
    runs = arms_of(rows)
    differences = paired_differences(frame(runs), against="x").set_index("arm")
    assert list(differences.index) == ["random", "simcore"]
    for arm in differences.index:
        gaps = np.array(runs[arm]) - np.array(runs["x"])
        row = differences.loc[arm]
        assert row["mean"] == pytest.approx(gaps.mean(), abs=1e-12)
        assert row["won"] == np.mean(gaps > 0)
        if gaps.std() > 1e-6:
            interval = stats.ttest_rel(runs[arm], runs["x"]).confidence_interval(0.95)
            assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), abs=1e-9)


@fewer
@given(columns, st.floats(-5, 5), st.floats(0.1, 10))
def test_a_shift_of_all_arms_cancels_and_a_scale_stays(rows, shift, scale) -> None:
    metrics = frame(arms_of(rows))
    moved = metrics.assign(value=scale * metrics["value"] + shift)
    numbers = ["mean", "std", "low", "high"]
    plain, after = (paired_differences(each, against="random")[numbers] for each in (metrics, moved))
    assert np.allclose(after, scale * plain, atol=1e-8)


@fewer
@given(columns, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random) -> None:
    metrics = frame(arms_of(rows))
    order = list(range(len(metrics)))
    random.shuffle(order)
    shuffled = paired_differences(metrics.iloc[order], against="x")
    pd.testing.assert_frame_equal(paired_differences(metrics, against="x"), shuffled)


@fewer
@given(columns)
def test_turned_around_the_difference_changes_its_sign(rows) -> None:
    metrics = frame(arms_of(rows))
    there = paired_differences(metrics, against="x").set_index("arm").loc["simcore"]
    back = paired_differences(metrics, against="simcore").set_index("arm").loc["x"]
    assert (back["mean"], back["low"], back["high"]) == pytest.approx((-there["mean"], -there["high"], -there["low"]))


def test_one_seed_has_a_difference_and_no_interval() -> None:
    (row,) = paired_differences(frame({"x": [0.7], "simcore": [0.9]}), against="x").to_dict("records")
    assert row["mean"] == pytest.approx(0.2)
    assert math.isnan(row["low"])


@pytest.mark.parametrize(
    ("x", "simcore", "verdict"),
    [
        ([0.70, 0.72, 0.71], [0.80, 0.81, 0.80], "above"),
        ([0.80, 0.81, 0.80], [0.70, 0.72, 0.71], "below"),
        ([0.79, 0.78], [0.80, 0.82], "not_told"),
        ([0.70], [0.80], "one_seed"),
        ([0.5, 0.25], [0.75, 0.5], "no_spread"),
        ([0.5, 0.25], [0.5, 0.25], "no_spread"),
    ],
)
def test_the_verdict_is_what_the_interval_shows(x, simcore, verdict) -> None:
    (row,) = paired_differences(frame({"x": x, "simcore": simcore}), against="x").to_dict("records")
    assert judge_difference(row) == verdict


def test_only_common_seeds_are_paired() -> None:
    metrics = frame({"x": [0.1, 0.2, 0.3, 0.4], "simcore": [0.2, 0.4]})
    metrics.loc[metrics["arm"] == "simcore", "seed"] = [3, 1]
    (row,) = paired_differences(metrics, against="x").to_dict("records")
    assert (row["n_seeds"], row["won"]) == (2, 0.5)
    assert (row["arm_mean"], row["against_mean"]) == pytest.approx((0.3, 0.3))
    metrics.loc[metrics["arm"] == "simcore", "seed"] = [7, 8]
    assert paired_differences(metrics, against="x").empty


def test_an_arm_without_seeds_stands_at_every_seed() -> None:
    metrics = frame({"pixels": [0.5], "simcore": [0.6, 0.7]})
    metrics["seed"] = metrics["seed"].astype("object").where(metrics["arm"] != "pixels", None)
    (row,) = paired_differences(metrics, against="pixels").to_dict("records")
    assert (row["n_seeds"], row["won"]) == (2, 1.0)
    assert row["mean"] == pytest.approx(0.15)
    (back,) = paired_differences(metrics, against="simcore").to_dict("records")
    assert back["mean"] == pytest.approx(-0.15)


def test_what_was_chosen_is_no_difference() -> None:
    rates = frame({"x": [1.0, 10.0], "simcore": [1.0, 1.0]}, measure=("linear", "learning_rate", "clean"))
    metrics = pd.concat([frame({"x": [0.5, 0.6], "simcore": [0.6, 0.8]}), rates])
    assert set(paired_differences(metrics, against="x")["metric"]) == {"top1"}


def test_an_unknown_arm_stops() -> None:
    with pytest.raises(InputError, match="no arm 'os', only simcore, x; name one of these"):
        paired_differences(frame({"x": [0.5], "simcore": [0.6]}), against="os")
