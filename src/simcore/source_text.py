"""What a person types for a source of images: a path, a data set by name, several with quotas. Light to import."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcore.errors import InputError, legible

AUTO = "auto"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*(://|::)")
_NAME = re.compile(r"[a-z][a-z0-9_\-]*")
_NAMED = re.compile(r"(?P<name>[a-z][a-z0-9_\-]*):(?P<path>(?!//|:).+)", re.DOTALL)
_QUOTA = re.compile(r"(?P<body>.+)@(?P<quota>[^/@]*)", re.DOTALL)
_LONGEST_NAME, _LONGEST_PATH = 255, 4095
_KEYS = ("source", "path", "quota", "label")


@dataclass(frozen=True)
class SourceEntry:
    """One source as it was typed, with its path anchored.

    Attributes:
        source: name of a layout or a data set, or "auto" where the layout is to be found out.
        path: absolute local path or URL; None for a data set that is looked up by its name.
        quota: images taken at most; None takes all.
        label: what the source is called in keys and in the column `source`; None leaves that to its name.
    """

    source: str = AUTO
    path: str | None = None
    quota: int | None = None
    label: str | None = None


def is_url(text: str) -> bool:
    """Return whether `text` is an fsspec URL rather than a local path.

    Example:
        >>> is_url("memory://birds"), is_url("/data/birds"), is_url("coco:/data/coco")
        (True, False, False)
    """
    return _SCHEME.match(text) is not None


def read_entries(value: Any) -> tuple[SourceEntry, ...]:
    """Return the sources that `value` names, in its order.

    Text is `<path or URL>`, `<data set>` or `<data set>:<path>`, any of these with `@<quota>` at its end, several
    joined by `+`. An existing path is that path, whatever it contains. A relative path starts at the working
    directory. A list holds such texts, or mappings with `source`, `path`, `quota` and `label`. What comes out may be
    put in again, as mappings, from any working directory.

    Raises:
        InputError: the text is empty, a quota is no count, or a mapping has unknown keys.

    Example:
        >>> for entry in read_entries("coco@500+imagenet:/data/ilsvrc"):
        ...     print(entry)
        SourceEntry(source='coco', path=None, quota=500, label=None)
        SourceEntry(source='imagenet', path='/data/ilsvrc', quota=None, label=None)
    """
    if isinstance(value, SourceEntry):
        return (value,)
    if isinstance(value, Path):
        return (SourceEntry(path=_anchor(str(value))),)
    if isinstance(value, str) and value.strip():
        return tuple(_read_piece(piece) for piece in _split(value))
    if isinstance(value, Mapping):
        return (_read_mapping(value),)
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value):
        return tuple(entry for item in value for entry in read_entries(item))
    nothing = (
        value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, Sequence) and not value)
    )
    given = "empty" if nothing else repr(value)
    raise InputError(
        f"A source is {given}; give a path or URL, a data set by its name such as coco, or <data set>:<path>, each "
        "with @<quota> where not all of it is wanted, and several of them joined by +."
    )


def _split(text: str) -> list[str]:
    """Return the parts of `text` between its `+`, those together again that are an existing path only so."""
    parts = text.split("+")
    pieces, start = [], 0
    while start < len(parts):
        ends = range(len(parts), start, -1)
        end = next((end for end in ends if end == start + 1 or _names_a_path("+".join(parts[start:end]))), start + 1)
        pieces.append("+".join(parts[start:end]))
        start = end
    if not all(piece.strip() for piece in pieces):
        raise InputError(f"The source {text!r} has an empty part; put a path or a data set on each side of `+`.")
    return [piece.strip() for piece in pieces]


def _names_a_path(text: str) -> bool:
    body = _without_quota(text)
    named = _NAMED.fullmatch(body)
    return _exists(text) or _exists(body) or (named is not None and _exists(named["path"]))


def _without_quota(text: str) -> str:
    match = _QUOTA.fullmatch(text)
    return match["body"] if match and match["quota"].isdecimal() else text


def _exists(text: str) -> bool:
    try:
        return not is_url(text) and bool(text) and Path(os.path.expanduser(text)).exists()  # noqa: PTH111
    except (OSError, ValueError):  # a name too long, a null character
        return False


def _read_piece(piece: str) -> SourceEntry:
    if _exists(piece):
        return SourceEntry(path=_anchor(piece))
    body, quota = piece, None
    match = _QUOTA.fullmatch(piece)
    if match and (match["quota"].isdecimal() or _NAME.fullmatch(match["body"]) or _exists(match["body"])):
        body, quota = match["body"], _read_quota(match["quota"], piece=piece)
    if _exists(body) or is_url(body):
        return SourceEntry(path=_anchor(body), quota=quota)
    named = _NAMED.fullmatch(body)
    if named:
        return SourceEntry(source=named["name"], path=_anchor(named["path"]), quota=quota)
    if _NAME.fullmatch(body):
        return SourceEntry(source=body, quota=quota)
    return SourceEntry(path=_anchor(body), quota=quota)


def _read_quota(value: Any, *, piece: Any) -> int | None:
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise InputError(f"The quota of the source {piece!r} is {value!r}; give a count of images of at least 1.")
    return int(text)


def _read_mapping(value: Mapping[str, Any]) -> SourceEntry:
    unknown = sorted(set(value) - set(_KEYS))
    if unknown:
        raise InputError(f"A source has the unknown key `{unknown[0]}`; allowed are {', '.join(_KEYS)}.")
    quota = _read_quota(value.get("quota"), piece=dict(value))
    label, path, source = value.get("label"), value.get("path"), value.get("source") or AUTO
    if path is not None:
        return SourceEntry(source=str(source), path=_anchor(str(path)), quota=quota, label=label)
    if source == AUTO:
        raise InputError(f"The source {dict(value)!r} says neither `path` nor which data set; give one of them.")
    entry = read_entries(str(source))
    if len(entry) > 1:
        raise InputError(f"The source {source!r} is several; give each a mapping of its own.")
    return SourceEntry(entry[0].source, entry[0].path, entry[0].quota if quota is None else quota, label)


def _anchor(path: str) -> str:
    if not is_url(path) and not _can_be_a_path(path):
        raise InputError(
            f"The path '{legible(path)}' can lie on no disk: names have at most {_LONGEST_NAME} bytes, of Unicode text "
            "without NUL; correct it."
        )
    # The home of an unknown user stays as it is written, and is then not found.
    return path if is_url(path) else str(Path(os.path.expanduser(path)).absolute())  # noqa: PTH111


def _can_be_a_path(path: str) -> bool:
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        return False
    longest = max(map(len, encoded.split(b"/")))
    return b"\0" not in encoded and longest <= _LONGEST_NAME and len(encoded) <= _LONGEST_PATH
