"""Intersection over union against cases done by hand and a slow loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.downstream.segmentation import (
    IGNORED,
    SegmentationOutcome,
    count_pixels,
    intersection_over_union,
    mean_iou,
)
from simcore.errors import InputError


def test_by_hand() -> None:
    true = np.array([[1, 1, 0, 0], [1, 255, 0, 255]])
    predicted = np.array([[1, 0, 0, 1], [1, 1, 0, 0]])
    # Counted: foreground 3, of which 2 found; background 3, of which 2 found.
    confusion = count_pixels(true, predicted)
    assert confusion.tolist() == [[2, 1], [1, 2]]
    assert intersection_over_union(confusion) == pytest.approx([2 / 4, 2 / 4])
    outcome = SegmentationOutcome("clean", confusion, n=1, choices={"learning_rate": 0.1})
    assert outcome.records() == [
        {"evaluation": "segmentation", "metric": "iou_fg", "protocol": "clean", "value": 0.5, "n": 1},
        {"evaluation": "segmentation", "metric": "iou_bg", "protocol": "clean", "value": 0.5, "n": 1},
        {"evaluation": "segmentation", "metric": "miou", "protocol": "clean", "value": 0.5, "n": 1},
        {"evaluation": "segmentation", "metric": "learning_rate", "protocol": "clean", "value": 0.1, "n": 1},
    ]


def test_a_class_that_is_nowhere_has_no_iou() -> None:
    everything_background = count_pixels(np.zeros((2, 2), int), np.zeros((2, 2), int))
    assert intersection_over_union(everything_background)[0] == 1
    assert np.isnan(intersection_over_union(everything_background)[1])
    metrics = [record["metric"] for record in SegmentationOutcome("clean", everything_background, n=1).records()]
    assert metrics == ["iou_bg", "miou"]
    assert mean_iou(np.zeros((2, 2), int)) == 0
    # Never there but predicted: counts, with nothing right.
    assert intersection_over_union(np.array([[3, 1], [0, 0]])) == pytest.approx([0.75, 0])


@given(pixels=st.lists(st.tuples(st.sampled_from([0, 1, IGNORED]), st.sampled_from([0, 1])), min_size=1, max_size=60))
def test_as_a_slow_loop_counts(pixels) -> None:
    true, predicted = (np.array(each) for each in zip(*pixels, strict=True))
    found = intersection_over_union(count_pixels(true, predicted))
    for number in (0, 1):
        both = sum(t == number and p == number for t, p in pixels)
        either = sum(t != IGNORED and number in (t, p) for t, p in pixels)
        if either:
            assert found[number] == pytest.approx(both / either)
        else:
            assert np.isnan(found[number])


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="give one class a pixel"):
        count_pixels(np.zeros((2, 2)), np.zeros(4))
