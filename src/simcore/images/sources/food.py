"""Food-11: eleven kinds of food, in class folders (Kaggle) or in files named by class (EPFL)."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import folder, official
from simcore.images.sources.folder import IMAGE_SUFFIXES
from simcore.images.sources.reader import Official, Reader, Request, Sign

CLASSES = (
    "Bread",
    "Dairy product",
    "Dessert",
    "Egg",
    "Fried food",
    "Meat",
    "Noodles-Pasta",
    "Rice",
    "Seafood",
    "Soup",
    "Vegetable-Fruit",
)
"""Classes by their number in EPFL's file names, written as Kaggle's folders are."""

_PARTS = {
    "training": ("training", "train"),
    "validation": ("validation", "val", "valid"),
    "evaluation": ("evaluation", "test", "testing"),
}
_SPLITS = {"training": "train", "validation": "train", "evaluation": "test"}
_CLASS_FOLDERS = {"training": "train", "evaluation": "test"}
_BASES = ("", "raw/")
_NUMBERED = re.compile(r"(?P<number>10|[0-9])_[0-9]+\.\w+")
_GLANCE = 64


def recognises(path: str | Path) -> bool:
    """Return whether `path`, or its only folder, has two of the three parts, with nothing but Food-11's classes.

    train/ and test/ alone are class folders like those of other sets.
    """
    names = (base + name for base in _BASES for part in _PARTS.values() for name in part)
    if not official.recognised_by(*names)(path):
        return False
    root, parts = _find_parts(path)
    if len(parts) < 2 or parts == _CLASS_FOLDERS:  # noqa: PLR2004
        return False
    return all(_is_food(root / part) for part in parts.values())


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield all images: training (9,866) and validation (3,430) are train, evaluation (3,347) is test.

    Takes the folders training/, validation/ and evaluation/, also as train/, val/ and test/, with class folders in them
    (Kaggle) or files called `<class number>_<n>.jpg` (EPFL), whose numbers become `CLASSES`; and the same inside raw/,
    where the scripts of the paper look for them. A key keeps the folder of its part, since training and validation
    use the same file names. train/<class>/ and test/<class>/ without validation are read as well.

    Raises:
        InputError: a part is missing or empty, or the class of an image is not known.
    """
    root, parts = _find_parts(path)
    if len(parts) < len(_PARTS):
        frames = None if "validation" in parts else official.folder_form(path, request, reader=READER)
        if frames is not None:
            yield from frames
            return
        missing = next(part for part in _PARTS if part not in parts)
        above = (root / next(iter(parts.values()), missing)).parent
        official.require(above / missing, what=f"the {missing} images", reader=READER)
    for part, split in _SPLITS.items():
        if split == "train" or request.role == "target":
            yield from _list_part(root, parts[part], split=split, request=request)


def _find_parts(path: Path | str) -> tuple[Path, dict[str, str]]:
    """Return the root and {part: folder below the root}, of the root where most parts are."""
    found: list[tuple[Path, dict[str, str]]] = [(Path(path).absolute(), {})]
    for base, part in itertools.product(_BASES, _PARTS):
        for name in _PARTS[part]:
            root = official.find_root(path, base + name)
            if root is not None:
                found.append((root.absolute(), _parts_below(root, base)))
    return max(found, key=lambda candidate: len(candidate[1]))


def _parts_below(root: Path, base: str) -> dict[str, str]:
    """Return {part: folder}; where the parts lie in raw/, the evaluation part may lie beside it."""
    parts: dict[str, str] = {}
    for part, names in _PARTS.items():
        bases = dict.fromkeys((base, "")) if part == "evaluation" else (base,)
        candidates = (above + name for above in bases for name in names)
        found = next((candidate for candidate in candidates if (root / candidate).exists()), None)
        if found is not None:
            parts[part] = found
    return parts


def _is_food(part: Path) -> bool:
    """Return whether the first entries of `part` are class folders of Food-11 or files named by class number."""
    if not part.is_dir():
        return False
    with os.scandir(part) as listing:
        counting = (entry for entry in listing if entry.is_dir() or Path(entry.name).suffix.lower() in IMAGE_SUFFIXES)
        visible = (entry for entry in counting if not entry.name.startswith("."))
        entries = list(itertools.islice(visible, _GLANCE))
    return bool(entries) and all(
        entry.name in CLASSES if entry.is_dir() else _NUMBERED.fullmatch(entry.name) is not None for entry in entries
    )


def _list_part(root: Path, part: str, *, split: str, request: Request) -> Iterator[pd.DataFrame]:
    for frame in folder.READER.list_images(root / part, Request(role="openset")):
        labels = [
            _class_of(key, path=root / part / key) if pd.isna(label) and request.labels != "none" else label
            for key, label in zip(frame["key"], frame["label"], strict=True)
        ]
        yield official.official_frame(
            root,
            [f"{part}/{key}" for key in frame["key"]],
            uris=frame["uri"].tolist(),
            labels=labels,
            splits=[split] * len(frame),
            reasons=[None if pd.isna(reason) else reason for reason in frame["reason"]],
            request=request,
            reader=READER,
        )


def _class_of(name: str, *, path: Path) -> str:
    match = _NUMBERED.fullmatch(name)
    if match is None:
        raise InputError(
            f"{path} is neither in a class folder nor called <class number>_<n>.jpg, with numbers from 0 to "
            f"{len(CLASSES) - 1}; move it away, or unpack the archive again."
        )
    return CLASSES[int(match["number"])]


READER = Reader(
    takes="Food-11 as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    official=Official(
        title="Food-11",
        folder="Food-11",
        download="Food-11.zip from the Multimedia Signal Processing Group of EPFL, or its copy on Kaggle (trolukovich)",
        signs=(
            Sign(
                tuple(
                    f"{base}{part}/{name}"
                    for base in _BASES
                    for part in _PARTS
                    for name in ("Noodles-Pasta", "Vegetable-Fruit")
                ),
                missing="one of training/, validation/ and evaluation/",
            ),
            Sign(
                tuple(_PARTS),
                missing="one of training/, validation/ and evaluation/",
                entries=_NUMBERED,
                of_root=re.compile("food.?11.*", re.IGNORECASE),
            ),
        ),
    ),
)
