"""The sections of the page on the arms: how they were compared, what came out, and the evidence without labels."""

import pandas as pd

from simcore.reporting.comparison import explain_marks, is_label_free, pivot_comparison
from simcore.reporting.differences import format_interval
from simcore.reporting.names import NOT_EVALUATED, arm_title, format_number, measure_title
from simcore.reporting.report import Block, Figure, Report, Section, Table
from simcore.study.records import MEASURE, needs_labels

_LABEL_FREE_NOTE = (
    "Alignment: mean squared distance between two views of one image, lower is closer. Uniformity: "
    "logarithm of the mean Gaussian potential over pairs, lower is more evenly spread. Feature spread: "
    "mean standard deviation of a dimension, 0 when collapsed. Effective rank: how many dimensions the "
    "features use. None of them says by itself that an encoder is better."
)


def terms_section(report: Report) -> Section:
    """Return how the arms were compared: the terms, and how many steps each took."""
    blocks: list[Block] = [report.terms or "Terms: not recorded."]
    if report.steps:
        rows = tuple((arm_title(arm), f"{steps:,}") for arm, steps in report.steps.items())
        blocks.append(Table("Length of each arm's training", ("arm", "steps"), rows))
    return Section("How it was compared", "terms", tuple(blocks))


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
            f"{row['won'] * row['n_seeds']:.0f} of {row['n_seeds']}",
        )
        for row in differences.to_dict("records")
    )
    note = (
        "Each interval (Student's t) stands for its own comparison and covers the seeds, not the choice of "
        "test images. An interval that holds 0 supports no claim. A seed is won where the first arm is above."
    )
    columns = ("difference", "measure", "mean", "95 % interval", "seeds won")
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


def comparison_section(report: Report) -> Section:
    """Return what was found, the table of arms and references, their figure, and the paired differences."""
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
    note = f"{note} {explain_marks(labelled)}".strip()
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


def label_free_section(report: Report) -> Section:
    """Return the table of what needs no labels."""
    title, anchor = "Evidence without labels", "label-free"
    frame = None if report.comparison is None else is_label_free(report.comparison)
    if frame is None or not (frame["n_seeds"] > 0).any():
        return Section(title, anchor, ("Label-free measures: not measured.",))
    # A reference may have none of them: it would be a row of "not evaluated".
    measured = frame.loc[frame["n_seeds"] > 0, "arm"]
    frame = frame[(frame["role"] == "arm") | frame["arm"].isin(measured)]
    return Section(title, anchor, (_pivot_table(frame, caption="Features of the target", note=_LABEL_FREE_NOTE),))
