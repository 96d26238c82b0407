"""Errors the project raises on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

_MOST_SAID = 300


class SimCoreError(Exception):
    """Base of every error that the project raises on purpose."""


class InputError(SimCoreError, ValueError):
    """What the caller gave cannot be used; the message says what was given, what is allowed and what to do."""


class ArtefactError(SimCoreError):
    """A stored artefact is missing, incomplete or not what its header says; the message names the file."""


class DiskError(SimCoreError):
    """A disk is full, read-only or broken; the message says where, and what to do."""


class LockedError(SimCoreError):
    """Another run works on the same data root; the message says which."""


def in_a_line(error: BaseException) -> str:
    r"""Return what `error` says, in one line without the full stop; its type where it says nothing.

    Example:
        >>> in_a_line(ValueError("first\nsecond."))
        'first second'
    """
    return " ".join(str(error).split())[:_MOST_SAID].rstrip(".") or type(error).__name__


def legible(text: object, *, most: int = 200) -> str:
    r"""Return `text` fit for a sentence: what cannot be printed is escaped, the middle of a long one left out.

    Example:
        >>> legible("a\nb\u202e.png")
        'a\\nb\\u202e.png'
        >>> legible("x" * 5000, most=11)
        'xxxxx...xxx'
    """
    shown = str(text)
    if len(shown) > most:
        shown = f"{shown[: most // 2]}...{shown[len(shown) - (most - most // 2 - 3) :]}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in shown)


@contextmanager
def reading(path: object, *, advice: str = "make it again, or bring back a whole copy") -> Iterator[None]:
    """Turn whatever libraries raise on the bytes of a stored artefact into an error that names it.

    Damaged bytes make parsers stumble anywhere: Arrow and JSON raise a dozen types between them.

    Args:
        path: What is read.
        advice: What to do, the end of the sentence.

    Raises:
        ArtefactError: `path` cannot be read.

    Example:
        >>> with reading("card.json", advice="export it again"):
        ...     {}["dim"]
        Traceback (most recent call last):
        simcore.errors.ArtefactError: card.json cannot be read (KeyError: 'dim'); export it again.
    """
    try:
        yield
    except SimCoreError:
        raise
    except Exception as error:
        said = in_a_line(error)
        if isinstance(error, MemoryError):
            said = "it asks for more memory than there is"
        elif isinstance(error, LookupError | TypeError | AttributeError):
            said = f"{type(error).__name__}: {said}"
        raise ArtefactError(f"{path} cannot be read ({said}); {advice}.") from error
