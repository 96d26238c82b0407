"""Stanford Dogs: 120 breeds out of ImageNet, with boxes from a further archive."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Reader, Request, Sign

logger = logging.getLogger(__name__)

_LISTS = {"train": "train_list.mat", "test": "test_list.mat"}
_BOX = re.compile(rb"<bndbox>(.*?)</bndbox>", re.DOTALL)
_CORNERS = tuple(
    re.compile(rb"<%s>\s*([^<]*?)\s*</%s>" % (name, name)) for name in (b"xmin", b"ymin", b"xmax", b"ymax")
)


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: 12,000 of train and 8,580 of test.

    Reads `train_list.mat` and `test_list.mat` (`file_list`, paths below Images/). `label` is the folder,
    `n02085620-Chihuahua`: the ImageNet synset and the breed. `boxes` holds the [x0, y0, x1, y1] of all dogs of the
    image from `Annotation/`, as annotated, null where that archive was not unpacked. train/<class>/ and test/<class>/
    are read as well.

    The images are ImageNet's: with an open-set that holds ImageNet, test images leak into pretraining.

    torchvision has no reader for this set.

    Raises:
        InputError: a list or an image is missing.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    root = official.require_root(path, "Images", *_LISTS.values(), reader=READER)
    files: dict[str, str] = {}
    for split, name in _LISTS.items():
        listed = [str(file) for file in annotations.mat_values(annotations.mat_variable(root / name, "file_list"))]
        annotations.check_apart(files, listed, path=root / name)
        files |= dict.fromkeys(listed, split)
    yield official.official_frame(
        root,
        [f"Images/{file}" for file in files],
        labels=[_class_of(file, root=root) for file in files],
        splits=list(files.values()),
        request=request,
        reader=READER,
        boxes=_read_boxes(root, list(files)),
    )


def _class_of(file: str, *, root: Path) -> str:
    folder, slash, _ = file.partition("/")
    if not slash:
        raise InputError(f"The lists of {root} name '{file}', which is in no class folder; download lists.tar again.")
    return folder


def _read_boxes(root: Path, files: Sequence[str]) -> list[list[list[float]] | None]:
    paths = official.optional_files(root, [f"Annotation/{PurePosixPath(file).with_suffix('')}" for file in files])
    without = sum(path is None for path in paths)
    if without:
        logger.info("%d of the %d images of %s have no boxes: Annotation/ lacks them.", without, len(paths), root)
    return [None if path is None else _parse_boxes(Path(path)) for path in paths]


def _parse_boxes(path: Path) -> list[list[float]]:
    """Return the boxes of a PASCAL VOC annotation."""
    boxes = []
    for inside in _BOX.findall(path.read_bytes()):
        found = [corner.search(inside) for corner in _CORNERS]
        corners = [match[1].decode("ascii", "replace") for match in found if match]
        boxes.append(annotations.to_box(corners, path=path))
    return boxes


READER = Reader(
    takes="Stanford Dogs as it comes off the archive",
    recognises=official.recognised_by(*_LISTS.values()),
    list_images=list_images,
    columns=("boxes",),
    official=Official(
        title="Stanford Dogs",
        folder="stanford_dogs",
        download="images.tar and lists.tar (and annotation.tar for boxes) from the project page of Stanford Dogs",
        signs=(
            Sign(
                ("Images", "Annotation"),
                missing=" and ".join(_LISTS.values()),
                entries=re.compile(r"n\d{8}-.+"),
            ),
        ),
    ),
)
