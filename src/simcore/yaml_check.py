"""A look at a YAML file before it is built: what cannot be read, and what would not end."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml  # type: ignore[import-untyped] # its stubs are a package of their own

from simcore.errors import InputError, in_a_line

MOST_VALUES = 200_000
"""Values of a file with its aliases written out; the project's own parameters have some thousands."""

MOST_NESTED = 50
"""Levels of a file; the project's own parameters have six."""

# The same grammar in C: a tenth of the time, at every start.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class _Open:
    """A list or mapping that has begun.

    Attributes:
        anchor: its name for aliases.
        keys: of a mapping, those that came; None for a list.
        values: values in it, aliases written out, itself included.
        children: nodes directly in it; every other one of a mapping is a key.
    """

    anchor: str | None
    keys: set[str] | None
    values: int = 1
    children: int = field(default=0)


def check_yaml(data: bytes, *, path: str) -> None:
    r"""Raise unless the YAML file at `path`, which holds `data`, can be read in bounded time and memory.

    Aliases of aliases grow tenfold a line once they are written out ("billion laughs"), and parsers written in Python
    end where the nesting is deep: both are seen here in the stream of events, in time linear in the file.

    Raises:
        InputError: it is no UTF-8 or no YAML, holds a list or one value, a mapping has a key twice, or it is too large
            or too deep.

    Example:
        >>> check_yaml(b"tau: 0.9\ntau: 0.8\n", path="parameters.yml")
        Traceback (most recent call last):
        simcore.errors.InputError: parameters.yml has the key `tau` twice in line 2; remove one of them.
    """
    try:
        _check(yaml.parse(data.decode("utf-8"), Loader=_LOADER), path=path)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not a YAML file that can be read ({in_a_line(error)}); correct it.") from error


def _check(events: Iterator[yaml.Event], *, path: str) -> None:
    sizes: dict[str, int] = {}
    stack = [_Open(None, None)]
    for event in events:
        if len(stack) == 1 and _is_no_mapping(event):
            kind = "a list" if isinstance(event, yaml.SequenceStartEvent) else "one value"
            raise InputError(f"{path} holds {kind}; the files in conf/ hold names with their values.")
        if isinstance(event, yaml.CollectionStartEvent):
            _count(stack, 0, path=path)
            stack.append(_Open(event.anchor, set() if isinstance(event, yaml.MappingStartEvent) else None))
            if len(stack) > MOST_NESTED:
                raise InputError(f"{path} nests more than {MOST_NESTED} levels deep; write it flatter.")
        elif isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            stack[-1].values += done.values
            if done.anchor is not None:
                sizes[done.anchor] = done.values
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise InputError(f"{path} uses `*{event.anchor}` before it is whole; write the values out.")
            _count(stack, sizes[event.anchor], path=path)
        elif isinstance(event, yaml.ScalarEvent):
            top = stack[-1]
            if top.keys is not None and top.children % 2 == 0 and event.value != "<<":
                if event.value in top.keys:
                    line = event.start_mark.line + 1
                    raise InputError(f"{path} has the key `{event.value}` twice in line {line}; remove one of them.")
                top.keys.add(event.value)
            if event.anchor is not None:
                sizes[event.anchor] = 1
            _count(stack, 1, path=path)


def _is_no_mapping(event: yaml.Event) -> bool:
    if isinstance(event, yaml.ScalarEvent):
        return event.value not in ("", "~", "null")
    return isinstance(event, yaml.SequenceStartEvent)


def _count(stack: list[_Open], values: int, *, path: str) -> None:
    """Add a child of so many values to the innermost collection."""
    stack[-1].children += 1
    stack[-1].values += values
    if sum(each.values for each in stack) > MOST_VALUES:
        raise InputError(
            f"{path} holds more than {MOST_VALUES:,} values once its aliases are written out; write out those that are "
            "meant."
        )
