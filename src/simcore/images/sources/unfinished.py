"""Folders that are plainly a published data set with a part missing, which nobody means to be read as class folders."""

import os
import re
from itertools import islice
from pathlib import Path

from simcore.errors import InputError
from simcore.images.sources import READERS
from simcore.images.sources.official import alone, missing_official
from simcore.images.sources.reader import Sign

_CLASS_FOLDERS = ("train", "training")
_GLANCE = 64


def check_finished(path: Path) -> None:
    """Raise where `path`, or its only folder, has a sign of a published data set.

    To be asked of folders that no reader of a published set recognises. Where class folders lie in train/, what lies
    beside that is no sign. Time: some two hundred questions after names; nothing is opened.

    Raises:
        InputError: it has one; the message names the set, what is missing and what to download.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "cat").mkdir()
        >>> check_finished(root)
    """
    for root in alone(path):
        folders = [name for name in _CLASS_FOLDERS if (root / name).is_dir()]
        for reader in READERS.values():
            for sign in () if reader.official is None else reader.official.signs:
                found = _find(root, sign, folders=folders)
                if found is not None:
                    official = missing_official(reader)
                    raise InputError(
                        f"{root} looks like {official.title}: it has {found}, but not {sign.missing}; download "
                        f"{official.download}, or give it as `folder:{path}` to read it as a plain folder of images."
                    )


def _find(root: Path, sign: Sign, *, folders: list[str]) -> str | None:
    """Return the first path of a sign that `root` has; with class folders, of those inside them."""
    if sign.of_root is not None and sign.of_root.fullmatch(root.name) is None:
        return None
    paths = (path for path in sign.paths if not folders or path.partition("/")[0] in folders)
    return next((path for path in paths if _is_sign(root / path, entries=sign.entries)), None)


def _is_sign(path: Path, *, entries: re.Pattern[str] | None) -> bool:
    try:
        if entries is None:
            return path.exists()
        with os.scandir(path) as listing:
            names = (entry.name for entry in listing if not entry.name.startswith("."))
            first = list(islice(names, _GLANCE))
    except OSError:
        return False
    return bool(first) and all(entries.fullmatch(name) for name in first)
