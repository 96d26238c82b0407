"""FGVC-Aircraft 2013b: variants, families and manufacturers of 10,000 photographs, with a box each."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, option_of

logger = logging.getLogger(__name__)

_LEVELS = ("variant", "family", "manufacturer")
_SPLITS = {"trainval": "train", "test": "test"}
_MARKER = "images_variant_trainval.txt"


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: train and val are train (6,667), test is test (3,333).

    Reads `data/images_<level>_<trainval|test>.txt` of all three levels ("id label", the label may hold blanks and
    slashes, as in `F/A-18`, and stays as it is), and `data/images_box.txt` where it is there. `label` is the variant
    (100), the family (70) or the manufacturer (30), by the option `level`; all three are columns. `boxes` holds one
    [x0, y0, x1, y1] an image as annotated: pixels counted from 1, last pixel included; a few reach beyond the image.
    train/<class>/ and test/<class>/ are read as well.

    torchvision's reader has the same list, one level at a time and without boxes.

    Raises:
        InputError: a list or an image is missing, or the levels do not name the same images.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    data = _find_data(path)
    names: dict[str, dict[str, str]] = {level: {} for level in _LEVELS}
    splits: dict[str, str] = {}
    for part, split in _SPLITS.items():
        for level in _LEVELS:
            listed = official.require(
                data / f"images_{level}_{part}.txt", what=f"the {level} of each image of {part}", reader=READER
            )
            pairs = annotations.read_pairs(listed)
            if level == _LEVELS[0]:
                annotations.check_apart(splits, pairs, path=listed)
                splits |= dict.fromkeys(pairs, split)
            elif set(pairs) != {image for image in splits if splits[image] == split}:
                raise InputError(
                    f"{listed} names other images than images_{_LEVELS[0]}_{part}.txt; unpack the archive again."
                )
            names[level] |= pairs
    boxes = _read_boxes(data / "images_box.txt")
    level = option_of(READER.options, request, "level")
    images = list(splits)
    columns = {each: [names[each][image] for image in images] for each in _LEVELS}
    yield official.official_frame(
        data.parent,
        [f"{data.name}/images/{image}.jpg" for image in images],
        labels=columns[level],
        splits=list(splits.values()),
        request=request,
        reader=READER,
        **columns,
        boxes=[boxes.get(image) for image in images],
    )


def _find_data(path: Path) -> Path:
    """Return the folder data/, which `path` is, or which lies one or two folders below it."""
    if (path / _MARKER).exists():
        return path.absolute()
    return official.require_root(path, f"data/{_MARKER}", reader=READER) / "data"


def _read_boxes(path: Path) -> dict[str, list[list[float]]]:
    if not path.is_file():
        logger.info("%s is not there: the images have no boxes.", path)
        return {}
    return {
        image: [annotations.to_box(corners.split(), path=path)]
        for image, corners in annotations.read_pairs(path).items()
    }


READER = Reader(
    takes="FGVC-Aircraft as it comes off the archive",
    recognises=official.recognised_by(f"data/{_MARKER}", "data/images_variant_test.txt", _MARKER),
    list_images=list_images,
    options=(Option("level", _LEVELS, _LEVELS[0], "what the label is, from fine to coarse"),),
    columns=(*_LEVELS, "boxes"),
    official=Official(
        title="FGVC-Aircraft",
        folder="fgvc-aircraft-2013b",
        download="fgvc-aircraft-2013b.tar.gz from the project page of FGVC-Aircraft (VGG, Oxford)",
        signs=(
            Sign(
                tuple(
                    f"{folder}{name}.txt"
                    for folder in ("data/", "")
                    for name in ("images_box", "images_family_trainval", "images_manufacturer_trainval")
                ),
                missing=f"data/{_MARKER}",
            ),
            Sign(("data/images", "images"), missing=f"data/{_MARKER}", of_root=re.compile("fgvc-aircraft-.*")),
        ),
    ),
)
