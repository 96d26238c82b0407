"""Masks of images: foreground, background, and what does not count."""

import hashlib
import io
import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from simcore.downstream.naming import name_images
from simcore.errors import InputError, in_a_line
from simcore.images.encoded import Encoded, UnreadableError, map_images
from simcore.images.verify import usable_workers
from simcore.progress import progress

logger = logging.getLogger(__name__)

CLASSES = ("background", "foreground")
"""What a pixel can be; the numbers of masks are positions here."""

IGNORED = 255
"""Number of pixels that neither train nor count: undecided ones, and the padding of views."""

_UNKNOWN = 254
_GREY_MODES = ("L", "P", "1")


def _table(values: Mapping[int, int]) -> np.ndarray:
    table = np.full(256, _UNKNOWN, dtype=np.uint8)
    table[list(values)] = list(values.values())
    return table


_LEAST_FOREGROUND, _LEAST_UNDECIDED = 205, 51

CODINGS: dict[str, np.ndarray] = {
    "trimap": _table({0: IGNORED, 1: 1, 2: 0, 3: IGNORED}),
    "probability": _table(
        {
            value: 1 if value >= _LEAST_FOREGROUND else IGNORED if value >= _LEAST_UNDECIDED else 0
            for value in range(256)
        }
    ),
}
"""Class of each of 256 pixel values, by the word in the manifest's column `mask_coding`. `trimap`: 1 foreground, 2
background, 3 undecided, 0 padding. `probability`: below 51 background, above 204 foreground, undecided in between."""

_MEANINGS = {"trimap": "0 (padding), 1 (foreground), 2 (background) and 3 (undecided)"}


@dataclass(frozen=True)
class Masks:
    """The masks of a manifest's images by key, encoded as they came.

    Attributes:
        data: Bytes of the mask's file by key.
        codings: What its values mean, a word of `CODINGS`, by key.
        digest: What tells these masks from others: it is part of a run's fingerprint.
    """

    data: Mapping[str, bytes] = field(repr=False)
    codings: Mapping[str, str] = field(repr=False)
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Work out the digest."""
        total = hashlib.sha256()
        for key in sorted(self.data):
            total.update(f"{key}\0{self.codings[key]}\0".encode())
            total.update(hashlib.sha256(self.data[key]).digest())
        object.__setattr__(self, "digest", total.hexdigest()[:16])

    def picture(self, key: str) -> Image.Image:
        """Return the class of each pixel of the mask of image `key`, 0, 1 or `IGNORED`, as an 8-bit grey image."""
        return Image.fromarray(CODINGS[self.codings[key]][_read_values(self.data[key])])


@dataclass(frozen=True, eq=False)
class MaskedTarget:
    """The images of a target that have a mask.

    Attributes:
        train: Their rows of the manifest.
        test: Likewise.
        masks: Of both.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    masks: Masks


def read_masked_target(manifest: pd.DataFrame, *, show_progress: bool = False) -> MaskedTarget:
    """Return the images of a target that have a mask, all masks read and checked before anything is trained.

    Args:
        manifest: With the columns `mask` and `mask_coding`.
        show_progress: Show bars.

    Raises:
        InputError: As `masked_part` and `read_masks`, for either split.
    """
    train, test = (masked_part(manifest, split) for split in ("train", "test"))
    read = [read_masks(part, show_progress=show_progress) for part in (train, test)]
    return MaskedTarget(
        train,
        test,
        Masks({**read[0].data, **read[1].data}, {**read[0].codings, **read[1].codings}),
    )


def masked_part(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the images of a split that have a mask; how many have none is logged.

    Args:
        manifest: With the columns `mask` and `mask_coding`.
        split: `train` or `test`.

    Raises:
        InputError: No image of the split has a mask.

    Example:
        >>> manifest = pd.DataFrame({"key": ["a.jpg"], "uri": ["/d/a.jpg"], "split": ["test"], "source": ["d"]})
        >>> masked_part(manifest, "test")
        Traceback (most recent call last):
        simcore.errors.InputError: The 1 images of `d` (the first is 'a.jpg', /d/a.jpg) have no masks, so nothing can \
be segmented; use a target that brings them, such as Oxford-IIIT Pet (annotations/trimaps/) or CUB-200-2011 \
(segmentations/).
    """
    if "mask" not in manifest or manifest["mask"].isna().all():
        raise InputError(
            f"The {name_images(manifest)} have no masks, so nothing can be segmented; use a target that brings them, "
            "such as Oxford-IIIT Pet (annotations/trimaps/) or CUB-200-2011 (segmentations/)."
        )
    part = manifest[manifest["split"] == split]
    found = part[part["mask"].notna()]
    if found.empty:
        raise InputError(
            f"None of the {name_images(manifest, split=split)} has a mask; segmentation trains on those of train and "
            "is measured on those of test."
        )
    if len(found) < len(part):
        first = part[part["mask"].isna()].iloc[0]
        logger.warning(
            "%d of the %d %s images have no mask and are left out, the first is '%s' (%s).",
            len(part) - len(found),
            len(part),
            split,
            first["key"],
            first["uri"],
        )
    return found.reset_index(drop=True)


def read_masks(part: pd.DataFrame, *, show_progress: bool = False) -> Masks:
    """Return the masks of the images of `part`, all of them read and checked.

    Cost: the encoded bytes in memory (a trimap of 500 x 375 pixels takes about 10 KB), and one decoding of each.

    Args:
        part: Rows of a manifest with `key`, `uri`, `width`, `height`, `mask`, `mask_coding`, such as `masked_part`
            returns.
        show_progress: Show a bar.

    Raises:
        InputError: A mask cannot be read, has another size than its image, holds a value that its coding does not
            know, or has an unknown coding; or all masks together lack one of the two classes.
    """
    rows = part[["key", "uri", "mask", "mask_coding", "width", "height"]].to_dict("records")
    for row in rows:
        if row["mask_coding"] not in CODINGS:
            raise InputError(
                f"The mask {row['mask']} of image '{row['key']}' has the coding {row['mask_coding']!r} in the "
                f"manifest; known are {', '.join(CODINGS)}."
            )

    def check(position: int, image: Encoded) -> tuple[bytes, np.ndarray]:
        row = rows[position]
        try:
            data = image.read()
            values = _read_values(data)
        except (UnreadableError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(
                f"The mask {row['mask']} of image '{row['key']}' cannot be read ({in_a_line(error)}); unpack it again, "
                "or take it out of the manifest."
            ) from error
        return data, _count(values, row)

    found = map_images(check, [row["mask"] for row in rows], workers=usable_workers(None))
    data: dict[str, bytes] = {}
    counts = np.zeros(256, dtype=np.int64)
    bar = progress(found, description="read masks", total=len(rows), unit="mask", shown=show_progress)
    for position, (content, classes) in bar:
        data[rows[position]["key"]] = content
        counts += classes
    missing = [name for number, name in enumerate(CLASSES) if counts[number] == 0]
    if missing:
        raise InputError(
            f"The {len(rows)} masks, from {rows[0]['mask']} of image '{rows[0]['key']}' on, hold no pixel of the "
            f"{' or of the '.join(missing)}; segmentation needs both classes, so look whether `mask_coding` is right."
        )
    return Masks(data, {row["key"]: row["mask_coding"] for row in rows})


def _read_values(data: bytes) -> np.ndarray:
    """Return the pixel values of a mask: of a palette its numbers, of colours that are grey their level."""
    with Image.open(io.BytesIO(data)) as opened:
        if opened.mode in _GREY_MODES:
            return np.array(opened.convert("L") if opened.mode == "1" else opened)
        if opened.mode in ("LA", "RGB", "RGBA"):
            values = np.array(opened)
            colours = values[..., :1] if opened.mode == "LA" else values[..., :3]
            if (colours == colours[..., :1]).all():
                return np.ascontiguousarray(colours[..., 0])
        raise UnreadableError(f"its pixels are {opened.mode}, but a mask has one channel of 8 bits")


def _count(values: np.ndarray, row: Mapping[Hashable, Any]) -> np.ndarray:
    """Return how many pixels have each class, `(256,)`, after checking size and values."""
    height, width = values.shape
    if (width, height) != (row["width"], row["height"]):
        raise InputError(
            f"The mask {row['mask']} of image '{row['key']}' has {width} x {height} pixels, the image "
            f"{row['uri']} {row['width']} x {row['height']}; a mask has the size of its image."
        )
    coding = str(row["mask_coding"])
    given = np.bincount(values.ravel(), minlength=256)
    unknown = np.flatnonzero((given > 0) & (CODINGS[coding] == _UNKNOWN))
    if len(unknown):
        raise InputError(
            f"The mask {row['mask']} of image '{row['key']}' holds the value {unknown[0]}; a {coding} has "
            f"{_MEANINGS[coding]}."
        )
    return np.bincount(CODINGS[coding], weights=given, minlength=256).astype(np.int64)
