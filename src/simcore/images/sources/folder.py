"""Own images in folders: flat, one folder a class (ImageFolder), or train/ and test/ above these."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.remote_files import join_url, remote_folders, remote_is_folder, walk_remote
from simcore.images.sources.reader import LISTING_ROWS, Reader, Request, listing_frame
from simcore.images.tree import is_regular, walk_files

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
"""Endings of image files, in lower case; upper case counts as well."""

_TRAIN_NAMES = ("train", "training")
_TEST_NAMES = ("test", "testing")
_VALIDATION_NAMES = ("val", "valid", "validation")

_Place = tuple[str | None, str | None]
"""Label and split of an image."""


def recognises(place: str | Path) -> bool:
    """Return whether `place` is a folder, on a disk or behind a URL."""
    return place.is_dir() if isinstance(place, Path) else remote_is_folder(place)


def list_images(place: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images below the folder or URL `place`; keys are their relative paths.

    A target with train/ and test/ (or val/, valid/, validation/ where there is no test/) takes its splits
    from them and its classes from the first directory below; with all three, the validation images join
    train, as the paper does with sets of three official splits. Without train/ the first directory is the
    class; so it is where train/ itself holds images, has no test/, but other folders beside it. A flat target
    folder, or one whose images all lie in a single directory, is unlabelled and all train. An open-set may be
    nested in any way; the first directory is its label.

    A target is walked twice, an open-set once: what decides is known before the first frame of a target comes.
    Memory is that of a frame and of the names of the classes.

    Raises:
        InputError: there is no image, a split is empty, images lie beside class folders, or labels are insisted
            on where there are none.
    """
    find = _find_in_openset(request) if request.role == "openset" else _find_in_target(place, request)
    rows: list[tuple[str, str, str | None, str | None, str | None]] = []
    left_out, labels = 0, set[str | None]()
    for key, uri, reason in _walk(place):
        found = find(key)
        if found is None:
            left_out += 1
            continue
        labels.add(found[0])
        rows.append((key, uri, *found, reason))
        if len(rows) == LISTING_ROWS:
            yield _frame(rows)
            rows = []
    if not labels:
        raise InputError(f"{place} holds no images; {_what_is_there(place)}")
    if left_out:
        logger.warning("%d images of %s lie outside its split folders and are left out.", left_out, place)
    if request.role == "openset":
        _check_openset(labels, place=place, request=request)
    if rows:
        yield _frame(rows)


def _frame(rows: list[tuple[str, str, str | None, str | None, str | None]]) -> pd.DataFrame:
    keys, uris, labels, splits, reasons = zip(*rows, strict=True)
    return listing_frame(keys, uris, labels=labels, splits=splits, reasons=reasons)


def _find_in_openset(request: Request) -> Callable[[str], _Place]:
    return lambda key: (None if request.labels == "none" else _first_directory(key), "train")


def _check_openset(labels: set[str | None], *, place: str | Path, request: Request) -> None:
    if request.labels == "folder" and labels == {None}:
        raise _no_classes(place)
    names = {str(label).lower() for label in labels - {None}}
    if len(names) > 1 and not names.isdisjoint(_TRAIN_NAMES):
        logger.warning(
            "The open-set has a folder train/ beside others, and all of them are taken; "
            "give the path of train/ itself to leave the others out."
        )


@dataclass
class _Part:
    """What lies in one directory directly below the root, or in the root itself.

    Attributes:
        direct: the first key, in the order of keys, of an image that lies just there; None where there is none.
        n_direct: how many do.
        classes: images by the directory below that they lie in.
    """

    direct: str | None = None
    n_direct: int = 0
    classes: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return self.n_direct + self.classes.total()

    def add_direct(self, key: str) -> None:
        self.direct = key if self.direct is None else min(self.direct, key)
        self.n_direct += 1


def _survey(place: str | Path) -> tuple[_Part, dict[str, _Part]]:
    """Return the root as a part, and the directories below it as parts of their own; images that open only."""
    root, parts = _Part(), dict[str, _Part]()
    for key, _, reason in _walk(place):
        if reason is not None:
            continue
        first, slash, rest = key.partition("/")
        if not slash:
            root.add_direct(key)
            continue
        root.classes[first] += 1
        part = parts.setdefault(first, _Part())
        second, slash, _ = rest.partition("/")
        if slash:
            part.classes[second] += 1
        else:
            part.add_direct(key)
    return root, parts


def _find_in_target(place: str | Path, request: Request) -> Callable[[str], _Place | None]:
    """Return the function from a key to its label and split, None where the image is left out."""
    root, parts = _survey(place)
    folders = {name.lower(): name for name in sorted(_folders(place), reverse=True)}
    train, test, validation = (_first_of(folders, names) for names in (_TRAIN_NAMES, _TEST_NAMES, _VALIDATION_NAMES))
    if not root:
        return lambda key: (None, None)
    if train is None:
        if test is not None:
            raise InputError(f"{place} has {test}/ but no train/; add train/, or rename {test}/ if it is a class.")
        return _find_in_classes(root, place=place, request=request)
    if test is None and validation is None and _is_class(train, root, parts):
        logger.info("%s/%s/ is taken for a class: it holds images and has other folders beside it.", place, train)
        return _find_in_classes(root, place=place, request=request)
    if test is None:
        test, validation = validation, None
    finders: dict[str, Callable[[str], _Place]] = {}
    for folder, split in ((train, "train"), (validation, "train"), (test, "test")):
        if folder is None:
            continue
        if folder not in parts:
            raise InputError(
                f"{_below(place, folder)} holds no images; fill it"
                + ("." if split == "train" else f", or remove {folder}/ to have a part of {train}/ set aside as test.")
            )
        find = _find_in_classes(parts[folder], place=place, request=request, below=f"{folder}/")
        finders[folder] = _with_split(find, None if test is None else split)
    if validation is not None:
        logger.info("%s has three splits: %s/ joins %s/, %s/ stays test.", place, validation, train, test)

    def find_in_splits(key: str) -> _Place | None:
        folder, slash, _ = key.partition("/")
        return finders[folder](key) if slash and folder in finders else None

    return find_in_splits


def _is_class(folder: str, root: _Part, parts: dict[str, _Part]) -> bool:
    """Return whether `folder`, though named as a split, is a class, such as train beside bus and car."""
    return folder in parts and parts[folder].n_direct > 0 and len(root.classes) > 1


def _find_in_classes(part: _Part, *, place: str | Path, request: Request, below: str = "") -> Callable[[str], _Place]:
    """Return the function that labels by the first directory below `below`, or says train where nothing is a class."""
    labelled = False
    if request.labels != "none":
        if part.classes and part.direct is not None:
            raise InputError(
                f"{_below(place, part.direct)} lies beside class folders; "
                "move it into the folder of its class, or set `labels` to 'none'."
            )
        labelled = bool(part.classes) and (bool(below) or request.labels == "folder" or len(part.classes) > 1)
        if request.labels == "folder" and not labelled:
            raise _no_classes(place)
        if part.classes and not labelled:
            logger.info(
                "All images of %s lie in one folder, %s/: taken as unlabelled.", place, next(iter(part.classes))
            )
    start = len(below)
    return lambda key: (_first_directory(key[start:]), None) if labelled else (None, "train")


def _with_split(find: Callable[[str], _Place], split: str | None) -> Callable[[str], _Place]:
    return find if split is None else lambda key: (find(key)[0], split)


def _first_directory(key: str) -> str | None:
    first, slash, _ = key.partition("/")
    return first if slash else None


def _first_of(folders: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((folders[name] for name in names if name in folders), None)


def _no_classes(place: str | Path) -> InputError:
    return InputError(
        f"`labels` is 'folder', but {place} has no class folders; "
        "put each class into a folder of its own, or set `labels` to 'none'."
    )


def _below(place: str | Path, relative: str) -> str:
    return str(place / relative) if isinstance(place, Path) else join_url(place, relative)


def _folders(place: str | Path) -> list[str]:
    """Return the names of the directories just below `place`, empty ones too."""
    if isinstance(place, Path):
        return [entry.name for entry in place.iterdir() if entry.is_dir()]
    return remote_folders(place)


def _walk(place: str | Path) -> Iterator[tuple[str, str, str | None]]:
    """Yield (key, uri, why it cannot be opened or None) of every image file below `place`."""
    for key, uri, reason in _walk_disk(place) if isinstance(place, Path) else _walk_url(place):
        if os.path.splitext(key)[1].lower() not in IMAGE_SUFFIXES:  # noqa: PTH122 (one million Path objects are slow)
            continue
        if _is_undecodable(key):
            yield _escaped(key), _escaped(uri), "its path is not valid UTF-8"
        else:
            yield key, uri, reason


def _walk_disk(root: Path) -> Iterator[tuple[str, str, str | None]]:
    for key, entry in walk_files(root):
        is_file = is_regular(entry)
        yield key, entry.path, None if is_file else _why_closed("link" if entry.is_symlink() else "other")


def _walk_url(url: str) -> Iterator[tuple[str, str, str | None]]:
    for key, entry in walk_remote(url):
        yield key, join_url(url, key), _why_closed(entry["type"])


def _why_closed(kind: str) -> str | None:
    return {"file": None, "link": "it is a link to nothing"}.get(kind, "it is not a regular file")


def _is_undecodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _escaped(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _what_is_there(place: str | Path) -> str:
    files = walk_files(place) if isinstance(place, Path) else walk_remote(place)
    endings = sorted({os.path.splitext(relative)[1].lower() for relative, _ in files} - {""})  # noqa: PTH122
    allowed = "images end in " + ", ".join(sorted(IMAGE_SUFFIXES)) + "."
    return f"its files end in {', '.join(endings[:5])}, while {allowed}" if endings else f"it is empty, while {allowed}"


READER = Reader(takes="a folder of images", recognises=recognises, list_images=list_images, remote=True)
