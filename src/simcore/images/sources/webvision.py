"""WebVision 1.0 as it comes off the archive."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources.official import find_alone, read_list, require, require_root
from simcore.images.sources.pools import folder_frames, listed_frames, named_folders, train_split
from simcore.images.sources.reader import Official, Reader, Request, Sign

_ENGINES = ("google", "flickr")
_QUERY = re.compile(r"q\d{4}")
_VALIDATION = ("val_images_256", "val_images")


def recognises(path: str | Path) -> bool:
    """Return whether `path` holds google/ or flickr/ with folders of queries (q####), directly or one level below."""
    roots = ((find_alone(path, engine), engine) for engine in _ENGINES)
    return any(root is not None and named_folders(root / engine, _QUERY.fullmatch) for root, engine in roots)


def list_images(path: str | Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the train images of both search engines; for a target the validation images as test.

    Where info/ has the lists of train images, they say which images there are and each must exist: 2,439,574. Without
    them all that lie in the folders are taken; the paper's 2,446,037 may come from there. The label is the WordNet id
    that info/synsets.txt gives the number of the class. Without that file it is engine and query, such as
    "google_q0001", and there is no test part, as its numbers would mean nothing.

    Raises:
        InputError: a folder of an engine is missing, one of the two lists is, or a listed image.
    """
    root = require_root(path, *_ENGINES, reader=READER)
    info = root / "info"
    synsets = _read_synsets(info / "synsets.txt")
    validation = _find_validation(root) if request.role == "target" and synsets else None
    split = train_split(request, has_test=validation is not None)
    lists = _find_lists(info)
    if lists:
        yield from listed_frames(
            root,
            lists,
            label=lambda relative, number: _synset_of(relative, number, synsets) if synsets else _query_of(relative),
            request=request,
            split=split,
            reader=READER,
        )
    else:
        by_query = _read_queries(info / "queries_synsets_map.txt", synsets)
        for engine in _ENGINES:
            yield from _engine_frames(root, engine, by_query, request=request, split=split)
    if validation is not None:
        yield from listed_frames(
            root,
            [info / "val_filelist.txt"],
            below=validation,
            label=lambda relative, number: _synset_of(relative, number, synsets),
            request=request,
            split="test",
            reader=READER,
        )


def _find_lists(info: Path) -> list[Path]:
    lists = [info / f"train_filelist_{engine}.txt" for engine in _ENGINES]
    if any(path.is_file() for path in lists):
        return [require(path, what="the train images of one search engine", reader=READER) for path in lists]
    both = info / "train_filelist_all.txt"
    return [both] if both.is_file() else []


def _find_validation(root: Path) -> str | None:
    listed = (root / "info" / "val_filelist.txt").is_file()
    return next((name for name in _VALIDATION if listed and (root / name).is_dir()), None)


def _read_synsets(path: Path) -> dict[int, str]:
    """Return {number of a class from 0: WordNet id}, empty where the file is missing."""
    return {number: line.split()[0] for number, line in enumerate(read_list(path))} if path.is_file() else {}


def _read_queries(path: Path, synsets: dict[int, str]) -> dict[str, str]:
    """Return {folder of a query: WordNet id}; the file has the number of a query and that of a class from 1 a line."""
    if not path.is_file() or not synsets:
        return {}
    queries = {}
    for line in read_list(path):
        query, _, number = line.partition(" ")
        if not query.isdecimal() or not number.isdecimal() or int(number) - 1 not in synsets:
            raise InputError(
                f"'{line}' in {path} is not a query and one of {len(synsets):,} classes; unpack the info archive again."
            )
        queries[f"q{int(query):04d}"] = synsets[int(number) - 1]
    return queries


def _engine_frames(
    root: Path, engine: str, by_query: dict[str, str], *, request: Request, split: str | None
) -> Iterator[pd.DataFrame]:
    def label(keys: pd.Series) -> pd.Series:
        queries = keys.str.split("/").str[0]
        if not by_query:
            return f"{engine}_" + queries
        labels = queries.map(by_query).astype("str")
        if labels.isna().any():
            raise InputError(
                f"{root / engine / queries[labels.isna()].iloc[0]} is a query that info/queries_synsets_map.txt does "
                "not have; move it away, or unpack the info archive again."
            )
        return labels

    yield from folder_frames(root, engine, request=request, split=split, label=label)


def _synset_of(relative: str, number: int, synsets: dict[int, str]) -> str:
    if number not in synsets:
        raise InputError(
            f"'{relative}' is listed with class {number}, but info/synsets.txt has the classes 0 to below "
            f"{len(synsets):,}; unpack the info archive again."
        )
    return synsets[number]


def _query_of(relative: str) -> str:
    return "_".join(relative.strip("/").split("/")[:2])


READER = Reader(
    takes="WebVision 1.0 as it comes off the archive",
    recognises=recognises,
    list_images=list_images,
    official=Official(
        title="WebVision 1.0",
        folder="webvision",
        download="the Google and Flickr train images (the resized ones will do) and the info archive from the "
        "WebVision 2017 project page",
        signs=(
            Sign(
                (
                    *(f"{folder}/val000001.jpg" for folder in _VALIDATION),
                    *(f"info/train_filelist_{engine}.txt" for engine in _ENGINES),
                    "info/queries_synsets_map.txt",
                    "info/val_filelist.txt",
                ),
                missing="google/ and flickr/ with folders q####/",
            ),
        ),
    ),
)
