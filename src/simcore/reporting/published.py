"""The section of the page that puts the paper's numbers beside ours."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.reporting.names import arm_title, measure_title
from simcore.reporting.report import Section, Table
from simcore.study.records import MEASURE

_NEEDED = (
    "table", "dataset", "openset", "method", "encoder", "arm", "ratio_percent", "tau", *MEASURE, "n_seeds",
    "published", "ours", "difference", "protocol_differences", "flag",
)  # fmt: skip
_SHOWN = (
    "arm", "measure", "published", "ours", "difference", "seeds", "what differs", "data set", "open-set",
    "pretraining", "table",
)  # fmt: skip
_NOTE = (
    "Per cent; a difference is ours minus published. The published numbers are single runs without a spread, so no "
    "difference has an interval. A reproduction is only where nothing differs; what the records do not tell is not "
    "compared."
)


def published_section(published: pd.DataFrame | None) -> Section | None:
    """Return the section of the published numbers, or None where there is none beside ours.

    Args:
        published: what `simcore.published.compare_with_published` returns.

    Raises:
        InputError: a column is missing.

    Example:
        >>> from simcore.published import compare_with_published
        >>> run = {"dataset": "pets", "method": "simclr", "encoder": "resnet50", "arm": "x", "evaluation": "linear"}
        >>> run |= {"metric": "mean_per_class", "protocol": "clean", "value": 0.6, "seed": 0}
        >>> (table,) = published_section(compare_with_published(pd.DataFrame([run]))).blocks
        >>> table.rows[0][:7]
        ('X', 'linear probe, mean per-class accuracy (clean)', '59.23', '60.00', '+0.77', '1', 'Clean instead of published.')
    """  # noqa: E501 (a row of a table)
    if published is None or published.empty:
        return None
    missing = [column for column in _NEEDED if column not in published]
    if missing:
        raise InputError(
            f"`published` lacks {', '.join(missing)} (it has {', '.join(map(str, published.columns))}); pass what "
            "`compare_with_published` returned."
        )
    with_care = published["flag"].notna().any()
    rows = published.to_dict("records")
    shown = tuple((*_cells(row), *([_or_empty(row["flag"])] if with_care else ())) for row in rows)
    columns = (*_SHOWN, *(["read with care"] if with_care else ()))
    return Section("Beside the paper's numbers", "published", (Table("Published and ours", columns, shown, _NOTE),))


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return (
        _name_arm(row),
        measure_title(*(row[field] for field in MEASURE)),
        f"{row['published']:.2f}",
        f"{row['ours']:.2f}",
        f"{row['difference']:+.2f}".replace("-", "−"),
        str(row["n_seeds"]),
        row["protocol_differences"] or "Nothing that the records tell.",
        row["dataset"],
        _or_empty(row["openset"]) or "none",
        f"{row['method']}, {row['encoder']}",
        row["table"],
    )


def _name_arm(row: Mapping[Any, Any]) -> str:
    """Return the arm with what decided its size as published: a fixed share, else a threshold."""
    title = arm_title(row["arm"])
    if not pd.isna(row["ratio_percent"]):
        return f"{title}, {row['ratio_percent']:g} % of the open-set"
    return title if pd.isna(row["tau"]) else f"{title}, tau {row['tau']:g}"


def _or_empty(text: Any) -> str:
    return "" if pd.isna(text) else str(text)
