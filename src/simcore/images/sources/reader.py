"""What a reader of a layout is given, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

Role = Literal["target", "openset"]
Labels = Literal["auto", "folder", "none"]

LISTING_COLUMNS = ("key", "uri", "label", "split")


@dataclass(frozen=True)
class Request:
    """What the caller wants of a source.

    Attributes:
        role: "target" (labels and splits matter) or "openset" (a pool: everything is train).
        labels: "auto" takes labels where the layout has them, "folder" insists on them, "none" leaves them
            out.
        options: settings that only one layout knows, such as the level of a class hierarchy.
    """

    role: Role
    labels: Labels = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The images a layout names, before any was opened.

    Attributes:
        images: columns `key`, `uri`, `label` (null where unknown) and `split`; a null split of a target is
            decided by the seeded split later on.
        rejected: columns `key`, `uri`, `reason`: images that cannot even be opened.
    """

    images: pd.DataFrame
    rejected: pd.DataFrame


@dataclass(frozen=True)
class Reader:
    """A layout: how to recognise it and how to list its images.

    Attributes:
        recognises: whether the path has this layout; cheap, and False rather than an error for a foreign
            path.
        list_images: the listing; raises InputError where the layout is broken (a listed file that does not
            exist, a test class without train images).
        takes: what the layout is, for error messages, such as "a folder of images".
        options: names of the options `list_images` understands.
    """

    recognises: Callable[[Path], bool]
    list_images: Callable[[Path, Request], Listing]
    takes: str
    options: tuple[str, ...] = ()
