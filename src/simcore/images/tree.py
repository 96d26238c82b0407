"""Every file below a folder, links followed, without running in circles."""

import os
from collections.abc import Iterator
from pathlib import Path

from simcore.errors import InputError


def walk_files(root: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield (path below `root` with `/` between its parts, directory entry) of every file, in no fixed order.

    Links are followed, since data are often linked into place; a directory inside itself is not entered
    again. Hidden files and directories are left out. Entries that are no directories are yielded even when
    they cannot be opened: links to nothing or to each other, pipes.

    Raises:
        InputError: a directory cannot be listed.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "birds").mkdir()
        >>> (root / "birds" / "wren.jpg").touch()
        >>> [relative for relative, _ in walk_files(root)]
        ['birds/wren.jpg']
    """
    top = root.absolute()
    pending = [(str(top), "", frozenset({_identity(os.stat(top))}))]  # noqa: PTH116 (one million Path objects are slow)
    while pending:
        directory, prefix, above = pending.pop()
        try:
            with os.scandir(directory) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            raise InputError(
                f"{directory} cannot be listed ({error.strerror}); make it readable, or move it away."
            ) from error
        for entry in entries:
            if not _is_directory(entry):
                yield prefix + entry.name, entry
                continue
            identity = _identity(entry.stat())
            if identity not in above:
                pending.append((entry.path, f"{prefix}{entry.name}/", above | {identity}))


def is_regular(entry: "os.DirEntry[str]") -> bool:
    """Return whether `entry` is a file, or a link to one; False for links to nothing and in circles."""
    try:
        return entry.is_file()
    except OSError:  # too many levels of links
        return False


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # too many levels of links
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
