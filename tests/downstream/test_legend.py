"""A legend stands above a picture and changes none of its pixels."""

import io
from itertools import pairwise

import numpy as np
from PIL import Image

from simcore.downstream import detection, segmentation
from simcore.downstream.legend import Colour, add_legend


def encode(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


def decode(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))


def swatches(strip: np.ndarray) -> list[tuple[int, ...]]:
    """Return the colours of the squares from left to right: runs of ten equal pixels or more in their middle row."""
    row = [tuple(int(value) for value in pixel) for pixel in strip[14]]
    ends = [0, *(place for place in range(1, len(row)) if row[place] != row[place - 1]), len(row)]
    runs = [(row[first], last - first) for first, last in pairwise(ends)]
    return [colour for colour, length in runs if length == 10]


def test_colours_stand_above_the_picture_in_their_order() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 400, 3), dtype=np.uint8)
    colours = [Colour("true", (0, 114, 178)), Colour("predicted", (230, 159, 0))]
    shown = decode(add_legend(encode(picture), colours))
    assert (shown[-30:] == picture).all()
    assert swatches(shown[:-30]) == [colour.rgb for colour in colours]


def test_names_are_written_and_a_narrow_picture_gets_room_for_them() -> None:
    picture = np.zeros((30, 4, 3), dtype=np.uint8)
    true, found = (decode(add_legend(encode(picture), [Colour(name, (0, 0, 0))])) for name in ("true", "predicted"))
    assert found.shape[1] > true.shape[1] > 40
    assert (true[:-30, 30:] < 128).any()


def test_pictures_of_boxes_say_true_and_predicted_and_those_of_masks_what_is_tinted() -> None:
    assert [(each.name, each.rgb) for each in detection.LEGEND] == [
        ("true", detection.drawing.TRUE_COLOUR),
        ("predicted", detection.drawing.FOUND_COLOUR),
    ]
    # On white, the tints are the colours of the legend mixed with it.
    classes = np.array([[1, segmentation.IGNORED, 0]])
    drawn = segmentation.overlay_mask(np.full((3, 1, 3), 255, dtype=np.uint8), classes)[0].astype(int)
    names = [each.name for each in segmentation.LEGEND]
    assert names == ["foreground", "undecided, does not count", "background: not tinted"]
    for pixel, each in zip(drawn, segmentation.LEGEND, strict=True):
        assert np.abs(pixel - (0.45 * 255 + 0.55 * np.array(each.rgb))).max() <= 1
