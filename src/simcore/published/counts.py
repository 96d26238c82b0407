"""How many images and classes each data set of the paper has, and why a copy on disk may have others."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import pandas as pd

What = Literal["train", "test", "classes"]
Verdict = Literal["match", "known", "mismatch"]


@dataclass(frozen=True)
class Counts:
    """The published counts of a data set.

    Attributes:
        dataset: its name, as `target.source` and `openset.source` take it.
        level: the level of labels or the part of the set that the counts are for, None for the set as it is read
            unless told otherwise.
        train: images of the train part, None where none is published; likewise the others.
        test: images of the test part.
        classes: number of classes.
        known: what is known to differ from that, a sentence each.
    """

    dataset: str
    level: str | None
    train: int | None
    test: int | None
    classes: int | None
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class CountFinding:
    """A count on disk, held against the published one.

    Attributes:
        what: "train", "test" or "classes".
        expected: the published count.
        found: the one on disk, of kept and rejected images together.
        verdict: "match", "known" (it differs as it is known to) or "mismatch".
        cause: why, as far as the numbers tell, as a sentence; empty for a match.
    """

    what: What
    expected: int
    found: int
    verdict: Verdict
    cause: str


def expected_counts(dataset: str, level: str | None = None) -> Counts | None:
    """Return the published counts of `dataset`, None where there are none.

    Source: SimCore (CVPR 2023), supplement, table 10, and the official pages for other levels and parts.

    Args:
        dataset: name of a data set, or "all" for the four open-sets that the paper joins.
        level: value of the option that the counts depend on: the level of labels (aircraft: "family"), the subset
            (webfg: "bird") or the variant (places365: "standard"). Others count as None.

    Example:
        >>> counts = expected_counts("birds")
        >>> counts.train, counts.test, counts.classes, len(counts.known)
        (5990, 5790, 200, 2)
        >>> expected_counts("aircraft", "family").classes
        70
        >>> expected_counts("quadrupeds") is None
        True
    """
    rows = _rows_of(dataset)
    if rows.empty:
        return None
    level = level if (rows["level"] == level).any() else None
    ours = _at_level(rows, level)
    known = ours.loc[ours["kind"].isin(["known", "note"]), "note"]
    published = {what: _published(rows, what, level) for what in ("train", "test", "classes")}
    return Counts(dataset=dataset, level=level, known=tuple(map(_sentence, dict.fromkeys(known))), **published)


def compare_counts(
    dataset: str,
    *,
    level: str | None = None,
    train: int | None = None,
    test: int | None = None,
    classes: int | None = None,
) -> list[CountFinding]:
    """Return each count held against the published one, with the likeliest cause where they differ.

    Args:
        dataset: as in `expected_counts`.
        level: likewise.
        train: images found, kept and rejected ones together; None: not to be compared, such as the test part of an
            open-set. Likewise the others.
        test: likewise.
        classes: number of different labels; also not compared if 0, where images have no labels.

    Example:
        >>> for finding in compare_counts("aircraft", level="variant", train=6667, test=3333, classes=70):
        ...     finding.what, finding.expected, finding.found, finding.verdict
        ('train', 6667, 6667, 'match')
        ('test', 3333, 3333, 'match')
        ('classes', 100, 70, 'mismatch')
        >>> finding.cause
        "That is the number at 'family': the labels are at another level than asked for."
    """
    expected = expected_counts(dataset, level)
    if expected is None:
        return []
    found: dict[What, int | None] = {"train": train, "test": test, "classes": classes or None}
    findings = []
    for what, count in found.items():
        published: int | None = getattr(expected, what)
        if published is not None and count is not None:
            verdict, cause = _judge(what, count, published, expected=expected, found=found)
            findings.append(CountFinding(what=what, expected=published, found=count, verdict=verdict, cause=cause))
    return findings


@cache
def _table() -> pd.DataFrame:
    """Return the data file.

    `kind` says what a count is: "published"; "known", another number that a whole copy is known to give; "cause", a
    number that gives away what went wrong; "note", no number, but something to know.
    Counts without a level are those of the set as it is read unless told otherwise, and of levels that have none.
    """
    with (files(__name__.rpartition(".")[0]) / "dataset_counts.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"count": "Int64", "level": "str", "note": "str"})


def _rows_of(dataset: str) -> pd.DataFrame:
    table = _table()
    return table[table["dataset"] == dataset]


def _at_level(rows: pd.DataFrame, level: str | None) -> pd.DataFrame:
    """Return the rows of the level, and those that hold for all."""
    return rows[rows["level"].isna() | (rows["level"] == level)]


def _published(rows: pd.DataFrame, what: str, level: str | None) -> int | None:
    counts = rows[(rows["what"] == what) & (rows["kind"] == "published")]
    own = counts[counts["level"] == level]
    counts = own if len(own) else counts[counts["level"].isna()]
    return int(counts["count"].iloc[0]) if len(counts) else None


def _judge(
    what: What, count: int, published: int, *, expected: Counts, found: dict[What, int | None]
) -> tuple[Verdict, str]:
    if count == published:
        return "match", ""
    rows = _at_level(_rows_of(expected.dataset), expected.level)
    rows = rows[rows["what"] == what]
    known = rows[(rows["kind"] == "known") & (rows["count"] == count)]
    if len(known):
        return "known", _sentence(known["note"].iloc[0])
    cause = next(_causes(what, count, published, expected=expected, found=found, rows=rows))
    return "mismatch", _sentence(cause)


def _causes(
    what: What,
    count: int,
    published: int,
    *,
    expected: Counts,
    found: dict[What, int | None],
    rows: pd.DataFrame,
) -> Iterator[str]:
    """Yield what may have happened, the likeliest first."""
    yield from rows.loc[(rows["kind"] == "cause") & (rows["count"] == count), "note"]
    if count == 0:
        yield "there are none at all: the archive of that part is missing, or was unpacked elsewhere"
    train = found["train"]
    yield from _other_levels(what, count, expected, train=train)
    if what == "classes":
        missing = train is not None and expected.train is not None and train < expected.train
        yield _wrong_classes(count, published, missing=missing)
    if (found["train"], found["test"]) == (expected.test, expected.train):
        yield "train and test are swapped"
    if what == "train" and expected.test and count == published + expected.test:
        yield "the test images are among the train images"
    yield from _other_datasets(what, count, expected)
    yield (
        "an archive is missing, or was not unpacked in full"
        if count < published
        else "there are extra files among the images: copies, or another release of the set"
    )


def _wrong_classes(count: int, published: int, *, missing: bool) -> str:
    if count > published:
        return "there are folders that are no classes, or the labels are at a finer level"
    if missing:
        return "images are missing, and with them classes: an archive is missing, or was not unpacked in full"
    return "folders of classes are missing: an archive is missing, or was not unpacked in full"


def _other_levels(what: What, count: int, expected: Counts, *, train: int | None) -> Iterator[str]:
    """Yield the levels that have that count; a number of classes tells only where as many images are there."""
    every = _rows_of(expected.dataset)
    rows = every[(every["kind"] == "published") & (every["what"] == what) & (every["count"] == count)]
    levels = list(rows["level"].dropna())
    if what == "classes":
        levels = [level for level in levels if train is None or train == _published(every, "train", level)]
        if levels:
            named = ", ".join(f"'{level}'" for level in levels)
            yield f"that is the number at {named}: the labels are at another level than asked for"
        return
    for level in levels:
        yield f"that is the number of '{level}' alone: another part is there than asked for"


def _other_datasets(what: What, count: int, expected: Counts) -> Iterator[str]:
    table = _table()
    rows = table[(table["kind"] == "published") & (table["what"] == what) & (table["count"] == count)]
    for dataset in rows.loc[rows["dataset"] != expected.dataset, "dataset"]:
        yield f"that is the number of {dataset}: the path leads to another data set"


def _sentence(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."
