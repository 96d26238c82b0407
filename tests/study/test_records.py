"""Records that cannot be compared stop before anything is computed from them."""

import math

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.study import best_arms, paired_differences, read_records, summarise
from simcore.study.records import FIELDS
from tests.study.worlds import frame


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda metrics: metrics.drop(columns=["n", "seed"]), "lack seed, n"),
        (lambda metrics: metrics.assign(value=math.nan), "not a finite number .x, seed 0, linear top1"),
        (lambda metrics: metrics.assign(value=math.inf), "not a finite number"),
        (lambda metrics: pd.concat([metrics, metrics]), "two values for x, seed 0, linear top1"),
        (lambda metrics: metrics.assign(n=[1200, 1200, 1300, 1200]), "measured on 1200 and on 1300 images"),
    ],
)
def test_broken_records_stop(broken, said) -> None:
    metrics = broken(frame({"x": [0.5, 0.6], "simcore": [0.6, 0.8]}))
    for use in (read_records, summarise, best_arms, lambda each: paired_differences(each, against="x")):
        with pytest.raises(InputError, match=said):
            use(metrics)


@pytest.mark.parametrize("field", FIELDS)
def test_a_record_without_a_field_is_refused(field) -> None:
    (record,) = frame({"x": [0.8]}).to_dict("records")
    del record[field]
    with pytest.raises(InputError, match=f"lacks {field}; every record needs"):
        read_records([record])


def test_a_seed_beside_an_empty_one_is_written_as_it_is() -> None:
    records = frame({"x": [0.8, 0.8], "pixels": [0.5]}).to_dict("records")
    records[2]["seed"] = None
    with pytest.raises(InputError, match="two values for x, seed 1, linear"):
        read_records([*records, records[1]])
    with pytest.raises(InputError, match="two values for pixels, without seed, linear"):
        read_records([*records, records[2]])


def test_records_and_their_frame_are_read_alike() -> None:
    metrics = frame({"x": [0.5, 0.6], "simcore": [0.6, 0.8]}).assign(dataset="pets")
    read = read_records(metrics.to_dict("records")[::-1])
    pd.testing.assert_frame_equal(read, read_records(metrics))
    assert read[["arm", "seed"]].to_numpy().tolist() == [["simcore", 0], ["simcore", 1], ["x", 0], ["x", 1]]
