"""What a reader of a layout is given, and what it gives back."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from simcore.errors import InputError

Role = Literal["target", "openset"]
Labels = Literal["auto", "folder", "none"]

LISTING_COLUMNS = ("key", "uri", "label", "split", "reason")
LISTING_ROWS = 65_536
"""Rows a reader puts into one frame at most, so that ten million images pass through a few MiB."""

_NESTED = frozenset({"boxes"})
_VALIDATION = frozenset({"val", "valid", "validation"})


@dataclass(frozen=True)
class Request:
    """What the caller wants of a source.

    Attributes:
        role: "target" (labels and splits matter) or "openset" (a pool: everything is train).
        labels: "auto" takes labels where the layout has them, "folder" insists on them, "none" leaves them
            out.
        options: settings that only some layouts know, such as the level of a class hierarchy: only those of
            this reader, with allowed values.
    """

    role: Role
    labels: Labels = "auto"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """A setting of one layout.

    Attributes:
        name: what it is called, such as "level".
        allowed: its values.
        default: the value taken where none is given.
        help: one phrase on what it changes.
    """

    name: str
    allowed: tuple[str, ...]
    default: str
    help: str


@dataclass(frozen=True)
class Sign:
    """What an unfinished download of a data set is known by: names that nobody else gives to folders and files.

    Attributes:
        paths: of folders or files below the set's root; one is enough.
        missing: what the set needs and has not where nothing else of it is recognised, such as "cars_annos.mat".
        entries: what the first visible entries of the folder are all called; None where its name tells.
        of_root: what the root itself is called; None where that does not matter.
    """

    paths: tuple[str, ...]
    missing: str
    entries: re.Pattern[str] | None = None
    of_root: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Official:
    """What makes a reader that of a published data set.

    Attributes:
        title: the set's own name, such as "FGVC-Aircraft".
        folder: what its folder is usually called below the root of data sets, such as "fgvc-aircraft-2013b".
        download: one phrase: which archives to download, from which project.
        signs: what the set is known by where its reader does not recognise it, since a part is missing.
    """

    title: str
    folder: str
    download: str
    signs: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class Reader:
    """A layout: how to recognise it and how to list its images.

    Attributes:
        takes: what the layout is, for error messages, such as "a folder of images".
        recognises: whether the path has this layout; cheap, and False rather than an error for a foreign path.
            Only a reader that is `remote` is asked about URLs, which are text; everything else is a Path.
        list_images: frames of at most `LISTING_ROWS` rows made by `listing_frame`, in any order. Keys are unique over
            all frames, paths below the root with `/` between their parts where there are paths. A row with a `reason`
            cannot be used. A null `split` of a target is decided by the seeded split later on; that images have a
            label all or none, and that test classes have train images, is checked later on as well. Raises
            InputError where the layout is broken, such as by a listed file that does not exist.
        options: the settings `list_images` understands; `option_of` reads them.
        columns: columns it gives beyond `LISTING_COLUMNS`, which go into the manifest.
        remote: whether it understands fsspec URLs.
        official: set for a published data set.
        left_out: the reasons of images that are left out on purpose, as the published set does: they do not speak
            against a copy. Those without a split are in no part of the published set.
        beside: files and folders outside a path that `list_images` would read for it.
    """

    takes: str
    recognises: Callable[[str | Path], bool]
    list_images: Callable[[Any, Request], Iterator[pd.DataFrame]]
    options: tuple[Option, ...] = ()
    columns: tuple[str, ...] = ()
    remote: bool = False
    official: Official | None = None
    left_out: tuple[str, ...] = ()
    beside: Callable[[Path], Sequence[Path]] | None = None


def listing_frame(
    keys: Sequence[str],
    uris: Sequence[str],
    *,
    labels: Sequence[str | None] | None = None,
    splits: Sequence[str | None] | str | None = None,
    reasons: Sequence[str | None] | str | None = None,
    **extra: Sequence[Any] | None,
) -> pd.DataFrame:
    """Return a frame as `Reader.list_images` yields them.

    Args:
        keys: unique names of the images.
        uris: where each is.
        labels: classes; None where there are none.
        splits: "train" or "test" of each, one word for all, or None where the split is drawn later.
        reasons: why an image cannot be used, null where it can; one sentence for all.
        extra: further columns of the reader: text, or for `boxes` a list of [x0, y0, x1, y1] an image.

    Raises:
        InputError: the columns have different lengths.

    Example:
        >>> frame = listing_frame(["a.jpg", "b.jpg"], ["/x/a.jpg", "/x/b.jpg"], splits="train", family=["A320", None])
        >>> list(frame), frame["label"].isna().all(), frame["split"].tolist()
        (['key', 'uri', 'label', 'split', 'reason', 'family'], np.True_, ['train', 'train'])
    """
    columns = {"key": keys, "uri": uris, "label": labels, "split": splits, "reason": reasons, **extra}
    n = len(keys)
    frame: dict[str, pd.Series] = {}
    for name, values in columns.items():
        spread = [values] * n if values is None or isinstance(values, str) else values
        if len(spread) != n:
            raise InputError(f"`{name}` has {len(spread)} values for {n} keys; give one a key.")
        frame[name] = pd.Series(spread, dtype="object" if name in _NESTED else "str")
        frame[name].index = pd.RangeIndex(n)
    return pd.DataFrame(frame)


def split_of(word: str | None) -> str | None:
    """Return the split that a source's own word means: validation images are train ones, as in the official sets.

    Example:
        >>> [split_of(word) for word in ("train", "val", "test", "", None)]
        ['train', 'train', 'test', None, None]
    """
    return "train" if word in _VALIDATION else word or None


def option_of(reader_options: tuple[Option, ...], request: Request, name: str) -> str:
    """Return the value `request` gives to option `name`, or its default.

    Raises:
        InputError: the value is not allowed, or there is no such option.

    Example:
        >>> level = Option("level", ("variant", "family"), "variant", "what the label is")
        >>> option_of((level,), Request(role="target"), "level")
        'variant'
    """
    for option in reader_options:
        if option.name == name:
            value = str(request.options.get(name, option.default))
            if value not in option.allowed:
                allowed = ", ".join(repr(each) for each in option.allowed)
                raise InputError(f"`{name}` is '{value}'; allowed are {allowed}.")
            return value
    raise InputError(f"There is no option `{name}`; there are: {', '.join(o.name for o in reader_options) or 'none'}.")
