"""Whether the data at a path are still those of yesterday."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from simcore.errors import InputError
from simcore.images.remote_files import open_remote, remote_exists, remote_is_folder, remote_state, walk_remote
from simcore.images.sources.shards import expand_pattern, is_pattern
from simcore.images.sources.spec import SourceSpec, find_reader
from simcore.images.tree import is_regular, walk_files
from simcore.source_text import is_url

_WHOLE_FILE_BYTES = 64 * 2**20


def source_fingerprint(path: str | Path) -> str:
    """Return a hex digest that changes when the data at `path` change.

    A file of up to 64 MiB: sha256 of its content. A larger file, or a folder: sha256 of (relative path, size,
    modification time) over its sorted tree, hidden files left out; so a copy with new times counts as
    changed, and an edit that keeps size and time does not. Behind a URL the times and tags are the store's. Of a
    pattern all files count; of a list of images the list alone.

    Raises:
        InputError: there is nothing at `path`.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = file.write_bytes(b"cat")
        >>> source_fingerprint(file)[:8]
        '77af778b'
    """
    if is_url(str(path)):
        return _remote_fingerprint(str(path))
    path = Path(path).expanduser()
    if path.is_file():
        status = path.stat()
        if status.st_size <= _WHOLE_FILE_BYTES:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        return _digest([("", status.st_size, status.st_mtime_ns)])
    if not path.is_dir():
        if is_pattern(path):
            return _pattern_fingerprint(str(path))
        raise InputError(f"{path} does not exist; give the path of a folder or a file.")
    entries = []
    for relative, entry in walk_files(path):
        status = entry.stat(follow_symlinks=is_regular(entry))
        entries.append((relative, status.st_size, status.st_mtime_ns))
    return _digest(sorted(entries))


def sources_fingerprint(specs: Sequence[SourceSpec]) -> str:
    """Return a hex digest that changes when the data of any of `specs`, or the place they lie at, change.

    What a reader takes from beside the path, such as masks of another archive, belongs to a source. A single source
    that was given by its path and has nothing beside it has that path's `source_fingerprint`.

    Raises:
        InputError: as in `source_fingerprint`, or a source has no reader.
    """
    beside = [_beside(spec) for spec in specs]
    if len(specs) == 1 and specs[0].name == "auto" and not beside[0]:
        return source_fingerprint(specs[0].path)
    places = [
        (spec.label, place) for spec, more in zip(specs, beside, strict=True) for place in (spec.path, *map(str, more))
    ]
    lines = [f"{label}\0{place}\0{source_fingerprint(place)}\n" for label, place in places]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _beside(spec: SourceSpec) -> Sequence[Path]:
    if is_url(spec.path):
        return ()
    _, reader = find_reader(spec)
    return () if reader.beside is None else reader.beside(Path(spec.path))


def _remote_fingerprint(url: str) -> str:
    if remote_is_folder(url):
        return _digest(
            sorted((relative, entry.get("size") or 0, remote_state(entry)) for relative, entry in walk_remote(url))
        )
    if not remote_exists(url):
        if is_pattern(url):
            return _pattern_fingerprint(url)
        raise InputError(f"{url} does not exist; give the URL of a folder or a file.")
    filesystem, path = open_remote(url)
    entry = filesystem.info(path)
    return _digest([("", entry.get("size") or 0, remote_state(entry))])


def _pattern_fingerprint(pattern: str) -> str:
    lines = [f"{path}\0{source_fingerprint(path)}\n" for path in expand_pattern(pattern)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(entries: Iterable[tuple[str, int, int | str]]) -> str:
    digest = hashlib.sha256()
    for relative, size, modified in entries:
        digest.update(f"{relative}\0{size}\0{modified}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
