"""Whether the data at a path are still those of yesterday."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from simcore.errors import InputError
from simcore.images.tree import walk_files

_WHOLE_FILE_BYTES = 64 * 2**20


def source_fingerprint(path: str | Path) -> str:
    """Return a hex digest that changes when the data at `path` change.

    A file of up to 64 MiB: sha256 of its content. A larger file, or a folder: sha256 of (relative path, size,
    modification time) over its sorted tree, hidden files left out; so a copy with new times counts as
    changed, and an edit that keeps size and time does not.

    Raises:
        InputError: there is nothing at `path`.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_bytes(b"cat")
        >>> source_fingerprint(file)[:8]
        '77af778b'
    """
    path = Path(path).expanduser()
    if path.is_file():
        status = path.stat()
        if status.st_size <= _WHOLE_FILE_BYTES:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        return _digest([("", status.st_size, status.st_mtime_ns)])
    if not path.is_dir():
        raise InputError(f"{path} does not exist; give the path of a folder or a file.")
    entries = []
    for relative, entry in walk_files(path):
        status = entry.stat(follow_symlinks=entry.is_file())
        entries.append((relative, status.st_size, status.st_mtime_ns))
    return _digest(sorted(entries))


def _digest(entries: Iterable[tuple[str, int, int]]) -> str:
    digest = hashlib.sha256()
    for relative, size, modified in entries:
        digest.update(f"{relative}\0{size}\0{modified}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
