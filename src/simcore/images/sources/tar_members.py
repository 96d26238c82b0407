"""The files in a tar, as far as they are whole and stay inside it; nothing is ever unpacked."""

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from simcore.errors import InputError, in_a_line
from simcore.images.remote_bytes import open_binary
from simcore.images.sources.shards import last_name
from simcore.source_text import is_url

_MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK = 512
_ERRORS = (tarfile.TarError, ValueError, IndexError, OverflowError)
"""Beside its own errors, tarfile lets through what damaged numbers and texts in extended headers raise."""
_LONGEST_END = 2**20
"""Bytes of zeros that fill up a tar at most; GNU tar writes up to 10 KiB unless told otherwise."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_VOLUME_LABEL = b"V"
_APPLE = "__MACOSX"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar.

    Attributes:
        name: path in the tar, `/` between its parts.
        start: first byte of its content.
        size: bytes of its content.
        refused: why it cannot be used; None where it can.
    """

    name: str
    start: int
    size: int
    refused: str | None = None


@contextmanager
def open_tar(path: str) -> Iterator[BinaryIO]:
    """Yield the tar at a path or URL, open for reading.

    Raises:
        InputError: it does not exist, or cannot be read.
    """
    try:
        with open_binary(path) as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; add it, or correct the path.") from error
    except InputError:
        raise
    except Exception as error:
        if not is_url(path) and not isinstance(error, OSError):
            raise
        # Each store has errors of its own.
        raise InputError(f"{path} cannot be read ({in_a_line(error)}); check the path and your access.") from error


def read_members(file: BinaryIO, *, path: str) -> Iterator[Member]:
    """Yield the files of the tar at `path`, open as `file`, in their order; folders and hidden files are left out.

    A file that is a link, a device or cut off is yielded with the reason why it is refused. Where the tar itself is
    cut off or damaged, or goes on behind its end mark, the last one yielded stands for what is missing, under the name
    of the tar.

    Memory is that of one header. The caller may read and seek in `file` between two members.

    Raises:
        InputError: it is compressed or no tar, or a path in it leads out of it.
    """
    end = file.seek(0, 2)
    file.seek(0)
    _check_start(file.read(_BLOCK), path=path)
    file.seek(0)
    try:
        tar = tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    except _ERRORS as error:
        raise InputError(f"{path} is no tar ({in_a_line(error)}); fetch or pack it again.") from error
    damaged_at: int | None = None
    while True:
        try:
            info = tar.next()
        except _ERRORS:
            damaged_at = tar.offset
            break
        if info is None:
            break
        # The module keeps all of them otherwise.
        tar.members.clear()  # type: ignore[attr-defined]
        # A negative size would lead back to members that were there before.
        if info.size < 0 or tar.offset <= info.offset:
            damaged_at = info.offset
            break
        member = _read(info, path=path)
        if info.offset_data + info.size > end and info.isreg():
            yield Member(
                _legible(info.name), info.offset_data, info.size, "the tar is cut off in it; what follows is missing"
            )
            return
        if member is not None:
            yield member
    at = min(tar.offset if damaged_at is None else damaged_at, end)
    file.seek(at)
    rest = file.read(_LONGEST_END)
    reason = None
    if damaged_at is not None or any(rest[:_BLOCK]) or 0 < len(rest) < _BLOCK:
        reason = f"the tar is cut off or damaged at byte {at} of {end}; what follows is missing"
    elif not rest:
        reason = "the tar has no end mark, as where it is cut off; what follows may be missing"
    elif any(rest) or end - at > _LONGEST_END:
        reason = f"the tar goes on behind its end mark at byte {at} of {end}; what follows is missing"
    if reason is not None:
        yield Member(last_name(path) if is_url(path) else PurePosixPath(path).name, at, 0, reason)


def _check_start(start: bytes, *, path: str) -> None:
    if not start:
        raise InputError(f"{path} is empty (0 bytes); fetch or pack it again.")
    for magic, name in _MAGICS.items():
        if start.startswith(magic):
            raise InputError(
                f"{path} is compressed ({name}), so that no image in it can be reached without unpacking all before "
                "it; decompress it to a plain .tar, or unpack it into a folder."
            )


def _read(info: tarfile.TarInfo, *, path: str) -> Member | None:
    """Return the member, or None where there is nothing to list: a folder, a hidden file, the label of a volume."""
    parts = info.name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or _DRIVE.match(info.name):
        raise InputError(
            f"Member '{_legible(info.name)}' of {path} lies outside the tar's own folder; such a tar is not read: "
            "pack it again with relative paths."
        )
    name = "/".join(part for part in info.name.split("/") if part not in ("", "."))
    if info.isdir() or info.type == _VOLUME_LABEL:
        return None
    if any(part.startswith(".") or part == _APPLE for part in name.split("/")):
        return None
    refused = None
    if info.issym() or info.islnk():
        refused = f"it is a link to '{_legible(info.linkname)}', and links in a tar are not followed"
    elif not info.isreg() or info.issparse():
        refused = "it is not a regular file"
    elif _legible(name) != name:
        refused = "its path is not valid UTF-8"
    return Member(_legible(name), info.offset_data, info.size, refused)


def _legible(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
