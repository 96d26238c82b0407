"""Whether a published data set is there as published: its counts, held against those of the paper."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from simcore.errors import InputError
from simcore.images.sources import Role
from simcore.images.sources.classes import Tally
from simcore.images.sources.finding import Source
from simcore.published.counts import CountFinding, compare_counts

logger = logging.getLogger(__name__)

Counting = Literal["warn", "stop"]

_LEVELS = ("level", "subset", "variant")
"""Options that change what is counted."""


def compare_sources(
    sources: Sequence[Source], found: Tally, *, role: Role, whole: bool, counting: Counting
) -> dict[tuple[str, str], CountFinding]:
    """Return what was found in each published data set against what was published, by source and what was counted.

    Images that cannot be used count as found: a copy is whole if they are there. Only a data set that is read as a
    whole is compared: no limit, no classes, no quota. Known differences are logged, and so is a mismatch with its
    likeliest cause.

    Args:
        sources: the sources.
        found: counts of all images, usable or not.
        role: test images of an open-set are not looked for.
        whole: whether neither a limit nor classes were asked for.
        counting: "warn" logs a mismatch, "stop" raises.

    Raises:
        InputError: a count is another than published, and `counting` is "stop".
    """
    findings: dict[tuple[str, str], CountFinding] = {}
    for source in sources:
        if source.reader.official is None or not whole or source.spec.quota is not None:
            continue
        for finding in _compare(source, _numbers(found, source.spec.label), role=role):
            findings[source.spec.label, finding.what] = finding
            _tell(source, finding, counting=counting)
    return findings


def count_records(
    sources: Sequence[Source],
    found: Tally,
    findings: Mapping[tuple[str, str], CountFinding],
    *,
    every: Tally,
    kept: Tally,
) -> list[dict[str, Any]]:
    """Return plain records of what was found, one a source and count.

    `source`, `dataset` (the layout), `what` ("train", "test", "undecided": images whose split was drawn here,
    "rejected", "classes"), `found`, `expected`, `verdict` ("match", "known", "mismatch" or "not compared") and `cause`.

    Args:
        sources: the sources.
        found: counts of the images of the sources, usable or not.
        findings: of `compare_sources`.
        every: counts of all that was listed.
        kept: counts of the usable ones.
    """
    records: list[dict[str, Any]] = []
    for source in sources:
        label = source.spec.label
        numbers = _numbers(found, label)
        numbers["rejected"] = every.total(source=label) - kept.total(source=label)
        for what, number in numbers.items():
            finding = findings.get((label, what))
            records.append(
                {
                    "source": label,
                    "dataset": source.layout,
                    "what": what,
                    "found": number,
                    "expected": finding.expected if finding else None,
                    "verdict": finding.verdict if finding else "not compared",
                    "cause": finding.cause if finding else "",
                }
            )
    return records


def _numbers(found: Tally, label: str) -> dict[str, int]:
    total, train, test = (found.total(split, source=label) for split in (None, "train", "test"))
    return {
        "train": train,
        "test": test,
        "undecided": total - train - test,
        "classes": len(found.classes(sources=[label])),
    }


def _compare(source: Source, numbers: dict[str, int], *, role: Role) -> list[CountFinding]:
    options = {option.name: option.default for option in source.reader.options} | dict(source.options)
    level = next((options[name] for name in _LEVELS if name in options), None)
    return compare_counts(
        source.layout,
        level=level,
        train=numbers["train"] + numbers["undecided"],
        test=numbers["test"] if role == "target" and not numbers["undecided"] else None,
        classes=numbers["classes"] or None,
    )


def _tell(source: Source, finding: CountFinding, *, counting: Counting) -> None:
    if finding.verdict == "match":
        return
    sentence = (
        f"{source.spec.label} ({source.spec.path}) has {finding.found:,} {_noun(finding.what)}, "
        f"published are {finding.expected:,}: {finding.cause}"
    )
    if finding.verdict == "known":
        logger.info("%s", sentence)
    elif counting == "stop":
        raise InputError(f"{sentence.rstrip('.')}; repair the data set, or set `counts` to 'warn'.")
    else:
        logger.warning("%s", sentence)


def _noun(what: str) -> str:
    return what if what == "classes" else f"{what} images"
