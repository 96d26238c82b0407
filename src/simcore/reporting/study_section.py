"""The section of the page for one study."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.reporting.accuracy import accuracy_figure
from simcore.reporting.comparison import explain_marks, format_result
from simcore.reporting.names import arm_title, format_number, measure_title
from simcore.reporting.records import MEASURE
from simcore.reporting.report import Figure, Section, Table

TITLES = {
    "ratios": "Share of the open-set",
    "thresholds": "Threshold of the stop rule",
    "centroids": "Number of centroids",
    "repeated": "Selecting again, and training X as long",
    "two_stages": "Starting from the open-set",
    "pools": "The open-set as it is, drawn, selected",
    "methods": "Methods",
    "encoders": "Encoders",
    "opensets": "Open-sets",
    "retrieval_lengths": "Length of the retrieval encoder's training",
    "hard_negatives": "Hard negatives",
}


def study_section(study: str, table: pd.DataFrame) -> Section:
    """Return the section: the accuracies as a figure, ratio, accuracy and differences by arm as a table.

    Args:
        study: Its name.
        table: What `tabulate_study` returned.

    Example:
        >>> row = {"arm": "x", "images": 0, "ratio_percent": 0.0, "evaluation": "knn", "metric": "top1"}
        >>> row |= {"protocol": "clean k=20", "mean": 0.5, "std": 0.1, "low": 0.4, "high": 0.6, "n_seeds": 3, "n": 1200}
        >>> row["among_best"] = False
        >>> row |= dict.fromkeys(["against", "difference", "difference_low", "difference_high"])
        >>> study_section("ratios", pd.DataFrame([row])).blocks[1].rows[0]
        ('X', '0 (0.00 %)', 'kNN, top-1 accuracy (clean k=20)', '0.500 ± 0.100 (3 seeds)', '')
    """
    title = TITLES.get(study, study.replace("_", " "))
    first = arm_title(str(table["arm"].iloc[0]))
    rows = tuple(
        (
            arm_title(str(row["arm"])),
            f"{row['images']:,} ({row['ratio_percent']:.2f} %)",
            measure_title(*(str(row[field]) for field in MEASURE)),
            format_result(row),
            _difference(row),
        )
        for row in table.to_dict("records")
    )
    columns = ("arm", "open-set images", "measure", "result", f"difference to {first}, 95 % interval")
    caption = "Images of the open-set and accuracy of every arm; differences are taken seed by seed."
    drawn = "Dots are means, bars 95 % intervals over seeds."
    return Section(
        f"Study: {title}",
        f"study-{study}",
        (
            Figure(accuracy_figure(table), drawn, f"Dot chart. {drawn}"),
            Table(caption, columns, rows, note=explain_marks(table.assign(role="arm"))),
        ),
    )


def _difference(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["difference"]):
        return ""
    told, low, high = (
        "" if pd.isna(row[name]) else format_number(float(row[name]), signed=True)
        for name in ("difference", "difference_low", "difference_high")
    )
    return f"{told} [{low}, {high}]" if low else told
