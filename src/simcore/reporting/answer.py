"""The short form of a report: one sentence, and the few numbers a reader looks for first."""

from dataclasses import dataclass

from simcore.reporting.comparison import needs_labels
from simcore.reporting.composition import Purity
from simcore.reporting.names import arm_title, count_seeds, format_number, format_percent, measure_title
from simcore.reporting.report import Report, Selection
from simcore.study.records import MEASURE


@dataclass(frozen=True)
class Highlight:
    """One number with its name and what it must be read with."""

    name: str
    value: str
    detail: str


def state_answer(selection: Selection, *, purity: Purity | None = None, finding: str = "") -> str:
    """Return what came out, in one sentence: how many picks, how pure against chance, what was found.

    Args:
        selection: numbers of the selection.
        purity: purity of the coreset; left out when it was not evaluated.
        finding: a sentence of `state_finding`; left out when empty.

    Example:
        >>> state_answer(Selection(n_picked=5, n_openset=20, n_rounds=1, n_centroids=5, stopped="the budget"))
        'SimCore picked 5 of 20 open-set images.'
    """
    who = "SimCore picked" if selection.given is None else f"The list {selection.given} gives"
    clauses = [f"{who} {selection.n_picked:,} of {selection.n_openset:,} open-set images"]
    if purity is not None and purity.purity is not None and purity.chance is not None:
        clauses[0] += (
            f", {format_percent(purity.purity)} of them {purity.relevant} (chance {format_percent(purity.chance)})"
        )
    if finding:
        # "Linear probe" goes on in small letters, "X + SimCore" does not.
        first = finding[0].lower() if finding[1:2].islower() else finding[0]
        clauses.append(first + finding[1:].rstrip("."))
    return "; ".join(clauses) + "."


def _accuracy_highlights(report: Report) -> list[Highlight]:
    if report.comparison is None:
        return []
    frame = needs_labels(report.comparison)
    frame = frame[(frame["role"] == "arm") & (frame["n_seeds"] > 0)]
    if frame.empty:
        return []
    first = tuple(frame.iloc[0][MEASURE])
    return [
        Highlight(
            arm_title(row["arm"]),
            format_number(row["mean"])
            + ("" if row["n_seeds"] == 1 else f" ± {format_number(row['std'], like=row['mean'])}"),
            f"{measure_title(*first)}, {count_seeds(row['n_seeds'])}",
        )
        for row in frame.to_dict("records")
        if tuple(row[field] for field in MEASURE) == first
    ]


def compose_highlights(report: Report) -> tuple[Highlight, ...]:
    """Return the picks, the purity and the arms' leading accuracy, as far as they are known."""
    highlights = []
    if report.selection is not None:
        highlights.append(
            Highlight("picked", f"{report.selection.n_picked:,}", f"of {report.selection.n_openset:,} images")
        )
    if report.purity is not None and report.purity.purity is not None and report.purity.chance is not None:
        detail = f"{report.purity.relevant}; chance {format_percent(report.purity.chance)}"
        highlights.append(Highlight("purity", format_percent(report.purity.purity), detail))
    return (*highlights, *_accuracy_highlights(report))
