"""What a uri of an image says: which file, on a disk or behind a URL, and which part of it."""

import re
from dataclasses import dataclass
from pathlib import Path

from simcore.source_text import is_url

_PART = re.compile(r"(?P<path>.+)#(?:row=(?P<row>\d+)|bytes=(?P<start>\d+)\+(?P<size>\d+))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """Where the bytes of an image are.

    Attributes:
        path: local path or fsspec URL of the file.
        row: of a packed Parquet file; None otherwise.
        span: first byte and number of bytes of a member of a tar; None otherwise.
    """

    path: str
    row: int | None = None
    span: tuple[int, int] | None = None

    @property
    def remote(self) -> bool:
        """Whether `path` is a URL."""
        return is_url(self.path)

    @property
    def whole(self) -> bool:
        """Whether the image is all of its file."""
        return self.row is None and self.span is None


def locate(uri: str) -> Location:
    """Return the file that `uri` names, and the part of it.

    Forms: `<path>`, `<Parquet file>#row=<n>`, `<tar>#bytes=<first>+<count>`, each with a path or an fsspec URL.

    Example:
        >>> locate("/data/birds/wren.jpg")
        Location(path='/data/birds/wren.jpg', row=None, span=None)
        >>> locate("s3://pool/birds.tar#bytes=512+9000")
        Location(path='s3://pool/birds.tar', row=None, span=(512, 9000))
    """
    match = _PART.fullmatch(uri) if "#" in uri else None
    if match is None:
        return Location(uri)
    if match["row"] is not None:
        return Location(match["path"], row=int(match["row"]))
    return Location(match["path"], span=(int(match["start"]), int(match["size"])))


def packed_uri(path: Path | str, row: int) -> str:
    """Return the uri of row `row` of the packed Parquet file `path`.

    Example:
        >>> packed_uri("/data/birds.parquet", 7)
        '/data/birds.parquet#row=7'
    """
    return f"{path}#row={row}"


def member_uri(path: Path | str, start: int, size: int) -> str:
    """Return the uri of the `size` bytes of the tar `path` that begin at byte `start`.

    Example:
        >>> member_uri("/data/birds.tar", 512, 9000)
        '/data/birds.tar#bytes=512+9000'
    """
    return f"{path}#bytes={start}+{size}"


def split_packed_uri(uri: str) -> tuple[str, int] | None:
    """Return the Parquet file and the row that `uri` names, or None where it names no row.

    Example:
        >>> split_packed_uri("/data/birds.parquet#row=7")
        ('/data/birds.parquet', 7)
        >>> split_packed_uri("/data/birds/wren.jpg") is None
        True
    """
    location = locate(uri)
    return None if location.row is None else (location.path, location.row)
