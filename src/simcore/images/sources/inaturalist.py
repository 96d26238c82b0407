"""iNaturalist 2021, the mini train set, as it comes off the archive."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.official import advice, find_alone, find_root, outside
from simcore.images.sources.pools import folder_frames, named_folders, train_split
from simcore.images.sources.reader import Official, Reader, Request, Sign

_TRAIN = ("train_mini", "2021_train_mini")
_VALIDATION = ("val", "2021_valid")
_SPECIES = re.compile(r"\d{5}(_[^_]+){7}")


def recognises(path: str | Path) -> bool:
    """Return whether `path` is the mini train folder, or holds it directly or one level below."""
    return _find_train(Path(path), find=find_alone) is not None


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images of train_mini/; for a target those of val/, where there are some, as test.

    The label is the name of the folder: a number of five digits and the taxonomy, kingdom to species, in seven parts.
    Also takes the names torchvision gives the folders (2021_train_mini, 2021_valid); its reader lists in the order of
    the disk, ours need not care.

    Raises:
        InputError: there is no mini train folder, or a folder in it is not named by a species.
    """
    train = _find_train(Path(path))
    if train is None:
        full = next((name for name in ("train", "2021_train") if find_root(path, name) is not None), None)
        hint = f" ({full}/ there is the full train set of 2.7 million images, not the mini one)" if full else ""
        raise InputError(f"{path} is not {READER.takes}: it has no train_mini/{hint}; {advice(READER)}")
    root = train.parent
    validation = next((name for name in _VALIDATION if (root / name).is_dir()), None)
    has_test = request.role == "target" and validation is not None
    split = train_split(request, has_test=has_test)
    yield from _species_frames(root, train.name, request=request, split=split)
    if has_test and validation is not None:
        yield from _species_frames(root, validation, request=request, split="test")


def _beside(path: Path) -> list[Path]:
    train = _find_train(path)
    return [] if train is None else outside(path, *(train.parent / name for name in _VALIDATION))


def _find_train(path: Path, *, find: Callable[..., Path | None] = find_root) -> Path | None:
    path = path.expanduser().absolute()
    if path.name in _TRAIN and named_folders(path, _SPECIES.fullmatch):
        return path
    roots = ((find(path, name), name) for name in _TRAIN)
    return next((root.absolute() / name for root, name in roots if root is not None), None)


def _species_frames(root: Path, below: str, *, request: Request, split: str | None) -> Iterator[pd.DataFrame]:
    for frame in folder_frames(root, below, request=request, split=split):
        folders = frame["key"].str.split("/").str[1]
        for folder in folders.unique():
            if _SPECIES.fullmatch(folder) is None:
                raise InputError(
                    f"{root / below / folder} is not named as a species (five digits and seven parts, with _ between "
                    "them); move it away, or give the folder as `folder:<path>` if it is not the official one."
                )
        yield frame


READER = Reader(
    takes="iNaturalist 2021-mini as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    beside=_beside,
    official=Official(
        title="iNaturalist 2021-mini",
        folder="inaturalist",
        download="train_mini.tar.gz of the iNaturalist 2021 competition (val.tar.gz as well for a target)",
        signs=(Sign(("val", "2021_valid", "train", "2021_train"), missing="train_mini/", entries=_SPECIES),),
    ),
)
