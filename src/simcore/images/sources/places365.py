"""Places365, the images of 256 pixels, as they come off the archive."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.official import advice, find_alone, find_root, outside, read_list
from simcore.images.sources.pools import folder_frames, listed_frames, named_folders, train_split
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, option_of

logger = logging.getLogger(__name__)

_ARCHIVE_FOLDER = "data_256"
_CATEGORIES = "categories_places365.txt"
_LETTER = re.compile("[a-z]")

KNOWN_DAMAGED = (
    "a/airfield/00021054.jpg",
    "a/airport_terminal/00020865.jpg",
    "a/airport_terminal/00021622.jpg",
    "a/alley/00017667.jpg",
    "a/alley/00017729.jpg",
    "a/alley/00018289.jpg",
    "a/alley/00018892.jpg",
    "a/amusement_arcade/00007300.jpg",
)
"""Images of the challenge archive that are corrupt; the authors of SimCore delete them by hand."""

_DAMAGED = "it is known to be damaged in the official archive"
_VALIDATION, _VALIDATION_LIST = "val_256", "places365_val.txt"

_OPTIONS = (
    Option(
        "variant",
        ("challenge", "standard"),
        "challenge",
        "which train set: challenge (8.0 million images, the paper's) or standard (1.8 million)",
    ),
)


def recognises(path: str | Path) -> bool:
    """Return whether `path` is or holds data_256, data_256_challenge or data_256_standard with folders a to z."""
    return any(_find_train(Path(path), variant, find=find_alone) is not None for variant in _OPTIONS[0].allowed)


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the train images of the option `variant`; for a target those of val_256/, if listed, as test.

    They lie in data_256/ as the archive has it, or in data_256_<variant>/ as torchvision renames it. The label is the
    category as categories_places365.txt writes it, such as "/a/airfield" or "/b/bus_station/indoor"; where that file
    is missing it follows from the folders alike. Where places365_train_<variant>.txt is beside them, it says which
    images there are and each must exist; else all that lie there are taken. The images known to be corrupt are
    rejected without a look. torchvision's reader needs the lists, and keeps eight million paths in memory.

    Raises:
        InputError: there is no such folder, a listed image is missing, or a folder is no category.
    """
    variant = option_of(_OPTIONS, request, "variant")
    train = _find_train(Path(path), variant)
    if train is None:
        raise InputError(
            f"{path} is not {READER.takes}: it has neither {_ARCHIVE_FOLDER}/ nor {_ARCHIVE_FOLDER}_{variant}/ with "
            f"folders a/ to z/; {advice(READER)}"
        )
    root, below = train.parent, train.name
    categories = _read_categories(root / _CATEGORIES)
    validation = _find_validation(root) if request.role == "target" and categories else None
    if request.role == "target" and validation is None and (root / _VALIDATION).is_dir():
        logger.warning(
            "%s is left out and a test part is drawn from train: its classes are in places365_val.txt and %s, from the "
            "file lists of the Places2 project page, and not both lie in %s.",
            root / _VALIDATION,
            _CATEGORIES,
            root,
        )
    split = train_split(request, has_test=validation is not None)
    reasons = {f"{below}/{name}": _DAMAGED for name in KNOWN_DAMAGED} if variant == "challenge" else {}
    image_list = root / _train_list(variant)
    if image_list.is_file():
        yield from listed_frames(
            root,
            [image_list],
            below=below,
            label=lambda relative, _: relative.rpartition("/")[0],
            request=request,
            split=split,
            reader=READER,
            reasons=reasons,
        )
    else:
        yield from _category_frames(root, below, categories, request=request, split=split, reasons=reasons)
    if validation is not None:
        yield from listed_frames(
            root,
            [root / _VALIDATION_LIST],
            below=validation,
            label=lambda relative, number: _category_at(relative, number, categories),
            request=request,
            split="test",
            reader=READER,
        )


def _train_list(variant: str) -> str:
    return f"places365_train_{variant}.txt"


def _beside(path: Path) -> list[Path]:
    trains = (_find_train(path, variant) for variant in _OPTIONS[0].allowed)
    root = next((train.parent for train in trains if train is not None), None)
    names = (_CATEGORIES, *map(_train_list, _OPTIONS[0].allowed), _VALIDATION_LIST, _VALIDATION)
    return [] if root is None else outside(path, *(root / name for name in names))


def _find_train(path: Path, variant: str, *, find: Callable[..., Path | None] = find_root) -> Path | None:
    path = path.expanduser().absolute()
    names = (f"{_ARCHIVE_FOLDER}_{variant}", _ARCHIVE_FOLDER)
    if path.name in names and named_folders(path, _LETTER.fullmatch):
        return path
    for name in names:
        root = find(path, name)
        if root is not None and named_folders(root / name, _LETTER.fullmatch):
            return root.absolute() / name
    return None


def _find_validation(root: Path) -> str | None:
    return _VALIDATION if (root / _VALIDATION).is_dir() and (root / _VALIDATION_LIST).is_file() else None


def _read_categories(path: Path) -> dict[int, str]:
    """Return {number: category}, empty where the file is missing."""
    if not path.is_file():
        return {}
    lines = (line.rpartition(" ") for line in read_list(path))
    return {int(number): category for category, _, number in lines if number.isdecimal()}


def _category_frames(
    root: Path,
    below: str,
    categories: dict[int, str],
    *,
    request: Request,
    split: str | None,
    reasons: dict[str, str],
) -> Iterator[pd.DataFrame]:
    allowed = set(categories.values())
    for frame in folder_frames(root, below, request=request, split=split, label=_category_of):
        for category in _category_of(frame["key"].str.removeprefix(f"{below}/")).unique() if allowed else ():
            if category not in allowed:
                raise InputError(
                    f"{root / below}{category} is no category of {root / _CATEGORIES}; "
                    "move it away, or unpack the official archives again."
                )
        known = frame["key"].map(reasons).astype("str")
        yield frame.assign(reason=frame["reason"].fillna(known))


def _category_at(relative: str, number: int, categories: dict[int, str]) -> str:
    if number not in categories:
        raise InputError(
            f"'{relative}' is listed with category {number}, which {_CATEGORIES} does not have; "
            "unpack the file lists again."
        )
    return categories[number]


def _category_of(keys: pd.Series) -> pd.Series:
    """Return "/a/airfield" for "a/airfield/00000001.jpg"."""
    return "/" + keys.str.replace("/[^/]*$", "", regex=True)


READER = Reader(
    takes="Places365 (256 pixels) as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    options=_OPTIONS,
    left_out=(_DAMAGED,),
    beside=_beside,
    official=Official(
        title="Places365",
        folder="places365",
        download="train_256_places365challenge.tar (or ...standard.tar with `variant` standard) and the file lists "
        "from the Places2 project page",
        signs=(
            Sign(
                (
                    "val_256/Places365_val_00000001.jpg",
                    "data_large/a/airfield",
                    *map(_train_list, _OPTIONS[0].allowed),
                    _VALIDATION_LIST,
                    _CATEGORIES,
                ),
                missing=f"{_ARCHIVE_FOLDER}/ with folders a/ to z/",
            ),
        ),
    ),
)
