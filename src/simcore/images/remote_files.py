"""Files behind fsspec URLs: whether they are there, and every one below a folder."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from simcore.errors import InputError, in_a_line
from simcore.images.tree import is_regular, walk_files

T = TypeVar("T")

_TIMES = ("mtime", "last_modified", "LastModified", "updated", "modified", "created")
_TAGS = ("ETag", "etag", "md5Hash", "content_md5")


def open_remote(url: str) -> tuple[Any, str]:
    """Return the file system of `url` and the path on it.

    Raises:
        InputError: the protocol is unknown, or the package that speaks it is not installed.

    Example:
        >>> open_remote("memory://birds/wren.jpg")[1]
        '/birds/wren.jpg'
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(f"{url} cannot be opened: {in_a_line(error)}; install what it needs, or copy it here.") from (
            error
        )
    return filesystem, path


def remote_exists(url: str) -> bool:
    """Return whether something lies at `url`.

    Raises:
        InputError: its store cannot be asked.
    """
    return _asked(lambda filesystem, path: bool(filesystem.exists(path)), url)


def remote_is_folder(url: str) -> bool:
    """Return whether `url` is a folder: one of a file system, or what object names have in common up to a slash.

    Raises:
        InputError: its store cannot be asked.
    """
    return _asked(lambda filesystem, path: bool(filesystem.isdir(path)), url)


def remote_folders(url: str) -> list[str]:
    """Return the names of the folders just below `url`, hidden ones left out.

    Raises:
        InputError: its store cannot be asked.
    """
    return _names(url, "*", kind="directory")


def join_url(url: str, relative: str) -> str:
    """Return the URL of `relative` below the folder `url`.

    Example:
        >>> join_url("s3://pool/birds/", "wren.jpg")
        's3://pool/birds/wren.jpg'
        >>> join_url("zip://::file:///data/birds.zip", "wren.jpg")
        'zip://wren.jpg::file:///data/birds.zip'
    """
    head, chain, tail = url.partition("::")
    head = head if head.endswith("://") else head.rstrip("/") + "/"
    return f"{head}{relative}{chain}{tail}"


def walk_remote(url: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (path below `url` with `/` between its parts, what the store says of it) of every file, in no fixed order.

    Hidden files and folders are left out. One folder is in memory at a time.

    Raises:
        InputError: a folder cannot be listed.

    Example:
        >>> store = fsspec.filesystem("memory")
        >>> store.pipe("/aviary/birds/wren.jpg", b"...")
        >>> [relative for relative, _ in walk_remote("memory://aviary")]
        ['birds/wren.jpg']
        >>> store.rm("/aviary", recursive=True)
    """
    filesystem, top = open_remote(url)
    if isinstance(filesystem, LocalFileSystem):
        # Links in circles and links to nothing are known there only.
        yield from ((relative, _status(entry)) for relative, entry in walk_files(Path(top)))
        return
    pending = [("", top)]
    while pending:
        prefix, folder = pending.pop()
        try:
            entries = filesystem.ls(folder, detail=True)
        except Exception as error:  # each store has errors of its own
            raise InputError(
                f"{join_url(url, prefix)} cannot be listed ({in_a_line(error)}); make it readable, or copy it here."
            ) from error
        for entry in entries:
            name = os.path.basename(entry["name"].rstrip("/"))  # noqa: PTH119 one million Path objects are slow
            # An object store may list the folder itself as an empty object.
            if not name or name.startswith(".") or entry["name"].rstrip("/") == folder.rstrip("/"):
                continue
            if entry["type"] == "directory":
                pending.append((f"{prefix}{name}/", entry["name"]))
            else:
                yield prefix + name, entry


def match_remote(pattern: str) -> list[str]:
    """Return the URLs of the files that match `pattern`, in which `*` is any text but `/`; hidden ones left out.

    Raises:
        InputError: its store cannot be asked.

    Example:
        >>> store = fsspec.filesystem("memory")
        >>> store.pipe("/aviary/shard-0.tar", b"...")
        >>> match_remote("memory://aviary/shard-*.tar")
        ['memory://aviary/shard-0.tar']
        >>> store.rm("/aviary", recursive=True)
    """
    head, chain, tail = pattern.partition("::")
    at = head.rfind("/", 0, max(head.find("*"), 0)) + 1
    *above, last = head[at:].split("/")
    folders = [f"{head[:at]}{chain}{tail}"]
    for part in above:
        folders = [join_url(folder, name) for folder in folders for name in _names(folder, part, kind="directory")]
    return [join_url(folder, name) for folder in folders for name in _names(folder, last, kind="file")]


def _names(url: str, pattern: str, *, kind: str) -> list[str]:
    """Return the names of the folders or files just below `url` that match `pattern`, hidden ones left out."""
    wanted = re.compile("[^/]*".join(map(re.escape, pattern.split("*"))))
    entries = _asked(lambda filesystem, path: filesystem.ls(path, detail=True), url)
    names = [entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == kind]
    return [name for name in names if wanted.fullmatch(name) and not name.startswith(".")]


def remote_state(entry: Mapping[str, Any]) -> str:
    """Return what tells one version of a remote file from the next: its tag or time, as the store gives it."""
    return "|".join(str(entry[name]) for name in (*_TAGS, *_TIMES) if entry.get(name) is not None)


def _status(entry: "os.DirEntry[str]") -> dict[str, Any]:
    is_file = is_regular(entry)
    status = entry.stat(follow_symlinks=is_file)
    kind = "file" if is_file else "link" if entry.is_symlink() else "other"
    return {"name": entry.path, "type": kind, "size": status.st_size, "mtime": status.st_mtime_ns}


def _asked(question: Callable[[Any, str], T], url: str) -> T:
    filesystem, path = open_remote(url)
    try:
        return question(filesystem, path)
    except Exception as error:  # each store has errors of its own
        raise InputError(f"{url} cannot be read ({in_a_line(error)}); check the address and your access.") from error
