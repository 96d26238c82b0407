"""True boxes are blue, found ones orange, each where it is."""

import numpy as np

from simcore.downstream.detection import Found, Objects, draw_boxes
from simcore.downstream.detection.drawing import FOUND_COLOUR, TRUE_COLOUR


def test_boxes_are_drawn_where_they_are() -> None:
    image = np.zeros((50, 60, 3), dtype=np.uint8)
    true = Objects(np.array([[10.0, 20, 40, 45]]), np.array([1]), width=120, height=100)
    found = Found(np.array([[60.0, 10, 110, 90], [0, 0, 5, 5]]), np.array([0.9, 0.1]), np.array([0, 1]))
    picture = draw_boxes(image, true, found, classes=["wren", "tit"], side=240)
    assert picture.shape == (200, 240, 3)
    # Twice as large as in the manifest: the left edges, below and above their texts.
    assert tuple(picture[50, 20]) == TRUE_COLOUR
    assert tuple(picture[120, 120]) == FOUND_COLOUR
    # Too uncertain beside the other.
    assert tuple(picture[9, 5]) == (0, 0, 0)


def test_an_uncertain_box_is_drawn_where_it_is_the_only_one() -> None:
    image = np.zeros((50, 60, 3), dtype=np.uint8)
    nothing = Objects(np.zeros((0, 4)), np.zeros(0, dtype=int), width=60, height=50)
    lone = Found(np.array([[5.0, 5, 55, 45]]), np.array([0.06]), np.array([0]))
    assert tuple(draw_boxes(image, nothing, lone, classes=["wren"], side=60)[44, 30]) == FOUND_COLOUR
    none = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=int))
    assert not draw_boxes(image, nothing, none, classes=["wren"], side=60).any()
