"""Means and intervals of arms against scipy, and the laws they obey."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simcore.study import spread_over_seeds, summarise
from tests.study.worlds import arms_of, columns, fewer, frame


@fewer
@given(columns)
def test_the_interval_of_the_mean_is_that_of_scipy(rows) -> None:
    runs = arms_of(rows)
    summary = summarise(frame(runs)).set_index("arm")
    for arm, of_arm in runs.items():
        row = summary.loc[arm]
        assert row["mean"] == pytest.approx(np.mean(of_arm))
        assert row["std"] == pytest.approx(np.std(of_arm, ddof=1), abs=1e-12)
        assert (row["n_seeds"], row["n"]) == (len(of_arm), 1200)
        if row["std"] > 1e-6:
            expected = stats.t.interval(0.95, len(of_arm) - 1, loc=np.mean(of_arm), scale=stats.sem(of_arm))
            assert (row["low"], row["high"]) == pytest.approx(expected)


@fewer
@given(columns, st.floats(-5, 5), st.floats(0.1, 10))
def test_shift_and_scale(rows, shift, scale) -> None:
    metrics = frame(arms_of(rows))
    plain, after = summarise(metrics), summarise(metrics.assign(value=scale * metrics["value"] + shift))
    assert np.allclose(after["std"], scale * plain["std"], atol=1e-9)
    for column in ("mean", "low", "high"):
        assert np.allclose(after[column], scale * plain[column] + shift, atol=1e-8)


@fewer
@given(columns, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random) -> None:
    metrics = pd.concat([frame(arms_of(rows)), frame(arms_of(rows), measure=("knn", "top1", "clean k=20"))])
    order = list(range(len(metrics)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(summarise(metrics), summarise(metrics.iloc[order]))


def test_one_seed_has_no_interval() -> None:
    summary = summarise(frame({"x": [0.7], "simcore": [0.9]}))
    assert summary["n_seeds"].tolist() == [1, 1]
    assert summary[["std", "low", "high"]].isna().all(axis=None)


def test_no_value_has_no_mean() -> None:
    assert all(math.isnan(number) for number in spread_over_seeds(np.array([])).values())


def test_what_was_chosen_is_summarised_too() -> None:
    rates = frame({"x": [1.0, 10.0]}, measure=("linear", "learning_rate", "clean"))
    assert set(summarise(pd.concat([frame({"x": [0.5, 0.6]}), rates]))["metric"]) == {"top1", "learning_rate"}
