"""MIT-67, Indoor Scene Recognition: 67 rooms and halls, about 80 train and 20 test images of each."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import official
from simcore.images.sources.reader import Official, Reader, Request, Sign

_IMAGES = ("Images", "indoorCVPR_09/Images")
_LISTS = {"TrainImages.txt": "train", "TestImages.txt": "test"}


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images of the two official lists: 5,360 train, 1,340 test.

    Reads `TrainImages.txt` and `TestImages.txt` (`<scene>/<file>` a line), which are downloads of their own and lie
    beside `Images/`, or beside a folder `indoorCVPR_09/` that holds it. The archive has 15,620 images; those on neither
    list are left out. train/<class>/ and test/<class>/ are read as well.

    Raises:
        InputError: a list or a listed image is missing, or a line is not `<scene>/<file>`.
    """
    images = next((images for images in _IMAGES if official.find_root(path, images, *_LISTS) is not None), None)
    if images is None:
        frames = official.folder_form(path, request, reader=READER)
        if frames is not None:
            yield from frames
            return
        images = _IMAGES[0]
    root = official.require_root(path, images, *_LISTS, reader=READER)
    yield official.split_lists_frame(root, images, _LISTS, class_of=_scene_of, request=request, reader=READER)


def _scene_of(line: str, path: Path) -> str:
    scene, slash, _ = line.partition("/")
    if not slash:
        raise InputError(f"'{line}' in {path} is not <scene>/<file>; download the list again.")
    return scene


READER = Reader(
    takes="MIT-67 (Indoor Scene Recognition) as it comes off the archive",
    recognises=official.recognised_by(*_LISTS),
    list_images=list_images,
    official=Official(
        title="MIT-67 Indoor Scene Recognition",
        folder="indoorCVPR_09",
        download=(
            "indoorCVPR_09.tar, TrainImages.txt and TestImages.txt from the project page of Indoor Scene Recognition "
            "(MIT), put the two lists beside Images/"
        ),
        signs=(
            Sign(
                ("Images/airport_inside", "Images/inside_subway", "Images/studiomusic", _IMAGES[1]),
                missing=" and ".join(_LISTS),
            ),
        ),
    ),
)
