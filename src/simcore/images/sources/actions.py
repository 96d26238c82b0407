"""Stanford 40 Actions: people at 40 everyday actions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import official
from simcore.images.sources.reader import Official, Reader, Request, Sign

_IMAGES = "JPEGImages"
_LISTS = {"ImageSplits/train.txt": "train", "ImageSplits/test.txt": "test"}
_NAME = re.compile(r"(?P<action>.+)_\d+\.\w+")


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images of the two official lists: 4,000 train, 5,532 test.

    Reads `ImageSplits/{train,test}.txt` (a file name a line). The class is the file name less its number:
    `riding_a_horse` of `riding_a_horse_017.jpg`. train/<class>/ and test/<class>/ are read as well.

    Raises:
        InputError: a list or a listed image is missing, or a listed name has no number.
    """
    if official.find_root(path, _IMAGES, *_LISTS) is None:
        frames = official.folder_form(path, request, reader=READER)
        if frames is not None:
            yield from frames
            return
    root = official.require_root(path, _IMAGES, *_LISTS, reader=READER)
    yield official.split_lists_frame(root, _IMAGES, _LISTS, class_of=_action_of, request=request, reader=READER)


def _action_of(line: str, path: Path) -> str:
    match = _NAME.fullmatch(line)
    if match is None:
        raise InputError(
            f"'{line}' in {path} is not an action with a number, such as riding_a_horse_017.jpg; "
            "unpack the archive again."
        )
    return match["action"]


READER = Reader(
    takes="Stanford 40 Actions as it comes off its archives",
    recognises=official.recognised_by(*_LISTS, beside=("__MACOSX",)),
    list_images=list_images,
    official=Official(
        title="Stanford 40 Actions",
        folder="Stanford40",
        download=(
            "Stanford40_JPEGImages.zip and Stanford40_ImageSplits.zip from the project page of Stanford 40 Actions, "
            "unpack both into one folder"
        ),
        signs=(
            Sign(
                (
                    "JPEGImages/applauding_001.jpg",
                    "JPEGImages/looking_through_a_microscope_002.jpg",
                    "JPEGImages/watching_TV_001.jpg",
                    "XMLAnnotations/applauding_001.xml",
                    "Stanford40_JPEGImages",
                    "Stanford40_ImageSplits",
                ),
                missing=" and ".join(_LISTS),
            ),
        ),
    ),
)
