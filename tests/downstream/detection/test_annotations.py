"""Boxes are put right where it is clear how, and refused with file and key where it is not."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcore.downstream.detection import read_annotations
from simcore.errors import InputError


def manifest(boxes: Any, **change: Any) -> pd.DataFrame:
    """A train image of 48 x 40 pixels with `boxes`, and a test image that is in order."""
    row = {"uri": "/d/a.png", "label": "wren", "width": 48, "height": 40, "source": "d"}
    train = {"key": "a.png", "split": "train", **row, "boxes": boxes, **change}
    return pd.DataFrame([train, {"key": "b.png", "split": "test", **row, "boxes": [[1.0, 2.0, 9.0, 8.0]]}])


@pytest.mark.parametrize(
    ("given", "kept", "said"),
    [
        ([3, 4, 20, 30], [3, 4, 20, 30], ""),
        ([0, 0, 48, 40], [0, 0, 48, 40], ""),
        # A pixel too far is another way to count, and says nothing.
        ([-1, 5, 49, 41], [0, 5, 48, 40], ""),
        # Too low for 40 rows, but right with x and y swapped.
        ([10, 5, 30, 46], [5, 10, 46, 30], "x and y swapped"),
        # Fits in neither order, three quarters are inside.
        ([3, 5, 60, 41], [3, 5, 48, 40], "were clipped"),
    ],
)
def test_what_is_put_right(given: list[float], kept: list[float], said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read_annotations(manifest([given])).train["a.png"]
    assert found.boxes.tolist() == [kept]
    assert (found.width, found.height, found.classes.tolist()) == (48, 40, [0])
    assert said in caplog.text
    assert bool(caplog.text) == bool(said)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[20, 4, 3, 30]], r"\[20, 4, 3, 30\] of image 'a.png' \(/d/a.png, 48 x 40 pixels\) is inverted"),
        ([[3, 4, 3, 30]], "is inverted or empty"),
        ([[60, 27, 325, 304]], r"\[60, 27, 325, 304\] of image 'a.png' \(/d/a.png, 48 x 40.* lies outside its image"),
        ([[3, 4, 300, 40]], "lies outside its image, also with x and y swapped"),
        ([[-1, 4, 0, 30]], "lies outside its image; correct"),
        ([[1, 2, 3]], r"A box of image 'a.png' \(/d/a.png, .* is \[1, 2, 3\]; a box is four finite numbers"),
        ([[1, 2, 3, np.nan]], "four finite numbers"),
        ([["left", 2, 3, 4]], "four finite numbers"),
        (None, "None of the 1 train images has a box"),
        ([], "None of the 1 train images has a box"),
    ],
)
def test_what_is_refused(boxes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_annotations(manifest(boxes))
    assert "\n" not in str(caught.value)


def test_a_target_without_boxes_is_refused() -> None:
    for frame in (manifest([[1, 2, 3, 4]]).drop(columns="boxes"), manifest(None).assign(boxes=None)):
        with pytest.raises(InputError, match="The 2 images of `d` have no boxes, so there is nothing to detect"):
            read_annotations(frame)


def test_classes_are_those_of_the_data() -> None:
    annotations = read_annotations(manifest([[1, 2, 3, 4], [5, 6, 7, 8]], label="wren"))
    assert annotations.classes == ("wren",)
    assert annotations.train["a.png"].classes.tolist() == [0, 0]
    nameless = manifest([[1, 2, 3, 4]]).assign(label=None)
    assert read_annotations(nameless).classes == ("object",)
    with pytest.raises(InputError, match=r"Image 'a.png' \(/d/a.png\) has boxes but no label"):
        read_annotations(manifest([[1, 2, 3, 4]], label=None))
    with pytest.raises(InputError, match=r"Test image 'b.png' \(/d/a.png\) is of the class 'wren', of which no train"):
        read_annotations(manifest([[1, 2, 3, 4]], label="tit"))


def test_images_of_unknown_boxes_are_left_out_and_empty_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    frame = manifest([[1, 2, 3, 4]])
    more = [frame.iloc[0].to_dict() | {"key": key, "boxes": boxes} for key, boxes in (("c.png", None), ("d.png", []))]
    with caplog.at_level(logging.WARNING):
        annotations = read_annotations(pd.concat([frame, pd.DataFrame(more)], ignore_index=True))
    assert sorted(annotations.train) == ["a.png", "d.png"]
    assert annotations.train["d.png"].boxes.shape == (0, 4)
    assert "1 of 4 images have no boxes (the first is c.png)" in caplog.text
