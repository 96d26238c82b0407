"""Which sources are read by which reader, before anything is listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simcore.errors import InputError
from simcore.images.sources import READERS
from simcore.images.sources.reader import Option, Reader
from simcore.images.sources.spec import SourceSpec, find_reader, parse_sources
from simcore.source_text import AUTO

DEFAULT_ROOT = Path("data/01_raw/datasets")
"""Where data sets that are named without a path are looked up, unless told otherwise."""


@dataclass(frozen=True)
class Source:
    """A source and the reader that lists it.

    Attributes:
        spec: where it is.
        layout: name of the reader.
        reader: the reader.
        options: those of the caller's options that this reader has.
    """

    spec: SourceSpec
    layout: str
    reader: Reader
    options: Mapping[str, str]


def find_sources(
    source: str | Path | Sequence[Any],
    *,
    root: str | Path = DEFAULT_ROOT,
    layout: str = AUTO,
    name: str | None = None,
    options: Mapping[str, str] | None = None,
) -> list[Source]:
    """Return the sources that `source` names, with their readers.

    Args:
        source: a path, a data set, several of them; see `parse_sources`.
        root: where data sets without a path are looked up.
        layout: a name of `READERS` for sources that are given by their path alone, or "auto".
        name: what a single source is called; None takes its name.
        options: settings that only some layouts know.

    Raises:
        InputError: a source is unknown, missing or of no known layout, or no reader has an option.
    """
    if layout != AUTO and layout not in READERS:
        raise InputError(f"`layout` is '{layout}'; allowed are 'auto', {', '.join(repr(each) for each in READERS)}.")
    specs = list(parse_sources(source, root=root))
    if layout != AUTO:
        specs = [replace(spec, name=layout) if spec.name == AUTO else spec for spec in specs]
    if name is not None:
        if len(specs) > 1:
            raise InputError(f"`name` is '{name}', but there are {len(specs)} sources; give each a `label`.")
        specs = [replace(specs[0], label=name)]
    found = [find_reader(spec) for spec in specs]
    shares = share_options([reader for _, reader in found], options or {})
    return [
        Source(spec, layout_name, reader, share)
        for spec, (layout_name, reader), share in zip(specs, found, shares, strict=True)
    ]


def describe(sources: Sequence[Source]) -> str:
    """Return the sources in words, for messages."""
    return " + ".join(source.spec.path for source in sources)


def share_options(readers: Sequence[Reader], options: Mapping[str, str]) -> list[dict[str, str]]:
    """Return for each reader those of `options` that it has, with values it allows.

    Raises:
        InputError: no reader has an option, or none allows its value.
    """
    known: dict[str, list[Option]] = {}
    for reader in readers:
        for option in reader.options:
            known.setdefault(option.name, []).append(option)
    for name, value in options.items():
        if name not in known:
            takes = " and ".join(dict.fromkeys(reader.takes for reader in readers))
            allowed = ", ".join(f"'{option}'" for option in known) or "none"
            raise InputError(f"Option '{name}' does not belong to {takes}; its options are: {allowed}.")
        values = list(dict.fromkeys(each for option in known[name] for each in option.allowed))
        if str(value) not in values:
            allowed = ", ".join(f"'{each}'" for each in values)
            raise InputError(f"`{name}` is '{value}'; allowed are {allowed}.")
    return [
        {option.name: str(options[option.name]) for option in reader.options if _takes(option, options)}
        for reader in readers
    ]


def _takes(option: Option, options: Mapping[str, str]) -> bool:
    return option.name in options and str(options[option.name]) in option.allowed
