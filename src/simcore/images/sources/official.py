"""What readers of official downloads share: finding the root and the images, and errors that say what to download.

The readers do not go through torchvision's classes: those insist on one folder name, give one level of labels and
private lists of paths, check sums of annotation files, and answer a missing file with "Dataset not found". Tests
hold the readers against torchvision's wherever it has the set.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import folder
from simcore.images.sources.annotations import check_apart, read_list, read_mat, read_pairs
from simcore.images.sources.reader import Official, Reader, Request, listing_frame, option_of

__all__ = [
    "advice",
    "alone",
    "check_files",
    "find_alone",
    "find_root",
    "folder_form",
    "missing_official",
    "official_frame",
    "optional_files",
    "outside",
    "read_list",
    "read_mat",
    "read_pairs",
    "recognised_by",
    "require",
    "require_root",
    "split_lists_frame",
]

_MOST_ENTRIES = 256
_NESTED = "boxes"


def find_root(path: Path | str, *markers: str) -> Path | None:
    """Return `path`, or else the first folder directly in it, that has all `markers`; None where there is none.

    Looks at names only. A folder of more than 256 entries is taken for a folder of images and is not searched.

    Args:
        path: the root of a data set, or the folder above it; a URL has no root here.
        markers: relative paths of files or folders.

    Example:
        >>> import tempfile
        >>> above = Path(tempfile.mkdtemp())
        >>> (above / "102flowers" / "jpg").mkdir(parents=True)
        >>> find_root(above, "jpg").name
        '102flowers'
        >>> find_root(above, "jpg", "setid.mat") is None
        True
    """
    return next((root for root in _candidates(path) if all(_is_there(root / marker) for marker in markers)), None)


def find_alone(path: Path | str, *markers: str) -> Path | None:
    """Return what `find_root` does, but below `path` only where it has no other folder beside the root.

    What recognises a set must not claim a folder of many sources for it.

    Example:
        >>> import tempfile
        >>> above = Path(tempfile.mkdtemp())
        >>> (above / "102flowers" / "jpg").mkdir(parents=True)
        >>> find_alone(above, "jpg").name
        '102flowers'
        >>> (above / "own").mkdir()
        >>> find_alone(above, "jpg") is None
        True
    """
    return next((root for root in alone(path) if all(_is_there(root / marker) for marker in markers)), None)


def recognised_by(*markers: str, beside: Sequence[str] = ()) -> Callable[[Path | str], bool]:
    """Return the function that says whether a path, or its only folder, has one of the markers.

    One is enough, so that a set with a part missing is still known for what it is, and the error can say what is
    missing. A folder with other folders beside the set is not recognised: it may be a pool of many sources.

    Args:
        markers: relative paths that no other layout has.
        beside: names of folders that may lie beside the set, from other archives of it.

    Example:
        >>> import tempfile
        >>> above = Path(tempfile.mkdtemp())
        >>> (above / "102flowers" / "jpg").mkdir(parents=True)
        >>> recognises = recognised_by("imagelabels.mat", "setid.mat")
        >>> recognises(above)
        False
        >>> (above / "102flowers" / "setid.mat").touch()
        >>> recognises(above), recognises(above / "102flowers")
        (True, True)
    """

    def recognises(path: Path | str) -> bool:
        return any(_is_there(candidate / marker) for candidate in alone(path, beside=beside) for marker in markers)

    return recognises


def require_root(path: Path | str, *markers: str, reader: Reader) -> Path:
    """Return what `find_root` does, absolute.

    Raises:
        InputError: there is none (the message names the first marker that the likeliest folder lacks, and what to
            download), or there are two side by side.
    """
    candidates = _candidates(path)
    roots = [root for root in candidates if all(_is_there(root / marker) for marker in markers)]
    if len(roots) > 1 and roots[0] != candidates[0]:
        raise InputError(f"{roots[0]} and {roots[1]} are both {reader.takes}; give the path of the one that is meant.")
    if roots:
        return roots[0].absolute()
    if not candidates:
        raise InputError(f"{path} is no folder of this machine; {advice(reader)}")
    likeliest = max(candidates, key=lambda candidate: sum(_is_there(candidate / marker) for marker in markers))
    missing = next(marker for marker in markers if not _is_there(likeliest / marker))
    raise InputError(f"{likeliest} is not {reader.takes}: it has no {missing}; {advice(reader)}")


def require(path: Path, *, what: str, reader: Reader) -> Path:
    """Return `path` if it exists.

    Args:
        path: a file or folder of the official download.
        what: what it holds, such as "the class of each image".
        reader: of the data set, whose `official` says what to download.

    Raises:
        InputError: it does not exist.
    """
    if not _is_there(path):
        raise InputError(f"{path} is missing ({what}); {advice(reader)}")
    return path


def check_files(root: Path, relative_paths: Sequence[str], *, reader: Reader) -> list[str]:
    """Return the absolute path of each listed image, after seeing that all are there.

    Each folder is listed once, nothing is opened. A name whose ending is written in the other case (`.JPG` for
    `.jpg`) counts as the listed one.

    Raises:
        InputError: an image is missing (the message names the first and how many), or a listed path leads out of
            `root`.
    """
    found = _find_files(root, relative_paths)
    missing = [relative for relative, uri in zip(relative_paths, found, strict=True) if uri is None]
    if missing:
        more = f", and {len(missing) - 1:,} more of {len(relative_paths):,} listed" if len(missing) > 1 else ""
        raise InputError(f"{root / missing[0]} is listed but missing{more}; {advice(reader)}")
    return [uri for uri in found if uri is not None]


def optional_files(root: Path, relative_paths: Sequence[str]) -> list[str | None]:
    """Return the absolute path of each file, None where it is missing: masks and other extras of an archive.

    Raises:
        InputError: a path leads out of `root`.
    """
    return _find_files(root, relative_paths)


def official_frame(
    root: Path,
    keys: Sequence[str],
    *,
    labels: Sequence[str | None],
    splits: Sequence[str],
    request: Request,
    reader: Reader,
    reasons: Sequence[str | None] | None = None,
    uris: Sequence[str] | None = None,
    **extra: Sequence[Any],
) -> pd.DataFrame:
    """Return the listing of an official set: for a target all of it, for an open-set its train images.

    Args:
        root: the data set's root.
        keys: paths of the images below `root`.
        labels: class of each image; left out where the request says so.
        splits: "train" or "test".
        request: what the caller wants.
        reader: of the data set, for messages and its extra columns.
        reasons: why an image cannot be used, None where it can; None: all can.
        uris: what `check_files` gave; None: it is called here.
        extra: further columns; those of the reader that are not given are null.

    Raises:
        InputError: see `check_files`; or the lists name no image.
    """
    if not keys:
        raise InputError(f"The lists of {root} name no images; {advice(reader)}")
    frame = listing_frame(
        keys,
        check_files(root, keys, reader=reader) if uris is None else uris,
        labels=[None] * len(keys) if request.labels == "none" else labels,
        splits=splits,
        reasons=reasons,
        **(dict.fromkeys(reader.columns, [None] * len(keys)) | extra),
    )
    return frame[frame["split"] == "train"].reset_index(drop=True) if request.role == "openset" else frame


def split_lists_frame(
    root: Path,
    images: str,
    lists: Mapping[str, str],
    *,
    class_of: Callable[[str, Path], str],
    request: Request,
    reader: Reader,
) -> pd.DataFrame:
    """Return the listing of a set that names its images in one list a split, a path below `images` a line.

    Args:
        root: the data set's root.
        images: folder of the images below `root`.
        lists: path of a list below `root`: its split.
        class_of: from a line and the path of its list to the class; raises where the line is not as it should be.
        request: what the caller wants.
        reader: of the data set.

    Raises:
        InputError: see `official_frame`; or an image stands in the lists of two splits.
    """
    labels: dict[str, str] = {}
    splits: dict[str, str] = {}
    for name, split in lists.items():
        listed = {f"{images}/{line}": class_of(line, root / name) for line in read_list(root / name)}
        check_apart(splits, listed, path=root / name)
        labels |= listed
        splits |= dict.fromkeys(listed, split)
    return official_frame(
        root,
        list(splits),
        labels=list(labels.values()),
        splits=list(splits.values()),
        request=request,
        reader=reader,
    )


def folder_form(path: Path | str, request: Request, *, reader: Reader) -> Iterator[pd.DataFrame] | None:
    """Return the listing of an official set in ImageFolder form (train/<class>/, test/<class>/), None if it is not.

    It is not where neither `path` nor its only folder has a train/, or where any part of the official layout is. The
    class is the name of its folder; what only the official annotation knows is null. For an open-set, test/ is left
    out.

    Raises:
        InputError: an option asks for what folders cannot tell, such as another level of the labels.
    """
    root = next((candidate for candidate in alone(path) if (candidate / "train").is_dir()), None)
    if root is None or reader.recognises(path):
        return None
    for option in reader.options:
        value = option_of(reader.options, request, option.name)
        if value != option.default:
            raise InputError(
                f"`{option.name}` is '{value}', but {root} has only class folders; leave it at "
                f"'{option.default}', or {advice(reader)}"
            )
    frames = folder.READER.list_images(root, Request(role="target", labels=request.labels))
    return _complete(frames, request=request, reader=reader)


def alone(path: Path | str, *, beside: Sequence[str] = ()) -> list[Path]:
    """Return `path` and the folder in it, if that is the only one but for those called as in `beside`."""
    candidates = _candidates(path)
    below = [candidate for candidate in candidates[1:] if candidate.name not in beside]
    return candidates[:1] + (below if len(below) == 1 else [])


def outside(path: Path | str, *used: Path) -> list[Path]:
    """Return those of `used` that are there and do not lie in `path`.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "set").mkdir()
        >>> [found.name for found in outside(root / "set", root, root / "set", root / "gone")] == [root.name]
        True
    """
    top = Path(path).expanduser().absolute()
    return [each for each in used if _is_there(each) and not each.absolute().is_relative_to(top)]


def advice(reader: Reader) -> str:
    """Return what to download, as the end of a sentence."""
    official = missing_official(reader)
    return f"download {official.download} and give the path of the unpacked folder (usually {official.folder}/)."


def missing_official(reader: Reader) -> Official:
    """Return what the reader says of its download.

    Raises:
        ValueError: it says nothing, which is a mistake in the reader.
    """
    if reader.official is None:
        raise ValueError(f"The reader of {reader.takes} does not say what to download.")
    return reader.official


def _complete(frames: Iterable[pd.DataFrame], *, request: Request, reader: Reader) -> Iterator[pd.DataFrame]:
    """Yield the frames with null columns of the reader's; for an open-set their train images."""
    for frame in frames:
        nulls = {
            name: pd.Series([None] * len(frame), dtype=object if name == _NESTED else "str", index=frame.index)
            for name in reader.columns
        }
        full = frame.assign(**nulls)
        if request.role == "openset":
            full = full[full["split"] != "test"].assign(split="train").reset_index(drop=True)
        yield full


def _candidates(path: Path | str) -> list[Path]:
    if isinstance(path, str) and "://" in path:
        return []
    top = Path(path).expanduser()
    folders: list[Path] = []
    try:
        with os.scandir(top) as listing:
            for seen, entry in enumerate(listing):
                if seen == _MOST_ENTRIES:
                    return [top]
                if entry.is_dir() and not entry.name.startswith("."):
                    folders.append(top / entry.name)
    except OSError:
        return []
    return [top, *sorted(folders)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _find_files(root: Path, relative_paths: Sequence[str]) -> list[str | None]:
    top = root.absolute()
    listings: dict[str, dict[str, str]] = {}
    found: list[str | None] = []
    for relative in relative_paths:
        parts = PurePosixPath(relative).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in relative:
            raise InputError(
                f"'{relative}', listed below {root}, leads out of that folder; paths must stay below it: "
                "unpack the official archive again."
            )
        parent, _, name = relative.rpartition("/")
        if parent not in listings:
            listings[parent] = _names(top / parent)
        names = listings[parent]
        actual = names.get(name) or names.get(_folded(name))
        found.append(None if actual is None else os.path.join(top, parent, actual))  # noqa: PTH118 (one million Path objects are slow)
    return found


def _names(directory: Path) -> dict[str, str]:
    """Return {name, and name with its ending in lower case: name} of the visible entries of a directory."""
    try:
        with os.scandir(directory) as listing:
            names = sorted(entry.name for entry in listing if not entry.name.startswith("."))
    except OSError:
        return {}
    return {_folded(name): name for name in names} | {name: name for name in names}


def _folded(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}{dot}{ending.lower()}"
