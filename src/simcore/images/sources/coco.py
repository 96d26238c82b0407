"""Microsoft COCO 2017 as it comes off the archive."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.official import find_alone, outside, require_root
from simcore.images.sources.pools import folder_frames
from simcore.images.sources.reader import Official, Reader, Request, Sign

_TRAIN, _VALIDATION = "train2017", "val2017"


def recognises(path: str | Path) -> bool:
    """Return whether `path` is train2017/ itself, or holds it directly or one level below."""
    return _is_train(Path(path)) or find_alone(path, _TRAIN) is not None


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images of train2017/; for a target those of val2017/, where there are some, as test.

    There are no labels: an image has several objects, and nothing here needs them, so annotations are not read.
    torchvision's CocoDetection cannot list images without annotations.

    Raises:
        InputError: there is no train2017/, or labels are insisted on.
    """
    if request.labels == "folder":
        raise InputError(
            f"`labels` is 'folder', but the images of {path} have no classes: COCO labels objects, several an image; "
            "set `labels` to 'auto' or 'none'."
        )
    path = Path(path).expanduser().absolute()
    root = path.parent if _is_train(path) else require_root(path, _TRAIN, reader=READER)
    yield from folder_frames(root, _TRAIN, request=request, split="train", label=_no_label)
    if request.role == "target" and (root / _VALIDATION).is_dir():
        yield from folder_frames(root, _VALIDATION, request=request, split="test", label=_no_label)


def _beside(path: Path) -> list[Path]:
    return outside(path, path.absolute().parent / _VALIDATION) if _is_train(path) else []


def _is_train(path: Path) -> bool:
    return path.name == _TRAIN and path.is_dir()


def _no_label(keys: pd.Series) -> pd.Series:
    return pd.Series([None] * len(keys), dtype="str", index=keys.index)


READER = Reader(
    takes="COCO 2017 as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    beside=_beside,
    official=Official(
        title="Microsoft COCO 2017",
        folder="coco",
        download="train2017.zip from the COCO project page",
        signs=(
            Sign(
                (
                    _VALIDATION,
                    "test2017",
                    "unlabeled2017",
                    "annotations/instances_train2017.json",
                    "annotations/instances_val2017.json",
                ),
                missing=f"{_TRAIN}/",
            ),
        ),
    ),
)
