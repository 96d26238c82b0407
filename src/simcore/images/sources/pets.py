"""Oxford-IIIT Pet: 37 breeds of cats and dogs, with a trimap each."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, option_of

logger = logging.getLogger(__name__)

_LEVELS = ("breed", "species")
_SPLITS = {"trainval": "train", "test": "test"}
_SPECIES = {"1": "cat", "2": "dog"}
_COLUMNS = 4


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: trainval is train (3,680), test is test (3,669).

    Reads `annotations/trainval.txt` and `annotations/test.txt` (name, class from 1, species, breed; lines that begin
    with `#` are comments), never the folder images/, where .mat files lie between the images. `label` is the breed
    (37) as the files spell it, `Abyssinian` or `american_bulldog`, or the species, by the option `level`. `mask` is
    the trimap of the image (1 foreground, 2 background, 3 not decided), null where the trimaps were not unpacked.
    train/<class>/ and test/<class>/ are read as well.

    Own code, since torchvision's reader stumbles over comments and rewrites the breeds.

    Raises:
        InputError: a list or an image is missing, or a line of a list is not what it should be.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    root = official.require_root(path, "annotations/trainval.txt", reader=READER)
    images = _read_lists(root)
    masks = official.optional_files(root, [f"annotations/trimaps/{name}.png" for name in images["name"]])
    without = sum(mask is None for mask in masks)
    if without:
        logger.info("%d of the %d images of %s have no trimap.", without, len(masks), root)
    yield official.official_frame(
        root,
        [f"images/{name}.jpg" for name in images["name"]],
        labels=images[option_of(READER.options, request, "level")].tolist(),
        splits=images["split"].tolist(),
        request=request,
        reader=READER,
        species=images["species"].tolist(),
        mask=masks,
        mask_coding=[None if mask is None else "trimap" for mask in masks],
    )


def _read_lists(root: Path) -> pd.DataFrame:
    """Return columns name, breed, species and split of all listed images."""
    rows: dict[str, tuple[str, str, str]] = {}
    names: dict[str, str] = {}
    for part, split in _SPLITS.items():
        path = official.require(
            root / "annotations" / f"{part}.txt", what=f"the images of {part} and their classes", reader=READER
        )
        for line in annotations.read_list(path):
            if line.startswith("#"):
                continue
            words = line.split()
            if len(words) != _COLUMNS or words[2] not in _SPECIES:
                raise InputError(
                    f"{path} has the line '{line}'; a line is name, class, species (1 or 2) and breed: "
                    "unpack the archive again."
                )
            name, number, species, _ = words
            breed = name.rpartition("_")[0]
            if names.setdefault(number, breed) != breed:
                raise InputError(
                    f"{path} gives class {number} to '{name}', but it is that of '{names[number]}'; "
                    "unpack the archive again."
                )
            annotations.check_apart(rows, [name], path=path)
            rows[name] = (breed, _SPECIES[species], split)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["breed", "species", "split"], dtype="str")
    return frame.rename_axis("name").reset_index()


READER = Reader(
    takes="Oxford-IIIT Pet as it comes off the archive",
    recognises=official.recognised_by("annotations/trainval.txt", "annotations/trimaps"),
    list_images=list_images,
    options=(Option("level", _LEVELS, _LEVELS[0], "what the label is: one of 37 breeds, or cat and dog"),),
    columns=("species", "mask", "mask_coding"),
    official=Official(
        title="Oxford-IIIT Pet",
        folder="oxford-iiit-pet",
        download="images.tar.gz and annotations.tar.gz from the project page of Oxford-IIIT Pet (VGG, Oxford)",
        signs=(
            Sign(
                (
                    "images/Abyssinian_101.jpg",
                    "images/Egyptian_Mau_101.jpg",
                    "images/staffordshire_bull_terrier_101.jpg",
                    "images/wheaten_terrier_101.jpg",
                ),
                missing="annotations/trainval.txt",
            ),
        ),
    ),
)
