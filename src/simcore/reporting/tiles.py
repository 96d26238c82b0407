"""Gallery rows as data: PNG tiles with alternative texts and captions, and one picture of them all."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from simcore.errors import InputError


class Images(Protocol):
    """What a gallery needs of an image store: keys, and an image by position."""

    @property
    def keys(self) -> np.ndarray:
        """Keys of the images, in the store's order."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return image number `index`, uint8 (h, w, 3)."""


@dataclass(frozen=True)
class Tile:
    """One image of a gallery: PNG bytes, what a screen reader says, and what stands below it."""

    key: str
    png: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class TileGroup:
    """Images that belong together under one heading, such as the picks of one centroid."""

    title: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class GalleryRow:
    """One row of a gallery: groups side by side, such as nearest target images beside first picks."""

    title: str
    groups: tuple[TileGroup, ...]


def encode_tile(image: np.ndarray, *, side: int = 112) -> bytes:
    """Return `image` as PNG bytes with its longer side at most `side` pixels.

    Small images grow by a whole factor without smoothing, so that a reader sees their true pixels; large
    ones are averaged down. A grey image is stored with one channel.

    Args:
        image: uint8 (h, w, 3).
        side: longest side wanted, in pixels.

    Example:
        >>> png = encode_tile(np.zeros((28, 28, 3), dtype=np.uint8), side=112)
        >>> Image.open(io.BytesIO(png)).size
        (112, 112)
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    if (image == image[..., :1]).all():
        picture = picture.convert("L")
    longest = max(picture.size)
    if longest > side:
        scale = side / longest
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    elif side // longest > 1:
        factor = side // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


class Shelf:
    """Images of one store by key, made into tiles of one size."""

    def __init__(self, images: Images, *, side: int, kind: str) -> None:
        self._images = images
        self._side = side
        self._kind = kind
        self._rows = {str(key): row for row, key in enumerate(images.keys)}

    def tile(self, key: str, *, alt: str, caption: str = "") -> Tile:
        """Return the image `key` as a tile.

        Raises:
            InputError: the store does not hold `key`.
        """
        if key not in self._rows:
            raise InputError(
                f"The image {key!r} is not among the {self._kind} images ({len(self._rows)} keys); a gallery "
                "needs the store that its keys come from: pass that one."
            )
        return Tile(key, encode_tile(self._images[self._rows[key]], side=self._side), alt, caption)


def draw_gallery(rows: Sequence[GalleryRow], *, gap: int = 8) -> bytes:
    """Return the gallery as one PNG: a line a row, groups apart by a wider gap; captions are not drawn.

    For places that show pictures but no HTML (README, MLflow). Light grey between the tiles.

    Raises:
        InputError: there is nothing to draw.

    Example:
        >>> tile = Tile("a", encode_tile(np.zeros((28, 28, 3), dtype=np.uint8)), alt="a")
        >>> png = draw_gallery([GalleryRow("one", (TileGroup("picks", (tile, tile)),))])
        >>> Image.open(io.BytesIO(png)).size
        (248, 128)
    """
    lines = [[[Image.open(io.BytesIO(tile.png)) for tile in group.tiles] for group in row.groups] for row in rows]
    if not any(tile for line in lines for group in line for tile in group):
        raise InputError("The gallery has no image; drawing needs one or more: leave the picture out.")
    column = max(picture.width for line in lines for group in line for picture in group)
    height = max(picture.height for line in lines for group in line for picture in group)
    # Groups start at the same place in every line, at the width of the largest group in that place.
    places = [max(len(line[g]) if g < len(line) else 0 for line in lines) for g in range(max(map(len, lines)))]
    starts = [gap + sum(places[:g]) * (column + gap) + g * 3 * gap for g in range(len(places))]
    width = starts[-1] + places[-1] * (column + gap)
    sheet = Image.new("RGB", (width, gap + len(lines) * (height + gap)), (236, 236, 236))
    for number, line in enumerate(lines):
        for start, group in zip(starts, line, strict=False):
            for position, picture in enumerate(group):
                sheet.paste(picture, (start + position * (column + gap), gap + number * (height + gap)))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
