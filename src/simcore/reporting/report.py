"""What a report holds, as data: the parts every run has, and further sections made of blocks."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import plotly.graph_objects as go

from simcore.errors import InputError
from simcore.reporting.composition import Purity
from simcore.reporting.tiles import GalleryRow

_NUMBER = re.compile(r"[+−]?[\d,]+(\.\d+)?( %)?")


@dataclass(frozen=True)
class DataFacts:
    """One set of images in numbers."""

    name: str
    n_images: int
    n_rejected: int
    n_classes: int | None
    image_size: str


def describe_data(manifest: pd.DataFrame, rejected: pd.DataFrame | None = None, *, name: str) -> tuple[DataFacts, ...]:
    """Return the numbers of a manifest, one entry a split when there are two.

    Args:
        manifest: frame with `label`, `split`, `width`, `height`.
        rejected: images that could not be used; counted with the first split, since they have none.
        name: what the set is called, such as "target".

    Example:
        >>> manifest = pd.DataFrame({"label": ["a", "b"], "split": "train", "width": 28, "height": 28})
        >>> describe_data(manifest, name="target")
        (DataFacts(name='target', n_images=2, n_rejected=0, n_classes=2, image_size='28 × 28'),)
    """
    splits = sorted(set(manifest["split"]), key=lambda split: (split != "train", split)) or [""]
    n_rejected = 0 if rejected is None else len(rejected)
    facts = []
    for position, split in enumerate(splits):
        rows = manifest[manifest["split"] == split] if split else manifest
        facts.append(
            DataFacts(
                name=f"{name}, {split}" if len(splits) > 1 else name,
                n_images=len(rows),
                n_rejected=n_rejected if position == 0 else 0,
                n_classes=rows["label"].nunique() or None,
                image_size=_image_size(rows),
            )
        )
    return tuple(facts)


def _image_size(rows: pd.DataFrame) -> str:
    sizes = rows[["width", "height"]].drop_duplicates()
    if sizes.empty:
        return "no image"
    if len(sizes) == 1:
        return f"{sizes['width'].iloc[0]} × {sizes['height'].iloc[0]}"
    shorter = rows[["width", "height"]].min(axis=1)
    median = f"{rows['width'].median():.0f} × {rows['height'].median():.0f}"
    return f"median {median}, shorter side {shorter.min()} to {shorter.max()}"


@dataclass(frozen=True)
class Table:
    """A table of text: the first column names the rows; a folded one opens on demand.

    Raises:
        InputError: a row has not one cell a column.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    folded: bool = False

    def __post_init__(self) -> None:
        """Check that the rows fit the columns."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError(
                    f"The table {self.caption!r} has a row of {len(row)} cells for {len(self.columns)} "
                    f"columns ({row}); each row needs one cell a column: complete it."
                )

    @property
    def number_columns(self) -> frozenset[int]:
        """Positions of the columns that hold numbers only, to be aligned on the right."""
        return frozenset(
            position
            for position in range(1, len(self.columns))
            if self.rows and all(_NUMBER.fullmatch(row[position]) for row in self.rows)
        )


@dataclass(frozen=True)
class Figure:
    """A plotly figure with its caption and what a screen reader says instead of it."""

    figure: go.Figure
    caption: str
    alt: str


@dataclass(frozen=True)
class Gallery:
    """A named gallery with the rule that chose its rows."""

    title: str
    rows: tuple[GalleryRow, ...]
    caption: str = ""


Block = str | Table | Figure | Gallery
"""What a section is made of; a str is a paragraph."""


@dataclass(frozen=True)
class Section:
    """A part of the report: a heading, its place in links, and blocks in reading order."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Selection:
    """What selection did, in numbers.

    `stopped` says why it stopped: "threshold", "budget", "exhausted", or a few words. `certificate` is what
    selection wrote about exactness, shown entry by entry. `given` names the list that stood for a selection.
    """

    n_picked: int
    n_openset: int
    n_rounds: int
    n_centroids: int
    stopped: str
    certificate: Mapping[str, object] = field(default_factory=dict)
    given: str | None = None


@dataclass(frozen=True)
class Report:
    """Everything `render_report` shows; what is None or empty becomes a sentence that says so.

    Attributes:
        title: heading of the page.
        answer: the answer in one sentence.
        command: the exact command that repeats the run.
        data: sets of images.
        settings: parameter to value; nested mappings are written as `group.name`.
        seeds: seeds of the arms.
        machine: what it ran on and with: processor, Python, packages.
        stage_seconds: stage to seconds.
        selection: numbers of the selection.
        purity: purity of the coreset against chance.
        shares: what `coreset_shares` returns, by class.
        source_shares: the same by source.
        comparison: what `compare_arms` returns, label-free measures included.
        differences: what `compare_pairs` returns.
        findings: sentences of `state_finding`.
        terms: under which terms the arms were compared, in a sentence.
        steps: optimiser steps that each arm took, by arm.
        published: what `simcore.published.compare_with_published` returns; shown where it has rows.
        figures: any of "trace", "size", "accuracy", "composition", "sources", "similarity", "features", "ring",
            "curves".
        galleries: galleries in reading order.
        artefacts: what it is to where it lies.
        created: date and time, as text.
        sections: further sections, shown before the artefacts.
    """

    title: str
    answer: str
    command: str
    data: Sequence[DataFacts] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    selection: Selection | None = None
    purity: Purity | None = None
    shares: pd.DataFrame | None = None
    source_shares: pd.DataFrame | None = None
    comparison: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    findings: Sequence[str] = ()
    terms: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)
    published: pd.DataFrame | None = None
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    galleries: Sequence[Gallery] = ()
    artefacts: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    sections: Sequence[Section] = ()


def flatten_settings(settings: Mapping[str, object], *, prefix: str = "") -> dict[str, str]:
    """Return nested settings as one level of `group.name` to text, in the order given.

    Example:
        >>> flatten_settings({"selection": {"tau": 0.95, "budget": None}})
        {'selection.tau': '0.95', 'selection.budget': 'null'}
    """
    flat: dict[str, str] = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            flat |= flatten_settings(value, prefix=f"{path}.")
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return flat
