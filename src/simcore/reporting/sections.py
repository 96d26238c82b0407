"""From a report's data to the sections of its page: which sentence, table or figure stands where."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.reporting.arm_sections import comparison_section, label_free_section, terms_section
from simcore.reporting.names import count_seeds, format_percent, stop_title
from simcore.reporting.placement import placement_section
from simcore.reporting.published import published_section
from simcore.reporting.report import Block, Figure, Report, Section, Table, flatten_settings

_LISTED_GROUPS = 50


def _facts(caption: str, names: tuple[str, str], facts: Mapping[str, object], **how: Any) -> Table:
    return Table(caption, names, tuple((name, str(value)) for name, value in facts.items()), **how)


def format_duration(seconds: float) -> str:
    """Return a duration in the units a reader thinks in.

    Example:
        >>> format_duration(0.42), format_duration(301.3), format_duration(7260)
        ('0.4 s', '5 min 1 s', '2 h 1 min')
    """
    if seconds < 59.95:  # noqa: PLR2004 (above, one decimal would round to 60.0 s)
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _data_table(report: Report) -> Block:
    if not report.data:
        return "Data: not recorded."
    rows = tuple(
        (
            facts.name,
            f"{facts.n_images:,}",
            f"{facts.n_rejected:,}",
            "no labels" if facts.n_classes is None else f"{facts.n_classes:,}",
            facts.image_size,
        )
        for facts in report.data
    )
    rejected = any(facts.n_rejected for facts in report.data)
    note = "Rejected images are listed with the reason beside the manifest." if rejected else ""
    return Table("Data", ("set", "images", "rejected", "classes", "size (pixels)"), rows, note)


def _what_was_run(report: Report) -> Section:
    blocks: list[Block] = [_data_table(report)]
    if report.stage_seconds:
        times = {stage: format_duration(seconds) for stage, seconds in report.stage_seconds.items()}
        times["all stages"] = format_duration(sum(report.stage_seconds.values()))
        note = "One run, not a benchmark."
        blocks.append(_facts("Time", ("stage", "wall time"), times, note=note))
    else:
        blocks.append("Time per stage: not recorded.")
    if report.machine:
        blocks.append(_facts("Machine and versions", ("what", "value"), report.machine, folded=True))
    else:
        blocks.append("Machine and versions: not recorded.")
    seeds = ", ".join(str(seed) for seed in report.seeds)
    blocks.append(f"Every arm rests on {count_seeds(len(report.seeds))}: {seeds}." if seeds else "Seeds: not recorded.")
    if report.settings:
        settings = flatten_settings(report.settings)
        blocks.append(_facts("Settings", ("parameter", "value"), settings, folded=True))
    else:
        blocks.append("Settings: not recorded.")
    return Section("What was run", "run", tuple(blocks))


def _selection(report: Report) -> Section:
    blocks: list[Block] = []
    chosen = report.selection
    stopped = "" if chosen is None else f"Why it stopped: {stop_title(chosen.stopped).rstrip('.')}."
    if chosen is None:
        blocks.append("Selection: not run.")
    else:
        share = f" ({format_percent(chosen.n_picked / chosen.n_openset)})" if chosen.n_openset else ""
        if chosen.given is None:
            blocks.append(
                f"{chosen.n_picked:,} of {chosen.n_openset:,} open-set images were picked{share} in "
                f"{chosen.n_rounds:,} rounds over {chosen.n_centroids:,} centroids. {stopped}"
            )
        else:
            blocks.append(
                f"{chosen.n_picked:,} of {chosen.n_openset:,} open-set images{share} were given by the list "
                f"{chosen.given}: nothing was selected, and the arm called SimCore is X + that list."
            )
        if chosen.certificate.get("exact") is True:
            blocks.append("The selection is exact: it is the one that sorting the whole open-set would give.")
    blocks.append("Purity: not evaluated." if report.purity is None else str(report.purity))
    if "trace" in report.figures:
        caption = "Value of each round as a ratio to the reference round, and the size of the coreset after it."
        alt = f"Two line charts over rounds. {caption} {stopped}".strip()
        blocks.append(Figure(report.figures["trace"], caption, alt))
    else:
        blocks.append("Trace: not recorded.")
    if "size" in report.figures:
        caption = "Images in the coreset after each round, and the budget."
        blocks.append(Figure(report.figures["size"], caption, f"Line chart over rounds. {caption} {stopped}".strip()))
    if chosen is not None and chosen.certificate:
        # What the last round left out serves replays, and can be thousands of keys.
        entries = {name: value for name, value in chosen.certificate.items() if name != "unkept"}
        caption = "Certificate: whether the selection is exact, and on which inputs it rests"
        blocks.append(_facts(caption, ("entry", "value"), flatten_settings(entries), folded=True))
    else:
        blocks.append("Certificate: not recorded.")
    return Section("Selection", "selection", tuple(blocks))


def _shares_table(shares: pd.DataFrame, *, by: str, folded: bool) -> Table:
    rows = tuple(
        (
            str(row["group"]),
            f"{row['n_picked']:,}",
            f"{row['n_pool']:,}",
            "not defined" if pd.isna(row["picked_share"]) else format_percent(row["picked_share"]),
            format_percent(row["pool_share"]),
            "not defined" if pd.isna(row["enrichment"]) else f"{row['enrichment']:.2f}",
        )
        for row in shares.head(_LISTED_GROUPS).to_dict("records")
    )
    note = "Enrichment: share among the picks / share in the pool; 1 is what a random draw gives."
    if len(shares) > _LISTED_GROUPS:
        note += f" The {_LISTED_GROUPS} with most picks of {len(shares):,} are listed."
    columns = (by, "picks", "pool", "share of picks", "share of pool", "enrichment")
    return Table(f"Coreset and pool by {by}", columns, rows, note, folded)


def _composition(report: Report) -> Section:
    blocks: list[Block] = []
    if "composition" in report.figures:
        caption = "Share of images among the picks and in the pool."
        blocks.append(Figure(report.figures["composition"], caption, f"Bar chart of the table below. {caption}"))
    if report.shares is not None:
        blocks.append(_shares_table(report.shares, by="class", folded="composition" in report.figures))
    else:
        blocks.append("By class: not evaluated: the open-set has no labels.")
    if "sources" in report.figures:
        caption = "Share of each source among the picks and in the pool."
        blocks.append(Figure(report.figures["sources"], caption, f"Bar chart. {caption}"))
    if report.source_shares is not None:
        blocks.append(_shares_table(report.source_shares, by="source", folded=False))
    return Section("What the coreset is made of", "composition", tuple(blocks))


def _curves(report: Report) -> Section:
    title, anchor = "Training curves", "curves"
    if "curves" not in report.figures:
        return Section(title, anchor, ("Training curves: not recorded.",))
    caption = "Training loss of each arm and seed. Losses say that training ran, not which encoder is better."
    return Section(title, anchor, (Figure(report.figures["curves"], caption, f"Line chart. {caption}"),))


def _artefacts(report: Report) -> Section:
    title, anchor = "Where the artefacts are", "artefacts"
    if not report.artefacts:
        return Section(title, anchor, ("Artefacts: not recorded.",))
    return Section(title, anchor, (_facts("Artefacts", ("artefact", "place"), report.artefacts),))


def compose_sections(report: Report) -> tuple[Section, ...]:
    """Return the sections of the page in reading order; the answer and the command stand around them.

    Raises:
        InputError: two sections share an anchor.
    """
    galleries: tuple[Block, ...] = tuple(report.galleries) or ("Images: no gallery was made.",)
    placement = placement_section(report.figures)
    published = published_section(report.published)
    sections = (
        _what_was_run(report),
        _selection(report),
        _composition(report),
        *(() if placement is None else (placement,)),
        Section("Images", "images", galleries),
        terms_section(report),
        comparison_section(report),
        *(() if published is None else (published,)),
        label_free_section(report),
        _curves(report),
        *report.sections,
        _artefacts(report),
    )
    anchors = [section.anchor for section in sections]
    if len(set(anchors)) < len(anchors):
        raise InputError(
            f"The sections have the anchors {', '.join(anchors)}; each must be unique, or links lead astray: "
            "rename the anchor of the further section."
        )
    return sections
