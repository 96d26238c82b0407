"""Caltech-UCSD Birds 200-2011: 200 species, with a box each and, from a second archive, a segmentation."""

import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Reader, Request, Sign

logger = logging.getLogger(__name__)

GREY_REASON = "grey image, left out as in the published split"
_MARKERS = ("images", "images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")
_SEGMENTATIONS = "segmentations"
_SPLITS = {"1": "train", "0": "test"}
_READERS = 16


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: 5,990 of train and 5,790 of test, and 4 grey ones of each that are left out.

    Reads `images.txt`, `image_class_labels.txt`, `classes.txt` and `train_test_split.txt` (1 is train), which name
    images by number. `label` is the class as `classes.txt` writes it, `001.Black_footed_Albatross`. Files with a
    single channel have the reason "grey image, left out as in the published split", so that kept and rejected add up to
    the official 5,994 and 5,794; that is read off the header of each file. `boxes` holds one [x0, y0, x1, y1] an image
    from `bounding_boxes.txt`, null where that is not there. `mask` is the segmentation, grey from 0 (background) to
    255, null where that archive (`segmentations/`, in the set's root or beside it) was not unpacked. train/<class>/ and
    test/<class>/ are read as well, and then nothing is left out.

    torchvision has no reader for this set.

    Raises:
        InputError: a list or an image is missing, or the lists do not agree.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    root = official.require_root(path, *_MARKERS, reader=READER)
    files = annotations.read_pairs(root / "images.txt")
    classes = annotations.read_pairs(root / "classes.txt")
    numbers = _look_up(files, root / "image_class_labels.txt")
    labels = [_known(classes, number, path=root / "image_class_labels.txt") for number in numbers]
    splits = [
        _known(_SPLITS, flag, path=root / "train_test_split.txt")
        for flag in _look_up(files, root / "train_test_split.txt")
    ]
    keys = [f"images/{file}" for file in files.values()]
    uris = official.check_files(root, keys, reader=READER)
    masks = _find_masks(root, list(files.values()))
    yield official.official_frame(
        root,
        keys,
        uris=uris,
        labels=labels,
        splits=splits,
        reasons=[GREY_REASON if grey else None for grey in are_grey(uris)],
        request=request,
        reader=READER,
        boxes=_read_boxes(files, root / "bounding_boxes.txt"),
        mask=masks,
        mask_coding=[None if mask is None else "probability" for mask in masks],
    )


def are_grey(paths: Sequence[str]) -> list[bool]:
    """Return whether each file holds one channel only, from its header; False where it cannot be read.

    Time: about 0.05 ms of processor time a file.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(_is_grey, paths))


def _is_grey(path: str) -> bool:
    try:
        with Image.open(path) as image:
            return len(image.getbands()) == 1
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # what is no image is found, and rejected with its own reason, when the images are decoded


def _look_up(files: dict[str, str], path: Path) -> list[str]:
    """Return what the list at `path` says of each image."""
    said = annotations.read_pairs(path)
    missing = next((number for number in files if number not in said), None)
    if missing is not None:
        raise InputError(f"{path} lacks image {missing} ({files[missing]}); unpack CUB_200_2011.tgz again.")
    return [said[number] for number in files]


def _known(meanings: dict[str, str], value: str, *, path: Path) -> str:
    if value not in meanings:
        raise InputError(f"{path} has the value '{value}', which nothing explains; unpack CUB_200_2011.tgz again.")
    return meanings[value]


def _read_boxes(files: dict[str, str], path: Path) -> list[list[list[float]] | None]:
    if not path.is_file():
        logger.info("%s is not there: the images have no boxes.", path)
        return [None] * len(files)
    boxes: list[list[list[float]] | None] = []
    for text in _look_up(files, path):
        x, y, width, height = annotations.to_numbers(text.split(), count=4, path=path)
        boxes.append([[x, y, x + width, y + height]])
    return boxes


def _beside(path: Path) -> list[Path]:
    root = official.find_root(path, *_MARKERS)
    folder = None if root is None else _above_masks(root.absolute())
    return [] if folder is None else official.outside(path, folder / _SEGMENTATIONS)


def _above_masks(root: Path) -> Path | None:
    return next((each for each in (root, root.parent) if (each / _SEGMENTATIONS).is_dir()), None)


def _find_masks(root: Path, files: Sequence[str]) -> list[str | None]:
    folder = _above_masks(root)
    if folder is None:
        logger.info("%s has no %s/: the images have no masks.", root, _SEGMENTATIONS)
        return [None] * len(files)
    return official.optional_files(
        folder, [f"{_SEGMENTATIONS}/{PurePosixPath(file).with_suffix('.png')}" for file in files]
    )


READER = Reader(
    takes="CUB-200-2011 as it comes off the archive",
    recognises=official.recognised_by("image_class_labels.txt", "train_test_split.txt", beside=(_SEGMENTATIONS,)),
    list_images=list_images,
    columns=("boxes", "mask", "mask_coding"),
    left_out=(GREY_REASON,),
    beside=_beside,
    official=Official(
        title="Caltech-UCSD Birds 200-2011",
        folder="CUB_200_2011",
        download="CUB_200_2011.tgz (and segmentations.tgz for masks) from the project page of CUB-200-2011 (Caltech)",
        signs=(
            Sign(
                ("images/001.Black_footed_Albatross", "images/002.Laysan_Albatross"), missing=" and ".join(_MARKERS[1:])
            ),
            Sign(("images",), missing=" and ".join(_MARKERS[1:]), of_root=re.compile("CUB_200_2011")),
        ),
    ),
)
