"""Pictures of masks laid over their images."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from simcore.downstream.legend import Colour
from simcore.downstream.segmentation.masks import IGNORED
from simcore.errors import InputError

# Okabe and Ito's vermillion and a grey: told apart with any colour vision.
_FOREGROUND = (213, 94, 0)
_UNDECIDED = (236, 236, 236)
_STRENGTH = 0.55
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)

LEGEND = (
    Colour("foreground", _FOREGROUND),
    Colour("undecided, does not count", _UNDECIDED),
    Colour("background: not tinted", _PAPER),
)
"""What is written above pictures of masks."""


def overlay_mask(pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the image with its foreground tinted and what is ignored greyed out, uint8 `(h, w, 3)`.

    Args:
        pixels: uint8 `(3, h, w)`.
        classes: `(h, w)`, 0, 1 or `IGNORED`.

    Example:
        >>> overlay_mask(np.zeros((3, 1, 2), np.uint8), np.array([[0, 1]]))[0].tolist()
        [[0, 0, 0], [117, 52, 0]]
    """
    image = pixels.transpose(1, 2, 0).astype(np.float32)
    for number, colour in ((1, _FOREGROUND), (IGNORED, _UNDECIDED)):
        where = classes == number
        image[where] = (1 - _STRENGTH) * image[where] + _STRENGTH * np.array(colour, dtype=np.float32)
    return image.round().astype(np.uint8)


def draw_grid(rows: Sequence[Sequence[np.ndarray]], *, titles: Sequence[str], side: int = 160, gap: int = 8) -> bytes:
    """Return one PNG: a line a row of pictures, a title above each column.

    Args:
        rows: Pictures uint8 `(h, w, 3)`, as many in each row as there are titles.
        titles: Of the columns.
        side: Longest side of a picture in the grid, in pixels; small ones grow by a whole factor.
        gap: Pixels between them.

    Raises:
        InputError: There is no picture, or a row has more or fewer than there are titles.

    Example:
        >>> png = draw_grid([[np.zeros((20, 20, 3), np.uint8)]], titles=["image"], side=40, gap=4)
        >>> Image.open(io.BytesIO(png)).size
        (48, 64)
    """
    if not rows or not titles or any(len(row) != len(titles) for row in rows):
        raise InputError(f"A grid of {len(titles)} columns has rows of {[len(row) for row in rows]} pictures.")
    head = 16 + gap
    sheet = Image.new("RGB", (gap + len(titles) * (side + gap), head + len(rows) * (side + gap)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = gap + column * (side + gap)
        pen.text((left, gap), _shorten(title, pen, side), fill=_INK)
        for line, row in enumerate(rows):
            picture = _fit(row[column], side)
            sheet.paste(picture, (left, head + line * (side + gap)))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _shorten(title: str, pen: ImageDraw.ImageDraw, width: int) -> str:
    """Return as much of the title as fits."""
    while title and pen.textlength(title) > width:
        title = title[:-1]
    return title


def _fit(pixels: np.ndarray, side: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    if longest > side:
        size = (max(1, round(picture.width * side / longest)), max(1, round(picture.height * side / longest)))
        return picture.resize(size, Image.Resampling.LANCZOS)
    factor = side // longest
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
