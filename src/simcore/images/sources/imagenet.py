"""ImageNet (ILSVRC 2012 classification) as it comes off the archive."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from simcore.errors import InputError, in_a_line
from simcore.images.sources.official import advice, find_alone, find_root, outside, read_list
from simcore.images.sources.pools import folder_frames, named_folders, train_split
from simcore.images.sources.reader import Official, Reader, Request, Sign

logger = logging.getLogger(__name__)

_IMAGES = "Data/CLS-LOC"
_FORMS = (_IMAGES, f"ILSVRC/{_IMAGES}", f"ILSVRC2015/{_IMAGES}")
_SOLUTION = "LOC_val_solution.csv"
_WORDNET_ID = re.compile(r"n\d{8}")
_CLASSES = 1000


def recognises(path: str | Path) -> bool:
    """Return whether `path` holds Data/CLS-LOC/train, or train/ with folders of all 1,000 WordNet ids.

    A train/ of fewer ids is a part of ImageNet, and auto takes it for what it is: class folders. Called by its name,
    `imagenet:<path>`, it is read as ImageNet all the same.
    """
    root = _find_images(Path(path), find=find_alone)
    if root is None or root.parts[-2:] == tuple(_IMAGES.split("/")):
        return root is not None
    return sum(_is_class(entry.name) for entry in (root / "train").iterdir()) >= _CLASSES


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the train images; for a target the validation images as test, where their classes are known.

    Keys start at the folder that holds train/, so the form on disk does not change them. Labels are WordNet ids. The
    classes of val/ come from its folders; of a flat val/ from LOC_val_solution.csv (beside ILSVRC/, as Kaggle packs it,
    beside Data/ or val/), or from Annotations/CLS-LOC/val/. Without them, or without val/, a target has its test part
    drawn from train.

    Raises:
        InputError: there is no train/ with folders of WordNet ids; or the solution lacks an image of val/.
    """
    root = _find_images(Path(path))
    if root is None:
        raise InputError(
            f"{path} is not {READER.takes}: it has neither {_IMAGES}/train/ nor train/ with a folder for each WordNet "
            f"id (n########); {advice(READER)}"
        )
    test = _list_test(root, request) if request.role == "target" else None
    yield from folder_frames(root, "train", request=request, split=train_split(request, has_test=test is not None))
    if test is not None:
        yield from test


def _find_images(path: Path, *, find: Callable[..., Path | None] = find_root) -> Path | None:
    """Return the folder that holds train/, None where there is none."""
    for form in _FORMS:
        official = find(path, f"{form}/train")
        if official is not None:
            return (official / form).expanduser().absolute()
    path = path.expanduser().absolute()
    if path.name == "train" and named_folders(path, _is_class):
        return path.parent
    plain = find(path, "train")
    return plain if plain is not None and named_folders(plain / "train", _is_class) else None


def _list_test(root: Path, request: Request) -> Iterator[pd.DataFrame] | None:
    if not (root / "val").is_dir():
        return None
    if named_folders(root / "val", _is_class):
        return folder_frames(root, "val", request=request, split="test")
    solution = _find_solution(root)
    if not solution.exists():
        logger.warning(
            "%s has no class folders, and there is neither %s nor Annotations/CLS-LOC/val/: "
            "the validation images are left out, and the test part is drawn from train/.",
            root / "val",
            _SOLUTION,
        )
        return None
    classes = _read_solution(solution) if solution.name == _SOLUTION else _read_annotations(solution)

    def label(keys: pd.Series) -> pd.Series:
        names = keys.str.replace(r"\.[^.]*$", "", regex=True)
        labels = names.map(classes)
        if labels.isna().any():
            raise InputError(
                f"{root / 'val' / keys[labels.isna()].iloc[0]} has no class in {solution}; unpack both archives again."
            )
        return labels.astype("str")

    return folder_frames(root, "val", request=request, split="test", label=label)


def _find_solution(root: Path) -> Path:
    # Kaggle's archive has the solution beside ILSVRC/, which holds Data/; a plain val/ may have it beside itself.
    solutions = [above / _SOLUTION for above in (root, *list(root.parents)[:3])]
    return next((path for path in solutions if path.is_file()), root.parent.parent / "Annotations" / "CLS-LOC" / "val")


def _beside(path: Path) -> list[Path]:
    root = _find_images(path)
    return [] if root is None else outside(path, root / "val", _find_solution(root))


def _read_solution(path: Path) -> dict[str, str]:
    """Return {image: WordNet id} of lines such as "ILSVRC2012_val_00048981,n03995372 85 1 499 272"."""
    lines = (line.partition(",") for line in read_list(path)[1:])
    return {image: prediction.split(maxsplit=1)[0] for image, _, prediction in lines if prediction.strip()}


def _read_annotations(folder: Path) -> dict[str, str]:
    """Return {image: WordNet id of its first object} of the XML files."""
    classes = {}
    for path in folder.glob("[!.]*.xml"):
        try:
            name = ElementTree.parse(path).findtext("object/name")  # noqa: S314 (expat resolves no external entities)
        except ElementTree.ParseError as error:
            raise InputError(f"{path} is not whole ({in_a_line(error)}); unpack the annotations again.") from error
        if name:
            classes[path.stem] = name
    return classes


def _is_class(name: str) -> bool:
    return _WORDNET_ID.fullmatch(name) is not None


READER = Reader(
    takes="ImageNet as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    beside=_beside,
    official=Official(
        title="ImageNet (ILSVRC 2012)",
        folder="ILSVRC2015",
        download="the classification and localisation images (ILSVRC CLS-LOC) from the ImageNet project page or its "
        "Kaggle competition",
        signs=(
            Sign(
                (*_FORMS, "Annotations/CLS-LOC", _SOLUTION, "val/ILSVRC2012_val_00000001.JPEG"),
                missing=f"{_IMAGES}/train/",
            ),
        ),
    ),
)
