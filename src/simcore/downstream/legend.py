"""What the colours of a picture stand for, written above it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_PAPER = (255, 255, 255)
_INK = (40, 40, 40)
_GAP = 8
_SWATCH = 12
_LINE = _SWATCH + 2 * _GAP


@dataclass(frozen=True)
class Colour:
    """A colour and what it stands for.

    Attributes:
        name: What it stands for.
        rgb: Three values from 0 to 255.
    """

    name: str
    rgb: tuple[int, int, int]


def add_legend(png: bytes, colours: Sequence[Colour]) -> bytes:
    """Return the PNG under a line that has a square of each colour and its name; a narrow picture becomes wider.

    Example:
        >>> buffer = io.BytesIO()
        >>> Image.new("RGB", (300, 40)).save(buffer, format="PNG")
        >>> Image.open(io.BytesIO(add_legend(buffer.getvalue(), [Colour("true", (0, 114, 178))]))).size
        (300, 68)
    """
    font = ImageFont.load_default(size=_SWATCH)
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    widths = [_SWATCH + _GAP + round(font.getlength(colour.name)) + 2 * _GAP for colour in colours]
    sheet = Image.new("RGB", (max(picture.width, _GAP + sum(widths)), _LINE + picture.height), _PAPER)
    sheet.paste(picture, (0, _LINE))
    pen = ImageDraw.Draw(sheet)
    left = _GAP
    for colour, width in zip(colours, widths, strict=True):
        pen.rectangle((left, _GAP, left + _SWATCH - 1, _GAP + _SWATCH - 1), fill=colour.rgb, outline=_INK)
        pen.text((left + _SWATCH + _GAP, _GAP + _SWATCH // 2), colour.name, fill=_INK, font=font, anchor="lm")
        left += width
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
