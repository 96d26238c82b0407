"""File names from keys: they stay below their folder, are unique on every file system, and read like the keys."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simcore.images.sources.folder import IMAGE_SUFFIXES

LONGEST_PART = 180
"""Bytes of one part of a path: file systems allow 255, and a suffix and a mark against doubles go behind."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|%~]')
_EDGES = re.compile(r"^[ .]|[ .]$")
_PLAIN = re.compile(r"(?:[\w-]+/)*[\w-]+", re.ASCII)
_MARK_DIGITS = 16


@dataclass(frozen=True)
class FileNames:
    """Relative paths of images, in two parts.

    Attributes:
        stems: (n,) str objects, `/` between the parts, without the ending.
        suffixes: (n,) str objects such as ".jpg", as the key has it; empty where it has none.
    """

    stems: np.ndarray
    suffixes: np.ndarray

    def full(self, position: int, *, suffix: str) -> str:
        """Return the relative path of the image at `position`, which ends in `suffix` if its key has no ending."""
        return str(self.stems[position]) + (str(self.suffixes[position]) or suffix)


def safe_names(keys: Sequence[str], *, dots: bool = True) -> FileNames:
    """Return relative paths for `keys`, one each, that differ even where upper and lower case do not.

    A `/` in a key makes a folder. What a file system may refuse or read as something else (`:`, `..`, control
    characters, a dot in front) is written as `%` and two hexadecimal digits, empty parts are left out, and too long
    ones are cut. Where two keys would share a name, both get the first digits of their SHA-256 after a `~`; so a name
    depends on its key and on whether it has a double, never on the order. Time and memory are linear in the keys.

    Args:
        keys: Unique keys of images.
        dots: Whether dots inside the last part stay; where not, only the one before the ending does, as WebDataset
            needs it, and of two keys that differ in their endings alone both are marked.

    Example:
        >>> names = safe_names(["cat/0.png", "../../etc/passwd", "web:a.b"], dots=False)
        >>> [names.full(position, suffix=".jpg") for position in range(3)]
        ['cat/0.png', '%2E%2E/%2E%2E/etc/passwd.jpg', 'web%3Aa%2Eb.jpg']
    """
    pairs = [_split(key) for key in keys]
    suffixes = np.array([suffix for _, suffix in pairs], dtype=object)
    stems = np.array([_safe_path(stem, dots=dots) for stem, _ in pairs], dtype=object)
    for position in np.flatnonzero(_share_a_name(stems, suffixes, dots=dots)).tolist():
        mark = hashlib.sha256(keys[position].encode()).hexdigest()[:_MARK_DIGITS]
        stems[position] = f"{stems[position]}~{mark}"
    return FileNames(stems, suffixes)


def _split(key: str) -> tuple[str, str]:
    stem, suffix = os.path.splitext(key)  # noqa: PTH122 (one million Path objects are slow)
    return (stem, suffix) if suffix.lower() in IMAGE_SUFFIXES else (key, "")


def _share_a_name(stems: np.ndarray, suffixes: np.ndarray, *, dots: bool) -> np.ndarray:
    folded = pd.Series([stem.casefold() for stem in stems], dtype=object)
    same_stem = folded.duplicated(keep=False).to_numpy()
    if not dots:
        return same_stem
    endings = pd.Series([suffix.lower() for suffix in suffixes], dtype=object)
    same_name = (folded + endings).duplicated(keep=False).to_numpy()
    # An ending that is still to be read from the bytes may turn out to be that of a neighbour.
    open_ended = folded.isin(folded[(endings == "").to_numpy()]).to_numpy()
    return same_name | (same_stem & open_ended)


def _safe_path(stem: str, *, dots: bool) -> str:
    if _PLAIN.fullmatch(stem) and len(stem) <= LONGEST_PART:
        return stem
    *folders, last = stem.split("/")
    parts = [_safe_part(part) for part in folders if part]
    # A folder called as an image could stand where an image is to be written.
    parts = [part.replace(".", "%2E") if _split(part)[1] else part for part in parts]
    last = _safe_part(last) if dots else _safe_part(last).replace(".", "%2E")
    return "/".join([*parts, last or "image"])


def _safe_part(part: str) -> str:
    safe = _EDGES.sub(_escaped, _UNSAFE.sub(_escaped, part))
    if len(safe.encode()) <= LONGEST_PART:
        return safe
    mark = hashlib.sha256(part.encode()).hexdigest()[:_MARK_DIGITS]
    return f"{safe.encode()[:LONGEST_PART].decode(errors='ignore')}~{mark}"


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
