import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simcore.errors import InputError
from simcore.reporting.records import FIELDS, order_measures, read_records, spread_over_seeds

finite = st.floats(-100, 100)


@settings(deadline=None)
@given(st.lists(finite, min_size=2, max_size=30))
def test_spread_equals_the_textbook_interval(values: list[float]) -> None:
    spread = spread_over_seeds(np.array(values))
    mean, std = sum(values) / len(values), np.std(values, ddof=1)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=std / math.sqrt(len(values)) or 1e-300)
    assert spread["mean"] == pytest.approx(mean, abs=1e-9)
    assert spread["std"] == pytest.approx(std, abs=1e-9)
    assert (spread["low"], spread["high"]) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_one_value_has_no_spread() -> None:
    spread = spread_over_seeds(np.array([0.8]))
    assert spread["mean"] == 0.8
    assert all(math.isnan(spread[name]) for name in ("std", "low", "high"))


@pytest.mark.parametrize("field", FIELDS)
def test_a_record_without_a_field_is_refused(record, field) -> None:
    broken = record("x", 0, 0.8)
    del broken[field]
    with pytest.raises(InputError, match=f"lacks {field}"):
        read_records([broken], arms=["x"], references=[])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"arm": "y"}, "hold the arms y"),
        ({}, "two values for x, seed 0, linear top1"),
        ({"seed": 1, "value": float("nan")}, "not a finite number .x, seed 1"),
        ({"seed": 1, "value": float("inf")}, "not a finite number"),
        ({"seed": 1, "n": 1100}, "measured on 1100 and on 1200 images"),
    ],
)
def test_records_that_cannot_be_compared_are_refused(record, second, message) -> None:
    first = record("x", 0, 0.8)
    with pytest.raises(InputError, match=message):
        read_records([first, {**first, **second}], arms=["x"], references=[])


def test_an_arm_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="name an arm twice"):
        read_records([], arms=["x"], references=["x"])


def test_measures_come_in_the_stated_order(record) -> None:
    wanted = [
        ("linear", "top1", "clean"),
        ("linear", "mean_per_class", "clean"),
        ("linear", "a_metric", "clean"),
        ("knn", "top1", "clean k=20"),
        ("attributes", "top1", "clean"),
        ("label_free", "alignment", "unit"),
    ]
    records = [
        record("x", 0, 0.5, evaluation=evaluation, metric=metric, protocol=protocol)
        for evaluation, metric, protocol in reversed(wanted)
    ]
    assert order_measures(read_records(records, arms=["x"], references=[])) == wanted
