"""Encoded images by uri: plain files, and rows of packed Parquet files read by row group."""

import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

IMAGE_COLUMN = "image"

T = TypeVar("T")

_PACKED = re.compile(r"(?P<path>.+)#row=(?P<row>\d+)", re.DOTALL)
_KEPT_GROUPS = 2


class UnreadableError(Exception):
    """An image cannot be used; the message is the reason, fit for the list of rejected images."""


def packed_uri(path: Path | str, row: int) -> str:
    """Return the uri of row `row` of the packed Parquet file `path`.

    Example:
        >>> packed_uri("/data/birds.parquet", 7)
        '/data/birds.parquet#row=7'
    """
    return f"{path}#row={row}"


def split_packed_uri(uri: str) -> tuple[str, int] | None:
    """Return the Parquet file and the row that `uri` names, or None for the uri of a plain file.

    Example:
        >>> split_packed_uri("/data/birds.parquet#row=7")
        ('/data/birds.parquet', 7)
        >>> split_packed_uri("/data/birds/wren.jpg") is None
        True
    """
    match = _PACKED.fullmatch(uri)
    return (match["path"], int(match["row"])) if match else None


class ByteReader:
    """Reads encoded images and keeps the last packed row groups, so that rows in order cost one read a group.

    May be shared by threads.
    """

    def __init__(self) -> None:
        self._bounds: dict[str, np.ndarray] = {}
        self._groups: OrderedDict[tuple[str, int], pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, uri: str) -> bytes:
        """Return the encoded image at `uri`.

        Raises:
            UnreadableError: the file or the row cannot be read; the message is the reason.
        """
        packed = split_packed_uri(uri)
        try:
            return Path(uri).read_bytes() if packed is None else self._read_packed(*packed)
        except FileNotFoundError as error:
            raise UnreadableError("the file does not exist") from error
        except pa.ArrowException as error:
            raise UnreadableError(f"the Parquet file is damaged: {error}") from error
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error

    def _read_packed(self, path: str, row: int) -> bytes:
        with self._lock:
            bounds = self._bounds.get(path)
            if bounds is None:
                bounds = self._bounds[path] = _row_group_bounds(path)
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
    """Return the encoded image at `uri`: a file, or `<parquet file>#row=<n>`.

    A packed row costs the reading of its whole row group: for many rows keep one `ByteReader`.

    Raises:
        UnreadableError: the file or the row cannot be read; the message is the reason.

    Example:
        >>> read_bytes("/nowhere/wren.jpg")
        Traceback (most recent call last):
        simcore.images.encoded.UnreadableError: the file does not exist
    """
    return ByteReader().read(uri)


@dataclass(frozen=True)
class Encoded:
    """An image to be decoded: a file that is still to be read, or the bytes of a packed row.

    Attributes:
        uri: of the image.
        row: what reading a packed row gave; None for a file.
    """

    uri: str
    row: bytes | UnreadableError | None

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            UnreadableError: the file or the row cannot be read.
        """
        if self.row is None:
            return read_bytes(self.uri)
        if isinstance(self.row, UnreadableError):
            raise self.row
        return self.row


def map_images(
    function: Callable[[int, Encoded], T], uris: Sequence[str], *, workers: int, lot: int = 16
) -> Iterator[tuple[int, T]]:
    """Yield (position in `uris`, what `function` makes of it) in an order that `workers` do not change.

    Files come first, as given; packed rows follow by file and row, each row group read once, here, while the
    workers are busy. At most 2 x `workers` + 1 lots of images are in memory.

    Args:
        function: takes a position and its image, in a thread; what it raises is raised here.
        uris: files, or rows of packed Parquet files.
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
    """Return the positions in `uris`, files first, then packed rows by file and row.

    Example:
        >>> reading_order(["/a.parquet#row=1", "/b.png", "/a.parquet#row=0"])
        [1, 2, 0]
    """
    plain: list[int] = []
    packed: list[tuple[str, int, int]] = []
    for position, uri in enumerate(uris):
        parts = split_packed_uri(uri)
        if parts is None:
            plain.append(position)
        else:
            packed.append((*parts, position))
    return plain + [position for _, _, position in sorted(packed)]


def _fetch(uri: str, reader: ByteReader) -> Encoded:
    if split_packed_uri(uri) is None:
        return Encoded(uri, None)
    try:
        return Encoded(uri, reader.read(uri))
    except UnreadableError as error:
        return Encoded(uri, error)


def _map_lot(function: Callable[[int, Encoded], T], images: list[tuple[int, Encoded]]) -> list[tuple[int, T]]:
    return [(position, function(position, image)) for position, image in images]


def _row_group_bounds(path: str) -> np.ndarray:
    metadata = pq.read_metadata(path)
    counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _read_row_group(path: str, group: int) -> pa.ChunkedArray:
    with pq.ParquetFile(path, memory_map=True) as file:
        return file.read_row_group(group, columns=[IMAGE_COLUMN]).column(IMAGE_COLUMN)
