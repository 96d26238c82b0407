"""From a report's data to the sections of its page: which sentence, table or figure stands where."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.reporting.comparison import is_label_free, needs_labels, pivot_comparison
from simcore.reporting.differences import format_interval
from simcore.reporting.names import (
    NOT_EVALUATED,
    arm_title,
    count_seeds,
    format_number,
    format_percent,
    measure_title,
    stop_title,
)
from simcore.reporting.records import MEASURE
from simcore.reporting.report import Block, Figure, Report, Section, Table, flatten_settings

_LABEL_FREE_NOTE = (
    "Alignment: mean squared distance between two views of one image, lower is closer. Uniformity: "
    "logarithm of the mean Gaussian potential over pairs, lower is more evenly spread. Feature spread: "
    "mean standard deviation of a dimension, 0 when collapsed. Effective rank: how many dimensions the "
    "features use. None of them says by itself that an encoder is better."
)
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
        blocks.append(_facts("Machine and versions", ("what", "value"), report.machine))
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
    if report.source_shares is not None:
        blocks.append(_shares_table(report.source_shares, by="source", folded=False))
    return Section("What the coreset is made of", "composition", tuple(blocks))


def _pivot_table(frame: pd.DataFrame, *, caption: str, note: str) -> Table:
    pivot = pivot_comparison(frame)
    rows = tuple((str(arm), *map(str, cells)) for arm, cells in zip(pivot.index, pivot.to_numpy(), strict=True))
    return Table(caption, ("arm", *map(str, pivot.columns)), rows, note)


def _differences_table(differences: pd.DataFrame) -> Table:
    rows = tuple(
        (
            f"{arm_title(row['arm'])} − ({arm_title(row['against'])})"
            if "+" in arm_title(row["against"])
            else f"{arm_title(row['arm'])} − {arm_title(row['against'])}",
            measure_title(*(row[field] for field in MEASURE)),
            format_number(row["mean"], signed=True),
            format_interval(row),
            str(row["n_seeds"]),
        )
        for row in differences.to_dict("records")
    )
    note = (
        "Each interval (Student's t) stands for its own comparison and covers the seeds, not the choice of "
        "test images. An interval that holds 0 supports no claim."
    )
    columns = ("difference", "measure", "mean", "95 % interval", "seeds")
    return Table("Paired differences, seed by seed", columns, rows, note)


def _without_repetition(labelled: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows without mean per-class accuracy where it equals top-1, and a note that says so."""
    per_class = labelled["metric"] == "mean_per_class"
    means = [
        labelled[labelled["metric"] == metric].set_index(["arm", "evaluation", "protocol"])["mean"]
        for metric in ("mean_per_class", "top1")
    ]
    if not per_class.any() or not means[0].index.isin(means[1].index).all():
        return labelled, ""
    if (means[0] - means[1].reindex(means[0].index)).abs().max() > 1e-9:  # noqa: PLR2004 (rounding)
        return labelled, ""
    return labelled[~per_class], " Mean per-class accuracy is the same: all classes have equally many test images."


def _comparison(report: Report) -> Section:
    blocks: list[Block] = list(report.findings)
    labelled = None if report.comparison is None else needs_labels(report.comparison)
    if labelled is None or labelled.empty:
        blocks.append(f"Accuracy: {NOT_EVALUATED}.")
        return Section("Comparison", "comparison", tuple(blocks))
    labelled, repetition = _without_repetition(labelled)
    sizes = sorted({int(n) for n in labelled["n"] if n})
    note = ""
    if sizes:
        note = "Mean ± sample standard deviation over seeds, on " + " or ".join(f"{n:,}" for n in sizes)
        note += f" test images.{repetition}"
        if (labelled["role"] == "reference").any():
            names = ", ".join(
                arm_title(arm) for arm in dict.fromkeys(labelled.loc[labelled["role"] == "reference", "arm"])
            )
            note += f" References ({names}) stand below the arms: nothing was pretrained for them."
    blocks.append(_pivot_table(labelled, caption="Arms and references", note=note))
    if "accuracy" in report.figures and sizes:
        caption = "Mean and 95 % interval over seeds; references as dashed lines. The axes do not start at zero."
        blocks.append(Figure(report.figures["accuracy"], caption, f"Dot chart of the table above. {caption}"))
    if report.differences is not None:
        shown = needs_labels(report.differences)
        if repetition:
            shown = shown[shown["metric"] != "mean_per_class"]
        if len(shown):
            blocks.append(_differences_table(shown))
    return Section("Comparison", "comparison", tuple(blocks))


def _label_free(report: Report) -> Section:
    title, anchor = "Evidence without labels", "label-free"
    frame = None if report.comparison is None else is_label_free(report.comparison)
    if frame is None or not (frame["n_seeds"] > 0).any():
        return Section(title, anchor, ("Label-free measures: not measured.",))
    # A reference may have none of them: it would be a row of "not evaluated".
    measured = frame.loc[frame["n_seeds"] > 0, "arm"]
    frame = frame[(frame["role"] == "arm") | frame["arm"].isin(measured)]
    return Section(title, anchor, (_pivot_table(frame, caption="Features of the target", note=_LABEL_FREE_NOTE),))


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
    sections = (
        _what_was_run(report),
        _selection(report),
        _composition(report),
        Section("Images", "images", galleries),
        _comparison(report),
        _label_free(report),
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
