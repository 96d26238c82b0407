"""Pictures of found boxes beside true ones."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from simcore.downstream.detection.annotations import Objects
from simcore.downstream.detection.fitting import Found
from simcore.downstream.legend import Colour

TRUE_COLOUR = (0, 114, 178)
"""Blue, the colour of true boxes."""
FOUND_COLOUR = (230, 159, 0)
"""Orange, of found ones; the two are told apart by everyone."""

LEGEND = (Colour("true", TRUE_COLOUR), Colour("predicted", FOUND_COLOUR))
"""What is written above pictures of boxes."""


def draw_boxes(
    image: np.ndarray,
    true: Objects,
    found: Found,
    *,
    classes: Sequence[str],
    side: int = 320,
    most: int = 3,
    least_score: float = 0.2,
) -> np.ndarray:
    """Return `image` with its true boxes in blue and the most certain found ones in orange, uint8 `(h, w, 3)`.

    Class names, and scores of what was found, are written at the boxes.

    Args:
        image: uint8 `(h, w, 3)`; its size may be reduced.
        true: What is there.
        found: What was found.
        classes: Class names.
        side: Longer side of the picture, in pixels.
        most: Found boxes drawn at most.
        least_score: Found boxes below are drawn only where there is no other.

    Example:
        >>> true = Objects(np.array([[2.0, 2.0, 8.0, 8.0]]), np.array([0]), width=10, height=10)
        >>> found = Found(np.array([[1.0, 1.0, 8.0, 8.0]]), np.array([0.9]), np.array([0]))
        >>> draw_boxes(np.zeros((10, 10, 3), dtype=np.uint8), true, found, classes=["wren"], side=100).shape
        (100, 100, 3)
    """
    scale = side / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    picture = Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    stretch = np.tile([size[0] / true.width, size[1] / true.height], 2)
    for box, number in zip(true.boxes * stretch, true.classes, strict=True):
        _draw(pen, box, TRUE_COLOUR, classes[int(number)], below=True, size=size)
    certain = max(1, int((found.scores >= least_score).sum()))
    rows = range(min(len(found.scores), most, certain))
    for row in rows:
        text = f"{classes[int(found.classes[row])]} {found.scores[row]:.2f}"
        _draw(pen, found.boxes[row] * stretch, FOUND_COLOUR, text, below=False, size=size)
    return np.asarray(picture)


def _draw(
    pen: ImageDraw.ImageDraw,
    box: np.ndarray,
    colour: tuple[int, int, int],
    text: str,
    *,
    below: bool,
    size: tuple[int, int],
) -> None:
    left, top, right, bottom = (float(value) for value in box)
    pen.rectangle((left, top, max(right, left), max(bottom, top)), outline=colour, width=2)
    font = ImageFont.load_default(size=12)
    _, _, width, height = pen.textbbox((0, 0), text, font=font)
    x = min(max(left, 0), max(size[0] - width - 4, 0))
    y = min(max(bottom - height - 4 if below else top, 0), max(size[1] - height - 4, 0))
    pen.rectangle((x, y, x + width + 4, y + height + 4), fill=colour)
    pen.text((x + 2, y + 1), text, fill=(255, 255, 255), font=font)
