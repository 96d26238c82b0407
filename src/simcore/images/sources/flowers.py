"""Oxford 102 Flower: 102 species from the British Isles."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Reader, Request, Sign

_MARKERS = ("jpg", "imagelabels.mat", "setid.mat")
_SPLITS = {"trnid": "train", "valid": "train", "tstid": "test"}


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: train and valid are train (1,020 each), test is test (6,149).

    Reads `imagelabels.mat` (the class of each image, from 1) and `setid.mat` (`trnid`, `valid`, `tstid`: numbers of
    images, from 1). `label` is the number of the class, "001" to "102": the download names no species, and zeros in
    front keep the order. train/<class>/ and test/<class>/ are read as well.

    Own code, since torchvision's reader keeps train and valid apart and numbers the classes from 0.

    Raises:
        InputError: an annotation or an image is missing.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    root = official.require_root(path, *_MARKERS, reader=READER)
    classes = annotations.mat_values(annotations.mat_variable(root / "imagelabels.mat", "labels"))
    splits: dict[int, str] = {}
    for name, split in _SPLITS.items():
        numbers = [int(number) for number in annotations.mat_values(annotations.mat_variable(root / "setid.mat", name))]
        annotations.check_apart(splits, numbers, path=root / "setid.mat")
        splits |= dict.fromkeys(numbers, split)
    outside = next((number for number in splits if not 1 <= number <= len(classes)), None)
    if outside is not None:
        raise InputError(
            f"{root / 'setid.mat'} names image {outside}, but imagelabels.mat has {len(classes)} classes of images; "
            "download both files again."
        )
    yield official.official_frame(
        root,
        [f"jpg/image_{number:05d}.jpg" for number in splits],
        labels=[f"{int(classes[number - 1]):03d}" for number in splits],
        splits=list(splits.values()),
        request=request,
        reader=READER,
    )


READER = Reader(
    takes="Oxford 102 Flower as it comes off the archive",
    recognises=official.recognised_by(*_MARKERS[1:]),
    list_images=list_images,
    official=Official(
        title="Oxford 102 Flower",
        folder="flowers-102",
        download="102flowers.tgz, imagelabels.mat and setid.mat from the project page of the 102 Category Flower "
        "Dataset (VGG, Oxford)",
        signs=(
            Sign(
                ("jpg",),
                missing=" and ".join(_MARKERS[1:]),
                entries=re.compile(r"image_\d{5}\.jpg", re.IGNORECASE),
                of_root=re.compile(".*flower.*", re.IGNORECASE),
            ),
        ),
    ),
)
