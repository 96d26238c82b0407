"""What a reader lists, in a form that tests compare whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.images.sources.reader import LISTING_COLUMNS, Reader, Request


def read(reader: Reader, path: Path, *, role: str = "target", labels: str = "auto", **options: str) -> pd.DataFrame:
    """Return all the reader yields, sorted by key, with the columns checked."""
    frame = pd.concat(reader.list_images(path, Request(role=role, labels=labels, options=options)), ignore_index=True)
    assert tuple(frame.columns) == (*LISTING_COLUMNS, *reader.columns)
    return frame.sort_values("key", ignore_index=True)


def by_split(frame: pd.DataFrame) -> dict[str, list[tuple[str, str | None]]]:
    """Return {split: [(key, label)]} of the images that can be used, sorted, as the miniatures do."""
    usable = frame[frame["reason"].isna()]
    return {
        split: [(key, none(label)) for key, label in part[["key", "label"]].to_numpy()]
        for split, part in usable.groupby("split")
    }


def column(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return {key: value} of a column, None for nulls."""
    return {key: none(value) for key, value in zip(frame["key"], frame[name], strict=True)}


def none(value: Any) -> Any:
    """Return None for a null."""
    return None if not isinstance(value, list) and pd.isna(value) else value


def make_folders(root: Path, save: Callable[[Path, int], Path]) -> Path:
    """Write the ImageFolder form of a set with two classes below `root`, and hidden files; return it."""
    for number, key in enumerate(("train/a/1", "train/b/2", "train/b/3", "test/a/4", "test/b/5")):
        save(root / f"{key}.jpg", number)
    (root / "train" / "a" / "._1.jpg").write_bytes(b"\x00")
    return root


FOLDERS = {"train": [("train/a/1.jpg", "a"), ("train/b/2.jpg", "b"), ("train/b/3.jpg", "b")]}
FOLDERS_TEST = {"test": [("test/a/4.jpg", "a"), ("test/b/5.jpg", "b")]}
