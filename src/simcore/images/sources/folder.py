"""Own images in folders: flat, one folder a class (ImageFolder), or train/ and test/ above these."""

import logging
import os
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.classes import check_classes
from simcore.images.sources.reader import Listing, Reader, Request
from simcore.images.tree import walk_files

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


def list_images(path: Path, request: Request) -> Listing:
    """Return the images below `path`; keys are their relative paths.

    A target with train/ and test/ (or val/, valid/, validation/ where there is no test/) takes its splits
    from them and its classes from the first directory below; with all three, the validation images join
    train, as the paper does with sets of three official splits. Without train/ the first directory is the
    class; so it is where train/ itself holds images, has no test/, but other folders beside it. A flat target
    folder, or one whose images all lie in a single directory, is unlabelled and all train. An open-set may be
    nested in any way; the first directory is its label.

    Raises:
        InputError: there is no image, a split is empty, images lie beside class folders, or test has a class
            that train has not.
    """
    files, rejected = _list_files(path)
    if not files and rejected.empty:
        raise InputError(f"{path} holds no images; {_what_is_there(path)}")
    images = pd.DataFrame({"key": list(files), "uri": list(files.values())}, dtype="str")
    images["label"] = pd.Series([None] * len(images), dtype="str")
    images["split"] = pd.Series([None] * len(images), dtype="str")
    images = _list_openset(images) if request.role == "openset" else _list_target(images, path, request)
    if request.labels == "none":
        images["label"] = pd.Series([None] * len(images), dtype="str", index=images.index)
    elif request.labels == "folder" and images["label"].isna().all():
        raise InputError(
            f"`labels` is 'folder', but {path} has no class folders; "
            "put each class into a folder of its own, or set `labels` to 'none'."
        )
    return Listing(images=images.reset_index(drop=True), rejected=rejected)


def _list_openset(images: pd.DataFrame) -> pd.DataFrame:
    images["label"] = _first_directory(images["key"])
    images["split"] = "train"
    if images["label"].str.lower().isin(_TRAIN_NAMES).any() and images["label"].nunique() > 1:
        logger.warning(
            "The open-set has a folder train/ beside others, and all of them are taken; "
            "give the path of train/ itself to leave the others out."
        )
    return images


def _list_target(images: pd.DataFrame, path: Path, request: Request) -> pd.DataFrame:
    folders = {entry.name.lower(): entry.name for entry in sorted(path.iterdir(), reverse=True) if entry.is_dir()}
    train = _first_of(folders, _TRAIN_NAMES)
    test = _first_of(folders, _TEST_NAMES)
    validation = _first_of(folders, _VALIDATION_NAMES)
    if train is None:
        if test is not None:
            raise InputError(f"{path} has {test}/ but no train/; add train/, or rename {test}/ if it is a class.")
        return _label_by_class(images, below="", path=path, request=request)
    if test is None and validation is None and _is_class(train, images["key"]):
        logger.info("%s/%s/ is taken for a class: it holds images and has other folders beside it.", path, train)
        return _label_by_class(images, below="", path=path, request=request)
    if test is None:
        test, validation = validation, None
    parts = []
    for folder, split in ((train, "train"), (validation, "train"), (test, "test")):
        if folder is None:
            continue
        part = images[images["key"].str.startswith(f"{folder}/")].copy()
        if part.empty:
            raise InputError(
                f"{path / folder} holds no images; fill it"
                + ("." if split == "train" else f", or remove {folder}/ to have a part of {train}/ set aside as test.")
            )
        part = _label_by_class(part, below=f"{folder}/", path=path, request=request)
        if test is not None:
            part["split"] = split
        parts.append(part)
    if validation is not None:
        logger.info("%s has three splits: %s/ joins %s/, %s/ stays test.", path, validation, train, test)
    listed = pd.concat(parts)
    left_out = len(images) - len(listed)
    if left_out:
        logger.warning("%d images of %s lie outside its split folders and are left out.", left_out, path)
    check_classes(listed, path=path)
    return listed


def _is_class(folder: str, keys: pd.Series) -> bool:
    """Return whether `folder`, though named as a split, is a class, such as train beside bus and car."""
    inside = keys.str.startswith(f"{folder}/")
    holds_images = (keys[inside].str.count("/") == 1).any()
    has_neighbours = (keys[~inside].str.count("/") >= 1).any()
    return bool(holds_images and has_neighbours)


def _label_by_class(images: pd.DataFrame, *, below: str, path: Path, request: Request) -> pd.DataFrame:
    """Set `label` to the first directory below `below`, or the split to train where there are no classes."""
    labels = _first_directory(images["key"].str.slice(len(below)))
    in_folder = labels.notna()
    if request.labels != "none":
        if in_folder.any() and not in_folder.all():
            raise InputError(
                f"{path / images['key'][~in_folder].iloc[0]} lies beside class folders; "
                "move it into the folder of its class, or set `labels` to 'none'."
            )
        if below or request.labels == "folder" or labels.nunique() > 1:
            images["label"] = labels
        elif in_folder.any():
            logger.info("All images of %s lie in one folder, %s/: taken as unlabelled.", path, labels.iloc[0])
    if images["label"].isna().all():
        images["split"] = "train"
    return images


def _first_directory(keys: pd.Series) -> pd.Series:
    """Return the part of each key before its first slash, null where there is none."""
    parts = [key.partition("/") for key in keys]
    return pd.Series([first if slash else None for first, slash, _ in parts], index=keys.index, dtype="str")


def _first_of(folders: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((folders[name] for name in names if name in folders), None)


def _list_files(root: Path) -> tuple[dict[str, str], pd.DataFrame]:
    """Return {key: absolute path} of the image files below `root`, and those that cannot be opened."""
    files: dict[str, str] = {}
    rejected: list[tuple[str, str, str]] = []
    for key, entry in walk_files(root):
        if os.path.splitext(key)[1].lower() not in IMAGE_SUFFIXES:  # noqa: PTH122 (one million Path objects are slow)
            continue
        if _is_undecodable(key):
            rejected.append((_escaped(key), _escaped(entry.path), "its path is not valid UTF-8"))
        elif entry.is_file():
            files[key] = entry.path
        else:
            reason = "it is a link to nothing" if entry.is_symlink() else "it is not a regular file"
            rejected.append((key, entry.path, reason))
    ordered = {key: files[key] for key in sorted(files)}
    return ordered, pd.DataFrame(sorted(rejected), columns=["key", "uri", "reason"], dtype="str")


def _is_undecodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _escaped(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _what_is_there(path: Path) -> str:
    endings = sorted({os.path.splitext(relative)[1].lower() for relative, _ in walk_files(path)} - {""})  # noqa: PTH122
    allowed = "images end in " + ", ".join(sorted(IMAGE_SUFFIXES)) + "."
    return f"its files end in {', '.join(endings[:5])}, while {allowed}" if endings else f"it is empty, while {allowed}"


READER = Reader(recognises=Path.is_dir, list_images=list_images, takes="a folder of images")
