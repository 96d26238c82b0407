"""What readers of large open-sets share: millions of images below one folder, or in one list, batch by batch."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from simcore.errors import InputError, in_a_line
from simcore.images.sources import folder
from simcore.images.sources.official import advice, optional_files
from simcore.images.sources.reader import LISTING_ROWS, Reader, Request, listing_frame

_ENTRIES_LOOKED_AT = 64


def train_split(request: Request, *, has_test: bool) -> str | None:
    """Return what the split of the train images is: null where a labelled target has a test part drawn later.

    Example:
        >>> train_split(Request(role="openset"), has_test=False), train_split(Request(role="target"), has_test=False)
        ('train', None)
    """
    return "train" if request.role == "openset" or has_test or request.labels == "none" else None


def folder_frames(
    root: Path,
    below: str,
    *,
    request: Request,
    split: str | None,
    label: Callable[[pd.Series], pd.Series] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the images below `root/below`, nested in any way, in the order in which the disk lists them.

    Memory is that of one batch and of the largest directory, however many images there are.

    Args:
        root: the data set's root; keys are relative to it.
        below: folder to list, relative to the root.
        request: what the caller wants; labels "none" leaves the labels out.
        split: what every image's split is.
        label: from keys relative to `below` to classes; None takes the first directory.

    Raises:
        InputError: there is no image.
    """
    for frame in folder.READER.list_images(root / below, Request(role="openset")):
        if request.labels == "none":
            labels = pd.Series([None] * len(frame), dtype="str", index=frame.index)
        else:
            labels = frame["label"] if label is None else label(frame["key"])
        yield frame.assign(
            key=f"{below}/" + frame["key"],
            label=labels,
            split=pd.Series([split] * len(frame), dtype="str", index=frame.index),
        )


def listed_frames(
    root: Path,
    lists: Sequence[Path],
    *,
    below: str = "",
    label: Callable[[str, int], str | None],
    request: Request,
    split: str | None,
    reader: Reader,
    reasons: dict[str, str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the images that official lists name, a path and the number of a class a line.

    A folder is listed once a batch, so lists are expected in the order of their folders, as official ones are.

    Args:
        root: the data set's root; keys are relative to it.
        lists: text files, taken one after the other.
        below: the folder, relative to the root, that the paths start from.
        label: from a path as listed and its number to a class.
        request: what the caller wants; labels "none" leaves the labels out.
        split: what every image's split is.
        reader: of the data set, for messages.
        reasons: why some images cannot be used, by key.

    Raises:
        InputError: after the last line, if images are missing: the message names the first and how many. Or the lists
            are empty, or a line is not a path and a number.
    """
    start = f"{below}/" if below else ""
    reasons = reasons or {}
    seen, missing, first_missing = 0, 0, ""
    for path in lists:
        for batch in _read_batches(path):
            keys = [start + relative.lstrip("/") for relative, _ in batch]
            uris = optional_files(root, keys)
            labels = [None if request.labels == "none" else label(*line) for line in batch]
            there = [position for position, uri in enumerate(uris) if uri is not None]
            seen += len(keys)
            missing += len(keys) - len(there)
            if not first_missing and len(there) < len(keys):
                first_missing = next(key for key, uri in zip(keys, uris, strict=True) if uri is None)
            yield listing_frame(
                [keys[position] for position in there],
                [str(uris[position]) for position in there],
                labels=[labels[position] for position in there],
                splits=split,
                reasons=[reasons.get(keys[position]) for position in there],
            )
    if not seen:
        raise InputError(f"{' and '.join(map(str, lists))} name no images; {advice(reader)}")
    if missing:
        more = f", and {missing - 1:,} more of {seen:,} listed" if missing > 1 else ""
        raise InputError(f"{root / first_missing} is listed but missing{more}; {advice(reader)}")


def named_folders(path: Path, matches: Callable[[str], object]) -> bool:
    """Return whether `path` is a folder whose first visible entries (64 at most) are folders with matching names."""
    try:
        with os.scandir(path) as listing:
            entries = list(islice((entry for entry in listing if not entry.name.startswith(".")), _ENTRIES_LOOKED_AT))
            return bool(entries) and all(matches(entry.name) and entry.is_dir() for entry in entries)
    except OSError:
        return False


def _read_batches(path: Path) -> Iterator[list[tuple[str, int]]]:
    """Yield the lines of a list, (path, number), `LISTING_ROWS` at a time."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = ((number, line) for number, line in enumerate(file, start=1) if line.strip())
            while batch := [_parse(line, number, path) for number, line in islice(lines, LISTING_ROWS)]:
                yield batch
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not a text file that can be read ({in_a_line(error)}); unpack the archive again."
        ) from error


def _parse(line: str, number: int, path: Path) -> tuple[str, int]:
    relative, _, label = line.strip().rpartition(" ")
    if not relative or not label.isdecimal():
        raise InputError(
            f"Line {number} of {path} is '{line.strip()}', not a path and the number of a class; "
            "unpack the official list again."
        )
    return relative, int(label)
