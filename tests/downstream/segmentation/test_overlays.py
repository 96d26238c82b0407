"""Pictures of masks: what is foreground is tinted, and the grid has its columns."""

import io

import numpy as np
import pytest
from PIL import Image

from simcore.downstream.segmentation import IGNORED, draw_grid, overlay_mask
from simcore.errors import InputError


def test_only_foreground_and_undecided_change() -> None:
    pixels = np.full((3, 2, 2), 100, dtype=np.uint8)
    image = overlay_mask(pixels, np.array([[0, 1], [IGNORED, 0]]))
    assert image[0, 0].tolist() == image[1, 1].tolist() == [100, 100, 100]
    assert image[0, 1, 0] > image[0, 1, 2]
    assert len(set(image[1, 0].tolist())) == 1
    assert image[1, 0, 0] > 100


def test_a_grid_shows_every_picture_where_it_belongs() -> None:
    shades = [[np.full((10, 10, 3), 10 * (3 * row + column), np.uint8) for column in range(3)] for row in range(2)]
    sheet = np.array(Image.open(io.BytesIO(draw_grid(shades, titles=["a", "b", "a very long title"], side=20, gap=4))))
    assert sheet.shape == (20 + 2 * 24, 4 + 3 * 24, 3)
    for row in range(2):
        for column in range(3):
            tile = sheet[20 + row * 24 : 40 + row * 24, 4 + column * 24 : 24 + column * 24]
            assert (tile == 10 * (3 * row + column)).all()
    assert (sheet[:20] < 128).any()  # titles
    large = draw_grid([[np.zeros((90, 45, 3), np.uint8)]], titles=["x"], side=30, gap=2)
    assert Image.open(io.BytesIO(large)).size == (34, 50)


def test_rows_and_titles_must_agree() -> None:
    with pytest.raises(InputError, match=r"A grid of 2 columns has rows of \[1\] pictures"):
        draw_grid([[np.zeros((2, 2, 3), np.uint8)]], titles=["a", "b"])
    with pytest.raises(InputError, match="A grid of 0 columns"):
        draw_grid([], titles=[])
