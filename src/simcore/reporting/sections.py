"""From a report's data to the sections of its page: which sentence, table or figure stands where."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.reporting.comparison import pivot_comparison
from simcore.reporting.names import (
    LABEL_FREE,
    NOT_EVALUATED,
    arm_title,
    count_seeds,
    format_number,
    measure_title,
)
from simcore.reporting.report import Block, Figure, Report, Section, Table, flatten_settings


def _facts(caption: str, names: tuple[str, str], facts: Mapping[str, object], **how: Any) -> Table:
    return Table(caption, names, tuple((name, str(value)) for name, value in facts.items()), **how)


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 (seconds in a minute)
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _what_was_run(report: Report) -> Section:
    blocks: list[Block] = []
    if report.data:
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
        columns = ("set", "images", "rejected", "classes", "size (pixels)")
        blocks.append(
            Table("Data", columns, rows, "Rejected images are listed with the reason beside the manifest.")
        )
    else:
        blocks.append("Data: not recorded.")
    seeds = ", ".join(str(seed) for seed in report.seeds)
    blocks.append(
        f"Arms rest on {count_seeds(len(report.seeds))}: {seeds}." if seeds else "Seeds: not recorded."
    )
    if report.stage_seconds:
        times = {stage: _duration(seconds) for stage, seconds in report.stage_seconds.items()}
        times["all stages"] = _duration(sum(report.stage_seconds.values()))
        note = "One run: these are not benchmark numbers."
        blocks.append(_facts("Time", ("stage", "wall time"), times, note=note))
    else:
        blocks.append("Time per stage: not recorded.")
    if report.machine:
        blocks.append(_facts("Machine and versions", ("what", "value"), report.machine))
    else:
        blocks.append("Machine and versions: not recorded.")
    if report.settings:
        blocks.append(
            _facts("Settings", ("parameter", "value"), flatten_settings(report.settings), folded=True)
        )
    else:
        blocks.append("Settings: not recorded.")
    return Section("What was run", "run", tuple(blocks))


def _shares_table(shares: pd.DataFrame, *, by: str, most: int = 30) -> Table:
    rows = tuple(
        (
            str(row.group),
            f"{row.n_picked:,}",
            f"{row.n_pool:,}",
            _percent(row.picked_share),
            _percent(row.pool_share),
            "not defined" if pd.isna(row.enrichment) else f"{row.enrichment:.2f}",
        )
        for row in shares.head(most).itertuples()
    )
    note = "Enrichment: share among the picks / share in the pool; 1 is what a random draw gives."
    if len(shares) > most:
        note += f" The {most} largest of {len(shares)} are shown."
    columns = (by, "picks", "pool", "share of picks", "share of pool", "enrichment")
    return Table(f"Coreset and pool by {by}", columns, rows, note)


def _percent(share: float) -> str:
    return "not defined" if pd.isna(share) else f"{100 * share:.1f} %"


def _selection(report: Report) -> Section:
    blocks: list[Block] = []
    chosen = report.selection
    if chosen is None:
        blocks.append("Selection: not run.")
    else:
        share = f" ({100 * chosen.n_picked / chosen.n_openset:.1f} %)" if chosen.n_openset else ""
        blocks.append(
            f"{chosen.n_picked:,} of {chosen.n_openset:,} open-set images were picked{share} in "
            f"{chosen.n_rounds:,} rounds over {chosen.n_centroids:,} centroids. "
            f"Why it stopped: {chosen.stopped.rstrip('.')}."
        )
    blocks.append("Purity: not evaluated: no labels." if report.purity is None else str(report.purity))
    if "trace" in report.figures:
        caption = "Value of each round as a ratio to the reference round, and the size of the coreset."
        stopped = f" Selection stopped: {chosen.stopped}" if chosen else ""
        blocks.append(
            Figure(report.figures["trace"], caption, f"Two line charts over rounds. {caption}{stopped}")
        )
    else:
        blocks.append("Trace: not recorded.")
    if chosen is not None and chosen.certificate:
        caption = "Certificate: was the selection exact, and on which inputs"
        blocks.append(_facts(caption, ("entry", "value"), flatten_settings(chosen.certificate)))
    else:
        blocks.append("Certificate: not recorded.")
    return Section("Selection", "selection", tuple(blocks))


def _composition(report: Report) -> Section:
    blocks: list[Block] = []
    if "composition" in report.figures:
        caption = "Share of images among the picks and in the pool."
        blocks.append(
            Figure(report.figures["composition"], caption, f"Bar chart. {caption} Numbers in the table.")
        )
    if report.shares is not None:
        blocks.append(_shares_table(report.shares, by="class"))
    else:
        blocks.append("By class: not evaluated: the open-set has no labels.")
    if report.source_shares is not None:
        blocks.append(_shares_table(report.source_shares, by="source"))
    return Section("What the coreset is made of", "composition", tuple(blocks))


def _galleries(report: Report) -> Section:
    blocks: tuple[Block, ...] = tuple(report.galleries) or ("Galleries: not made.",)
    return Section("Images", "images", blocks)


def _pivot_table(frame: pd.DataFrame, *, caption: str, note: str) -> Table:
    pivot = pivot_comparison(frame)
    rows = tuple(
        (str(arm), *map(str, values)) for arm, values in zip(pivot.index, pivot.to_numpy(), strict=True)
    )
    return Table(caption, ("arm", *map(str, pivot.columns)), rows, note)


def _differences_table(differences: pd.DataFrame) -> Table:
    rows = tuple(
        (
            f"{arm_title(row.arm)} − {arm_title(row.against)}",
            measure_title(row.evaluation, row.metric, row.protocol),
            format_number(row.mean, signed=True),
            "none: one seed"
            if row.n_seeds == 1
            else f"{format_number(row.low, signed=True)} to {format_number(row.high, signed=True)}",
            str(row.n_seeds),
        )
        for row in differences.itertuples()
    )
    note = "Each interval (Student's t) stands for its own comparison and covers the seeds, not other test images."
    columns = ("difference", "measure", "mean", "95 % interval", "seeds")
    return Table("Paired differences, seed by seed", columns, rows, note)


def _comparison(report: Report) -> Section:
    blocks: list[Block] = list(report.findings)
    labelled = None
    if report.comparison is not None:
        labelled = report.comparison[report.comparison["evaluation"] != LABEL_FREE]
    if labelled is None or labelled.empty:
        blocks.append(f"Accuracy: {NOT_EVALUATED}.")
    else:
        sizes = sorted({int(n) for n in labelled["n"] if n})
        measured = f" on {' or '.join(f'{n:,}' for n in sizes)} test images" if sizes else ""
        note = f"Mean ± sample standard deviation over seeds{measured}."
        if (labelled["role"] == "reference").any():
            note += " Raw pixels and the random network are references without pretraining."
        blocks.append(_pivot_table(labelled, caption="Arms and references", note=note))
        if "accuracy" in report.figures and labelled["mean"].notna().any():
            caption = "Mean and 95 % interval over seeds; references as dashed lines. The axes do not start at zero."
            alt = f"Dot chart of the table above. {caption}"
            blocks.append(Figure(report.figures["accuracy"], caption, alt))
    if report.differences is not None:
        shown = report.differences[report.differences["evaluation"] != LABEL_FREE]
        if len(shown):
            blocks.append(_differences_table(shown))
    return Section("Comparison", "comparison", tuple(blocks))


def _label_free(report: Report) -> Section:
    frame = (
        None
        if report.comparison is None
        else report.comparison[report.comparison["evaluation"] == LABEL_FREE]
    )
    if frame is None or frame.empty:
        return Section("Evidence without labels", "label-free", ("Label-free evidence: not measured.",))
    note = (
        "Alignment: mean squared distance between two views of one image, lower is closer. Uniformity: "
        "logarithm of the mean Gaussian potential, lower is more evenly spread. Feature spread and effective rank: "
        "how much of the space the features use. None of them says by itself that an encoder is better."
    )
    return Section(
        "Evidence without labels",
        "label-free",
        (_pivot_table(frame, caption="Label-free measures on the target", note=note),),
    )


def _curves(report: Report) -> Section:
    if "curves" not in report.figures:
        return Section("Training curves", "curves", ("Training curves: not recorded.",))
    caption = "Training loss of each arm and seed."
    return Section(
        "Training curves", "curves", (Figure(report.figures["curves"], caption, f"Line chart. {caption}"),)
    )


def _artefacts(report: Report) -> Section:
    if not report.artefacts:
        return Section("Where the artefacts are", "artefacts", ("Artefacts: not recorded.",))
    return Section(
        "Where the artefacts are",
        "artefacts",
        (_facts("Artefacts", ("artefact", "place"), report.artefacts),),
    )


def compose_sections(report: Report) -> tuple[Section, ...]:
    """Return the sections of the report's page in reading order; the answer and the command stand around them."""
    return (
        _what_was_run(report),
        _selection(report),
        _composition(report),
        _galleries(report),
        _comparison(report),
        _label_free(report),
        _curves(report),
        *report.sections,
        _artefacts(report),
    )
