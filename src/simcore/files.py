"""Atomic writes: an artefact appears under its final name only when it is whole."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def _sync(path: Path) -> None:
    """Push a file or a directory entry to the disk, so that a power cut cannot leave an empty renamed file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on error.

    An existing `path` is replaced in one step: a reader sees the old file or the new one, never a mixture.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
        >>> with atomic_file(target) as partial:
        ...     _ = partial.write_text("42")
        >>> target.read_text()
        '42'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        yield partial
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; rename it to `path` on success, remove it on error.

    An existing `path` is replaced: it is moved aside first and removed once the new one stands.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "encoder"
        >>> with atomic_directory(target) as partial:
        ...     _ = (partial / "card.json").write_text("{}")
        >>> [entry.name for entry in target.iterdir()]
        ['card.json']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    partial.mkdir()
    try:
        yield partial
        for entry in partial.rglob("*"):
            if entry.is_file():
                _sync(entry)
        if path.exists():
            old = _partial(path)
            path.rename(old)
            partial.rename(path)
            shutil.rmtree(old)
        else:
            partial.rename(path)
        _sync(path.parent)
    finally:
        if partial.exists():
            shutil.rmtree(partial)
