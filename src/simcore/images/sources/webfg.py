"""WebFG-496, web images of aircraft, birds and cars, as it comes off the archive."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.official import advice, find_alone, find_root
from simcore.images.sources.pools import folder_frames, train_split
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, option_of

_FOLDERS = {
    "aircraft": ("web-aircraft",),
    "bird": ("web-bird", "web-cub"),
    "car": ("web-car", "web-cars"),
}
_OPTIONS = (
    Option("subset", ("whole", *_FOLDERS), "whole", "which of the three sets: aircraft, bird, car, or all of them"),
)


def recognises(path: str | Path) -> bool:
    """Return whether `path` is one of web-aircraft, web-bird and web-car with train/, or holds one."""
    return any(_find_subset(Path(path), subset, find=find_alone) is not None for subset in _FOLDERS)


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the web images of the option `subset`; for a target those of val/, where there are some, as test.

    The images of val/ are the test images of FGVC-Aircraft, Caltech-UCSD Birds and Stanford Cars. The label is the
    name of the class folder, as it is. Also takes the folders as web-cub and web-cars.

    Raises:
        InputError: the folder of a set that is asked for is missing; where `path` is one set, ask for that `subset`.
    """
    subset = option_of(_OPTIONS, request, "subset")
    found = {each: _find_subset(Path(path), each) for each in (_FOLDERS if subset == "whole" else (subset,))}
    missing = [each for each, folder in found.items() if folder is None]
    if missing:
        there = [each for each in _FOLDERS if _find_subset(Path(path), each) is not None]
        hint = f"set `subset` to '{there[0]}' to take what is there, or " if subset == "whole" and there else ""
        raise InputError(
            f"{path} is not {READER.takes}: it has no {_FOLDERS[missing[0]][0]}/train/; {hint}{advice(READER)}"
        )
    folders = [folder for folder in found.values() if folder is not None]
    has_test = request.role == "target" and all((folder / "val").is_dir() for folder in folders)
    split = train_split(request, has_test=has_test)
    for folder in folders:
        yield from _class_frames(folder, "train", request=request, split=split)
        if has_test:
            yield from _class_frames(folder, "val", request=request, split="test")


def _find_subset(path: Path, subset: str, *, find: Callable[..., Path | None] = find_root) -> Path | None:
    """Return the folder of a set: `path` itself, or one that it holds directly or one level below."""
    path = path.expanduser().absolute()
    for name in _FOLDERS[subset]:
        if path.name == name and (path / "train").is_dir():
            return path
        root = find(path, f"{name}/train")
        if root is not None:
            return root.absolute() / name
    return None


def _class_frames(folder: Path, part: str, *, request: Request, split: str | None) -> Iterator[pd.DataFrame]:
    """Yield the images of one part, the class being the folder below it."""
    yield from folder_frames(
        folder.parent,
        f"{folder.name}/{part}",
        request=request,
        split=split,
    )


READER = Reader(
    takes="WebFG-496 as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    options=_OPTIONS,
    official=Official(
        title="WebFG-496",
        folder="webfg",
        download="web-aircraft.tar.gz, web-bird.tar.gz and web-car.tar.gz from the WebFG-496 project page",
        signs=(
            Sign(
                tuple(f"{name}/val" for names in _FOLDERS.values() for name in names),
                missing=" and ".join(f"{names[0]}/train/" for names in _FOLDERS.values()),
            ),
            Sign(("val",), missing="train/", of_root=re.compile("web-(aircraft|birds?|cub|cars?)")),
        ),
    ),
)
