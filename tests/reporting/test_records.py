import pytest

from simcore.errors import InputError
from simcore.reporting.records import order_measures, read_named_records


def test_an_arm_that_is_not_named_is_refused(record) -> None:
    with pytest.raises(InputError, match="hold the arms y, but"):
        read_named_records([record("x", 0, 0.8), record("y", 0, 0.8)], arms=["x"], references=[])


def test_an_arm_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="name an arm twice"):
        read_named_records([], arms=["x"], references=["x"])


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
    assert order_measures(read_named_records(records, arms=["x"], references=[])) == wanted
