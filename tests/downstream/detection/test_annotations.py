"""Boxes are put right where it is clear how, and refused with file and key where it is not."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from simcore.downstream.detection import read_annotations
from simcore.errors import InputError
from simcore.images import read_source
from tests.images.sources.miniatures.aircraft import make_aircraft
from tests.images.sources.miniatures.cars import make_cars


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
        # A pixel too far is another way to count, and no reason to warn.
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


def test_boxes_that_were_put_right_are_counted_and_the_first_is_named(caplog: pytest.LogCaptureFixture) -> None:
    frame = manifest([[3, 4, 20, 30]])
    boxes = [[[3, 5, 60, 41]], [[3, 5, 60, 41], [4, 5, 60, 41]], [[10, 5, 30, 46]], [[-1, 5, 49, 41], [0, 5, 48, 40]]]
    first = frame.iloc[0].to_dict()
    more = [first | {"key": f"{n}.png", "uri": f"/d/{n}.png", "boxes": each} for n, each in enumerate(boxes)]
    with caplog.at_level(logging.INFO):
        read_annotations(pd.concat([frame, pd.DataFrame(more)], ignore_index=True))
    assert {(record.levelname, record.getMessage()) for record in caplog.records} == {
        (
            "WARNING",
            "3 box(es) reached further beyond their image and were clipped, the first is of image '0.png' (/d/0.png).",
        ),
        (
            "WARNING",
            "1 box(es) reached further beyond their image and were taken with x and y swapped, the first is of image "
            "'2.png' (/d/2.png).",
        ),
        (
            "INFO",
            "1 box(es) reached a pixel or less beyond their image and were clipped, the first is of image '3.png' "
            "(/d/3.png).",
        ),
    }


def test_inverted_boxes_of_official_downloads_are_refused(tmp_path: Path) -> None:
    make_aircraft(tmp_path / "aircraft")
    listed = tmp_path / "aircraft" / "data" / "images_box.txt"
    lines = listed.read_text().splitlines()
    image, left, top, right, bottom = lines[5].split()
    lines[5] = f"{image} {right} {top} {left} {bottom}"
    listed.write_text("\n".join(lines))
    manifest = read_source(f"aircraft:{tmp_path / 'aircraft'}").manifest
    said = rf"\[{right}, {top}, {left}, {bottom}\] of image 'data/images/{image}.jpg' \(.*/{image}.jpg, .*inverted"
    with pytest.raises(InputError, match=said):
        read_annotations(manifest)

    make_cars(tmp_path / "cars")
    path = tmp_path / "cars" / "cars_annos.mat"
    variables = {name: each for name, each in scipy.io.loadmat(path).items() if not name.startswith("__")}
    of = variables["annotations"]
    of["bbox_y1"][0, 0], of["bbox_y2"][0, 0] = of["bbox_y2"][0, 0], of["bbox_y1"][0, 0]
    scipy.io.savemat(path, variables)
    with pytest.raises(InputError, match=r"of image 'car_ims/000001.jpg' \(.*/000001.jpg, .* is inverted or empty"):
        read_annotations(read_source(f"cars:{tmp_path / 'cars'}").manifest)


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
        (None, r"None of the 1 train images of `d` \(the first is 'a.png', /d/a.png\) has a box"),
        ([], r"None of the 1 train images of `d` \(the first is 'a.png', /d/a.png\) has a box"),
    ],
)
def test_what_is_refused(boxes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_annotations(manifest(boxes))
    assert "\n" not in str(caught.value)


def test_a_target_without_boxes_is_refused() -> None:
    said = r"The 2 images of `d` \(the first is 'a.png', /d/a.png\) have no boxes, so there is nothing to detect"
    for frame in (manifest([[1, 2, 3, 4]]).drop(columns="boxes"), manifest(None).assign(boxes=None)):
        with pytest.raises(InputError, match=said):
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
    assert "1 of 4 images have no boxes and are left out, the first is 'c.png' (/d/a.png)." in caplog.text
