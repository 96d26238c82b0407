"""Accuracy over labels: rounds of active learning as curves and as a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simcore.reporting.figure_style import (
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    check_columns,
    finish_figure,
    plain_text,
    say_instead,
)
from simcore.reporting.names import arm_title, format_number, measure_title
from simcore.reporting.report import Figure, Gallery, Section, Table

EVALUATION = "active_learning"
"""Name of the evaluation in records."""

_COLUMNS = ("arm", "seed", "evaluation", "metric", "protocol", "value", "query", "share", "labels")
_STYLES = {
    "random": (GREY, "circle", "dash"),
    "entropy": (ORANGE, "square", "dot"),
    "coreset": (BLUE, "diamond", "dashdot"),
    "badge": (VERMILLION, "triangle-up", "solid"),
}
_OTHER = (GREY, "cross", "longdash")
# Pixels: of a panel, between panels, of a panel's title, above and below them all.
_PANEL, _GAP, _TITLE, _TOP, _BOTTOM = 300, 70, 26, 90, 52


def label_curves(records: Iterable[Mapping[str, Any]], *, metric: str) -> pd.DataFrame:
    """Return one row a point of a curve: `arm`, `protocol`, `query`, `share`, `labels`, `mean`, `n_seeds`.

    Args:
        records: Flat records; those of other evaluations and metrics are left out. Those of active learning have
            `query`, `share` (of the training images) and `labels` (how many that are).
        metric: Which accuracy.

    Raises:
        InputError: A field is missing.

    Example:
        >>> point = {"arm": "x", "evaluation": "active_learning", "metric": "top1", "protocol": "clean badge 10 %"}
        >>> point |= {"query": "badge", "share": 0.1, "labels": 12}
        >>> records = [{**point, "seed": seed, "value": value} for seed, value in ((0, 0.5), (1, 0.7))]
        >>> label_curves(records, metric="top1")[["query", "labels", "mean", "n_seeds"]].values.tolist()
        [['badge', 12, 0.6, 2]]
    """
    chosen = [record for record in records if (record["evaluation"], record["metric"]) == (EVALUATION, metric)]
    frame = pd.DataFrame(chosen, columns=None if chosen else [*_COLUMNS])
    check_columns(frame, _COLUMNS, name="records", source="the records of active learning")
    frame = frame.assign(protocol=frame["protocol"].astype(str).str.split(" ").str[0])
    grouped = frame.groupby(["arm", "protocol", "query", "share", "labels"], sort=False)["value"]
    return grouped.agg(mean="mean", n_seeds="size").reset_index()


def label_curve_figure(records: Iterable[Mapping[str, Any]], *, metric: str) -> go.Figure:
    """Return accuracy over labelled images, a panel an arm and protocol, a line a query; means over seeds.

    Args:
        records: As `label_curves`.
        metric: Which accuracy.

    Raises:
        InputError: A field is missing.
    """
    curves = label_curves(records, metric=metric)
    if curves.empty:
        return say_instead("No round of active learning has been trained yet.")
    panels = [*curves.groupby(["arm", "protocol"], sort=False)]
    height = len(panels) * _PANEL + (len(panels) - 1) * _GAP
    titles = [plain_text(f"{arm_title(str(arm))}, {protocol}") for (arm, protocol), _ in panels]
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=True,
        shared_yaxes="all",
        vertical_spacing=_GAP / height if len(panels) > 1 else 0,
        subplot_titles=titles,
    )
    named: set[str] = set()
    for number, (_, panel) in enumerate(panels, start=1):
        for query, unordered in panel.groupby("query", sort=False):
            points = unordered.sort_values("labels")
            colour, symbol, dash = _STYLES.get(str(query), _OTHER)
            figure.add_trace(
                go.Scatter(
                    x=points["labels"],
                    y=points["mean"],
                    mode="lines+markers",
                    name=str(query),
                    legendgroup=str(query),
                    showlegend=str(query) not in named,
                    line={"color": colour, "dash": dash, "width": 2},
                    marker={"symbol": symbol, "size": 9},
                    customdata=100 * points["share"],
                    hovertemplate=f"{query}, %{{x}} labels (%{{customdata:g}} %): %{{y:.3f}}<extra></extra>",
                ),
                row=number,
                col=1,
            )
            named.add(str(query))
        figure.update_yaxes(title="accuracy", row=number, col=1)
    figure.update_xaxes(title="labelled training images", row=len(panels), col=1)
    figure = finish_figure(figure, height=height + _TOP + _BOTTOM, title="Accuracy over labels", top=_TOP)
    # Above the first panel's title.
    return figure.update_layout(legend_y=1 + _TITLE / height)


def active_learning_section(
    records: Iterable[Mapping[str, Any]], *, metric: str, galleries: Sequence[Gallery] = ()
) -> Section | None:
    """Return the section of the page about active learning: curves, queries by share, images; None without records.

    Args:
        records: As `label_curves`.
        metric: Which accuracy.
        galleries: Of what was asked for.

    Raises:
        InputError: A field is missing.
    """
    records = list(records)
    curves = label_curves(records, metric=metric)
    if curves.empty:
        return None
    shares = sorted(curves["share"].unique())
    rows = []
    for (arm, protocol, query), points in curves.groupby(["arm", "protocol", "query"], sort=False):
        values = dict(zip(points["share"], points["mean"], strict=True))
        cells = [format_number(values[share]) if share in values else "" for share in shares]
        rows.append((f"{arm_title(str(arm))}, {query} ({protocol})", *cells))
    caption = f"{measure_title(EVALUATION, metric, '').capitalize()} by share of the training images that are labelled"
    drawn = "Every line is one query for labels, every point the classifier trained on all labels until then."
    return Section(
        "Active learning",
        "active-learning",
        (
            Figure(label_curve_figure(records, metric=metric), drawn, f"Line chart. {drawn}"),
            Table(caption, ("arm, query", *(f"{100 * share:g} %" for share in shares)), tuple(rows)),
            *galleries,
        ),
    )
