"""Where an export goes: a folder of its own, which appears when it is whole."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simcore import __version__
from simcore.errors import InputError, legible
from simcore.files import atomic_directory

CARD = "export.json"
"""File that says what an export is; its presence makes a folder one."""

_KIND = "simcore export"


@contextmanager
def export_directory(folder: str | Path, *, thing: Mapping[str, str]) -> Iterator[Path]:
    """Yield a new folder beside `folder`, which takes its place when the block is left without an error.

    Written last is `export.json`: the thing, and how many files there are, so that a later export knows it again.

    Args:
        folder: Where the export goes.
        thing: What it is, by name; an earlier export of the same thing is replaced.

    Raises:
        InputError: As in `check_destination`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "out"
        >>> for text in ("once", "again"):
        ...     with export_directory(folder, thing={"what": "coreset"}) as partial:
        ...         _ = (partial / "images.csv").write_text(text)
        >>> (folder / "images.csv").read_text(), sorted(entry.name for entry in folder.iterdir())
        ('again', ['export.json', 'images.csv'])
    """
    # A link stays a link: what it points to is replaced.
    folder = Path(folder).resolve()
    check_destination(folder, thing=thing)
    with atomic_directory(folder) as partial:
        yield partial
        card = {"kind": _KIND, "version": __version__, "thing": dict(thing), "files": _count(partial)}
        (partial / CARD).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        check_destination(folder, thing=thing)
        # All at once: file by file, as the rename asks for it, 500 small copies took 2.5 s.
        os.sync()


def check_destination(folder: str | Path, *, thing: Mapping[str, str]) -> None:
    """Raise unless `folder` is free: not there, empty, or an earlier export of the same thing and nothing else.

    Raises:
        InputError: One sentence on what is in the way.

    Example:
        >>> check_destination("/", thing={"what": "coreset"})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        simcore.errors.InputError: / holds other things (...); export into a new or empty folder.
    """
    folder = Path(folder)
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; export into a new or empty folder.")
    entries = sorted(entry.name for entry in folder.iterdir())
    if not entries:
        return
    card = _read_card(folder)
    if card is None:
        raise InputError(f"{folder} holds other things ({entries[0]}, ...); export into a new or empty folder.")
    if card["thing"] != dict(thing):
        held, wanted = (
            ", ".join(f"{name} {value}" for name, value in sorted(one.items())) for one in (card["thing"], thing)
        )
        raise InputError(
            f"{folder} holds an export of something else ({legible(held)}; now {legible(wanted)}); export into another "
            "folder, or remove that one."
        )
    if _count(folder) != card["files"]:
        raise InputError(
            f"{folder} holds an earlier export, but files came or went since; nothing of yours is removed: export into "
            "another folder, or remove that one."
        )


def _read_card(folder: Path) -> dict[str, Any] | None:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(card, dict) and card.get("kind") == _KIND
    return card if whole and all(isinstance(card.get(name), dict) for name in ("thing", "files")) else None


def _count(folder: Path) -> dict[str, int]:
    """Return how many files each entry of an export holds; the card does not count."""
    return {
        entry.name: sum(len(files) for _, _, files in os.walk(entry)) if entry.is_dir() else 1
        for entry in sorted(folder.iterdir())
        if entry.name != CARD
    }
