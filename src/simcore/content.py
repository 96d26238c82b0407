"""What an artefact's files held when they were written, beside it: damage is found before wrong rows are used.

The list is written after the artefact stands, so it is also the sign that a version is whole.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simcore.files import atomic_file

CONTENT_NAME = "content.json"
CHECKED_BYTES = 2**30
"""Artefacts up to this size are compared with their digests whenever they are loaded (about a second); larger ones by
names and sizes, and by digests where that is asked for."""


def write_content(path: Path, place: Path, *, by_hand: bool = False) -> None:
    """Write to `place` which files the artefact at `path` has, with bytes and sha256 of each.

    Args:
        path: A file or a folder.
        place: Where the list goes.
        by_hand: Whether people edit the artefact where it lies: then the list is empty, and nothing is compared.
    """
    files = {} if by_hand else {name: [file.stat().st_size, _digest(file)] for name, file in _files(path)}
    with atomic_file(place) as partial:
        partial.write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")


def find_damage(path: Path, place: Path, *, digests_up_to: float | None = None) -> str | None:
    """Return in words what differs between the artefact at `path` and its list at `place`; None where nothing does.

    Files that are missing or of another size are found always, changed bytes where the artefact is no larger than
    `digests_up_to` bytes (`CHECKED_BYTES` by default). Without a list nothing is known, and None returned. Costs a look
    at each file, and a read.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("one")
        >>> write_content(folder / "a.txt", folder / CONTENT_NAME)
        >>> _ = (folder / "a.txt").write_text("two")
        >>> find_damage(folder / "a.txt", folder / CONTENT_NAME).split("/")[-1]
        'a.txt does not hold the bytes that were written'
    """
    try:
        listed = {name: (int(size), str(digest)) for name, (size, digest) in _read(place)["files"].items()}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{place} cannot be read"
    present = dict(_files(path))
    for name, (size, _) in listed.items():
        if name not in present:
            return f"{path / name} is missing"
        found = present[name].stat().st_size
        if found != size:
            return f"{present[name]} has {found:,} bytes instead of {size:,}"
    if sum(size for size, _ in listed.values()) <= (CHECKED_BYTES if digests_up_to is None else digests_up_to):
        for name, (_, digest) in listed.items():
            if _digest(present[name]) != digest:
                return f"{present[name]} does not hold the bytes that were written"
    return None


def whole_versions(folder: Path, *, records: Iterable[str]) -> list[str]:
    """Return the names of the versions in `folder` that may be loaded, the newest first.

    A version is a folder with an artefact named as `folder` inside. Those that were written to their end say so by a
    list of their content or one of the `records` beside the artefact; where some do, the others do not count: they are
    half made, or copied here by hand. Where none does, all count: somebody put them there.
    """
    inside = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    there = [path for path in inside if not path.name.startswith(".") and (path / folder.name).exists()]
    signs = (CONTENT_NAME, *records)
    whole = [path for path in there if any((path / sign).is_file() for sign in signs)]
    return [path.name for path in whole or there]


def _read(place: Path) -> dict[str, dict[str, tuple[Any, Any]]]:
    return json.loads(place.read_text(encoding="utf-8"))


def _files(path: Path) -> list[tuple[str, Path]]:
    """Return the files of an artefact by their names below it; a file alone has the name `.`."""
    if not path.is_dir():
        return [(".", path)] if path.exists() else []
    return [(file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file()]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
