"""Bytes of files behind fsspec URLs, for readers that forked processes and threads may use."""

import time
from pathlib import Path
from typing import BinaryIO, cast

from simcore.errors import InputError, in_a_line
from simcore.images.remote_files import open_remote
from simcore.source_text import is_url

_WAITS = (0.5, 2.0)
"""Seconds before the second and the third attempt: a store that is busy for a moment must not cost an image."""

_FINAL = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class RemoteError(OSError):
    """A file behind a URL cannot be read; the message is one line."""


def read_remote(url: str, *, span: tuple[int, int] | None = None) -> bytes:
    """Return the file at `url`, or the (first byte, number of bytes) `span` of it; three attempts.

    The file system is asked for anew at each call: fsspec keeps one for each process, so that nothing of a parent's
    connections is used in a child.

    Raises:
        OSError: it cannot be read; a `RemoteError` where the store's own error is not one of the usual classes.

    Example:
        >>> import fsspec
        >>> fsspec.filesystem("memory").pipe("/aviary/wren.jpg", b"pixels")
        >>> read_remote("memory://aviary/wren.jpg", span=(2, 3))
        b'xel'
        >>> fsspec.filesystem("memory").rm("/aviary", recursive=True)
    """
    start, end = (None, None) if span is None else (span[0], span[0] + span[1])
    for wait in (*_WAITS, None):
        try:
            filesystem, path = open_remote(url)
            return bytes(filesystem.cat_file(path, start=start, end=end))
        except (*_FINAL, MemoryError):
            raise
        except InputError as error:
            raise RemoteError(str(error)) from error
        except Exception as error:  # each store has errors of its own
            if wait is None:
                raise RemoteError(in_a_line(error)) from error
            time.sleep(wait)
    raise AssertionError


def open_binary(place: Path | str) -> BinaryIO:
    """Return the file at a path or URL, open for reading at any position.

    Raises:
        OSError: it cannot be opened; of a URL a `RemoteError`, or one of the usual classes.
    """
    if isinstance(place, Path) or not is_url(place):
        return Path(place).open("rb")
    try:
        filesystem, path = open_remote(place)
        return cast("BinaryIO", filesystem.open(path, "rb"))
    except _FINAL:
        raise
    except InputError as error:
        raise RemoteError(str(error)) from error
    except Exception as error:  # each store has errors of its own
        raise RemoteError(in_a_line(error)) from error
