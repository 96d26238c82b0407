"""Describable Textures (DTD), by the first of its ten official splits."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import official
from simcore.images.sources.reader import Official, Reader, Request, Sign

_IMAGES = "images"
_LISTS = {"labels/train1.txt": "train", "labels/val1.txt": "train", "labels/test1.txt": "test"}


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield all 5,640 images of 47 textures: train1 and val1 are train (3,760), test1 is test (1,880).

    Reads `labels/{train1,val1,test1}.txt` (`<texture>/<file>` a line). The class is the key attribute of an image,
    which is its folder; labels_joint_anno.txt, which gives an image several attributes, is not read. train/<class>/ and
    test/<class>/ are read as well.

    torchvision's reader has the same lists one by one, but only below a folder dtd/dtd/.

    Raises:
        InputError: a list or a listed image is missing, or a line is not `<texture>/<file>`.
    """
    if official.find_root(path, _IMAGES, *_LISTS) is None:
        frames = official.folder_form(path, request, reader=READER)
        if frames is not None:
            yield from frames
            return
    root = official.require_root(path, _IMAGES, *_LISTS, reader=READER)
    yield official.split_lists_frame(root, _IMAGES, _LISTS, class_of=_texture_of, request=request, reader=READER)


def _texture_of(line: str, path: Path) -> str:
    texture, slash, _ = line.partition("/")
    if not slash:
        raise InputError(f"'{line}' in {path} is not <texture>/<file>; unpack the archive again.")
    return texture


READER = Reader(
    takes="Describable Textures (DTD) as it comes off the archive",
    recognises=official.recognised_by(*_LISTS),
    list_images=list_images,
    official=Official(
        title="Describable Textures (DTD)",
        folder="dtd",
        download="dtd-r1.0.1.tar.gz from the project page of the Describable Textures Dataset (VGG, Oxford)",
        signs=(
            Sign(
                (
                    "labels/labels_joint_anno.txt",
                    "imdb/imdb.mat",
                    "images/cobwebbed",
                    "images/lacelike",
                    "images/zigzagged",
                ),
                missing=" and ".join(_LISTS),
            ),
        ),
    ),
)
