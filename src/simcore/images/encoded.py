"""Encoded images by uri: files, rows of packed Parquet files by row group, members of tars; on disks or behind URLs."""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from simcore.errors import in_a_line
from simcore.images.packed_files import IMAGE_COLUMN, read_images, row_group_bounds
from simcore.images.remote_bytes import read_remote
from simcore.images.uris import Location, locate, member_uri, packed_uri, split_packed_uri

__all__ = [
    "IMAGE_COLUMN",
    "ByteReader",
    "Encoded",
    "UnreadableError",
    "map_images",
    "member_uri",
    "packed_uri",
    "read_bytes",
    "reading_order",
    "split_packed_uri",
]

T = TypeVar("T")

_KEPT_GROUPS = 2
_NO_NAME = "its path has a NUL byte, which no file's name can have"


class UnreadableError(Exception):
    """An image cannot be used; the message is the reason, fit for the list of rejected images."""


class ByteReader:
    """Reads encoded images and keeps the last packed row groups, so that rows in order cost one read a group.

    May be shared by threads, and used in processes that were forked meanwhile; no file or connection stays open.
    """

    def __init__(self) -> None:
        self._bounds: dict[str, np.ndarray] = {}
        self._groups: OrderedDict[tuple[str, int], pa.ChunkedArray] = OrderedDict()
        # By process: a lock that a thread of the parent held at the fork would never open in the child.
        self._locks: dict[int, threading.Lock] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return ByteReader, ()

    def read(self, uri: str) -> bytes:
        """Return the encoded image at `uri`, see `locate` for its forms.

        Raises:
            UnreadableError: the file, the row or the member cannot be read; the message is the reason.
        """
        if "\0" in uri:
            raise UnreadableError(_NO_NAME)
        location = locate(uri)
        try:
            return self._read_packed(location.path, location.row) if location.row is not None else _read(location)
        except FileNotFoundError as error:
            raise UnreadableError("the file does not exist") from error
        except pa.ArrowException as error:
            raise UnreadableError(f"the Parquet file is damaged: {in_a_line(error)}") from error
        except OSError as error:
            raise UnreadableError(error.strerror or in_a_line(error)) from error

    def _read_packed(self, path: str, row: int) -> bytes:
        with self._locks.setdefault(os.getpid(), threading.Lock()):
            bounds = self._bounds.get(path)
            if bounds is None:
                bounds = self._bounds[path] = row_group_bounds(path)
            if row >= bounds[-1]:
                raise UnreadableError(f"row {row} is beyond the {bounds[-1]} rows of the file")
            group = int(np.searchsorted(bounds, row, side="right")) - 1
            column = self._groups.pop((path, group), None)
            if column is None:
                column = _read_row_group(path, group)
            self._groups[path, group] = column
            if len(self._groups) > _KEPT_GROUPS:
                self._groups.popitem(last=False)
        data = column[row - int(bounds[group])].as_py()
        if data is None:
            raise UnreadableError("the row holds no image bytes")
        return data


def read_bytes(uri: str) -> bytes:
    """Return the encoded image at `uri`: a file, `<Parquet file>#row=<n>` or `<tar>#bytes=<first>+<count>`.

    Each may lie behind an fsspec URL, such as `s3://pool/wren.jpg`.

    A packed row costs the reading of its whole row group: for many rows keep one `ByteReader`.

    Raises:
        UnreadableError: it cannot be read; the message is the reason.

    Example:
        >>> read_bytes("/nowhere/wren.jpg")
        Traceback (most recent call last):
        simcore.images.encoded.UnreadableError: the file does not exist
    """
    return ByteReader().read(uri)


@dataclass(frozen=True)
class Encoded:
    """An image to be decoded.

    Attributes:
        uri: of the image.
        row: None for a local file of its own, which is still to be read and whose header can be read by its path; what
            reading a packed row gave; or the reader that is to read what lies in a tar or behind a URL.
    """

    uri: str
    row: bytes | UnreadableError | ByteReader | None

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            UnreadableError: they cannot be read.
        """
        if self.row is None:
            return read_bytes(self.uri)
        if isinstance(self.row, ByteReader):
            return self.row.read(self.uri)
        if isinstance(self.row, UnreadableError):
            raise self.row
        return self.row


def map_images(
    function: Callable[[int, Encoded], T], uris: Sequence[str], *, workers: int, lot: int = 16
) -> Iterator[tuple[int, T]]:
    """Yield (position in `uris`, what `function` makes of it) in an order that `workers` do not change.

    Files come first, as given; members of tars and packed rows follow as they lie in their files. Each row group is
    read once, here, while the workers are busy; everything else is read by the workers, so that several answers of a
    remote store are waited for at a time. At most 2 x `workers` + 1 lots of images are in memory.

    Args:
        function: takes a position and its image, in a thread; what it raises is raised here.
        uris: files, members of tars, or rows of packed Parquet files.
        workers: threads.
        lot: images a thread takes at a time.

    Example:
        >>> list(map_images(lambda position, image: image.uri[1:], ["/a.png", "/b.png"], workers=2))
        [(0, 'a.png'), (1, 'b.png')]
    """
    reader = ByteReader()
    order = reading_order(uris)
    window: deque[Future[list[tuple[int, T]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, len(order), lot):
                images = [(position, _fetch(uris[position], reader)) for position in order[start : start + lot]]
                window.append(pool.submit(_map_lot, function, images))
                if len(window) > 2 * workers:
                    yield from window.popleft().result()
            while window:
                yield from window.popleft().result()
        finally:
            for future in window:
                future.cancel()


def reading_order(uris: Sequence[str]) -> list[int]:
    """Return the positions in `uris`: files first, then members of tars and packed rows by file and place in it.

    Example:
        >>> reading_order(["/a.parquet#row=1", "/b.png", "/a.parquet#row=0", "/a.tar#bytes=512+9"])
        [1, 2, 0, 3]
    """
    files: list[int] = []
    parts: list[tuple[str, int, int]] = []
    for position, uri in enumerate(uris):
        location = locate(uri)
        if location.whole:
            files.append(position)
        else:
            start = location.row if location.span is None else location.span[0]
            parts.append((location.path, start or 0, position))
    return files + [position for _, _, position in sorted(parts)]


def _fetch(uri: str, reader: ByteReader) -> Encoded:
    if "\0" in uri:
        return Encoded(uri, UnreadableError(_NO_NAME))
    location = locate(uri)
    if location.row is None:
        return Encoded(uri, None if location.whole and not location.remote else reader)
    try:
        return Encoded(uri, reader.read(uri))
    except UnreadableError as error:
        return Encoded(uri, error)


def _read(location: Location) -> bytes:
    """Return the bytes of a file, or of the member of a tar."""
    if location.remote:
        data = read_remote(location.path, span=location.span)
    elif location.span is None:
        return Path(location.path).read_bytes()
    else:
        with Path(location.path).open("rb") as file:
            file.seek(location.span[0])
            data = file.read(location.span[1])
    if location.span is not None and len(data) < location.span[1]:
        start, size = location.span
        raise UnreadableError(f"the file ends {size - len(data)} bytes before the {size} from byte {start} on are over")
    return data


def _map_lot(function: Callable[[int, Encoded], T], images: list[tuple[int, Encoded]]) -> list[tuple[int, T]]:
    return [(position, function(position, image)) for position, image in images]


def _read_row_group(path: str, group: int) -> pa.ChunkedArray:
    return read_images(path, group)
