"""Accuracies of the arms: mean, 95 % interval and single seeds."""

from collections.abc import Iterable, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simcore.reporting.comparison import needs_labels
from simcore.reporting.figure_style import (
    GREY,
    REFERENCE_DASHES,
    arm_style,
    check_columns,
    finish_figure,
    plain_text,
    say_instead,
)
from simcore.reporting.names import NOT_EVALUATED, arm_title, count_seeds, measure_title
from simcore.reporting.records import FIELDS, MEASURE, Record, order_measures, select_measure

_COLUMNS = ("arm", *MEASURE, "mean", "low", "high", "n")


def _headline_panels(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the leading metric of each evaluation and protocol, with the heading of its panel."""
    frame = needs_labels(summary)
    leading = frame.groupby(["evaluation", "protocol"], sort=False)["metric"].transform("first")
    frame = frame[(frame["metric"] == leading) & frame["mean"].notna()]
    return [(measure_title(*map(str, measure)), rows) for measure, rows in frame.groupby(MEASURE, sort=False)]


def _as_comparison(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary with the columns of a comparison: all are arms, measures stand in their order."""
    if "role" in summary:
        return summary
    ordered = [select_measure(summary, measure) for measure in order_measures(summary)]
    n_seeds = "n_seeds" if "n_seeds" in summary else "n"
    return pd.concat([summary.head(0), *ordered]).assign(role="arm", n_seeds=lambda frame: frame[n_seeds])


def accuracy_figure(summary: pd.DataFrame, *, records: Iterable[Record] | pd.DataFrame = ()) -> go.Figure:
    """Return one panel an evaluation: a dot and its 95 % interval an arm, single seeds as faint strokes.

    The leading metric of each evaluation is drawn (that of the first row; in a summary top-1 where there is one).
    Where the interval is NaN, as for one seed, there is no bar. References are dashed lines. The axes do not start at
    zero.

    Args:
        summary: what `compare_arms` returns, or `simcore.study.summarise`, or a frame with `arm`, `evaluation`,
            `metric`, `protocol`, `mean`, `low`, `high` and the number of seeds, `n_seeds` or `n`.
        records: flat records, or a frame of them, whose single values are drawn; arms and measures that the summary
            lacks are left out.

    Raises:
        InputError: a column is missing.

    Example:
        >>> from simcore.reporting.comparison import compare_arms
        >>> record = {"arm": "x", "seed": 0, "evaluation": "knn", "metric": "top1", "protocol": "clean k=20"}
        >>> figure = accuracy_figure(compare_arms([{**record, "value": 0.75, "n": 1200}], arms=["x"]))
        >>> figure.layout.xaxis.title.text
        'kNN, top-1 accuracy (clean k=20)'
    """
    check_columns(summary, _COLUMNS, name="summary", source="what `compare_arms` returned")
    comparison = _as_comparison(summary)
    panels = _headline_panels(comparison)
    if not panels:
        return say_instead(f"Accuracy: {NOT_EVALUATED}.")
    seeds = records if isinstance(records, pd.DataFrame) else pd.DataFrame(list(records), columns=[*FIELDS])
    arms = list(dict.fromkeys(comparison.loc[comparison["role"] == "arm", "arm"]))
    top, gap, panel = 56, 104, 24 + 34 * len(arms)
    height = top + len(panels) * panel + (len(panels) - 1) * gap + 52
    spacing = gap / (height - top - 52) if len(panels) > 1 else 0
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=spacing)
    for number, (title, rows) in enumerate(panels, start=1):
        first = rows.iloc[0]
        values = select_measure(seeds, (first["evaluation"], first["metric"], first["protocol"]))
        # Drawn from the bottom up, so that the first arm stands on top.
        for arm in reversed(arms):
            _add_seeds(figure, values[values["arm"] == arm], arm, arms, number)
            _add_arm(figure, rows[(rows["arm"] == arm) & (rows["role"] == "arm")], arm, arms, number)
        _add_references(figure, rows[rows["role"] == "reference"].sort_values("mean"), number)
        figure.update_xaxes(title=plain_text(title), row=number, col=1)
        figure.update_yaxes(showgrid=False, range=[-0.6, len(arms) - 0.4], row=number, col=1)
    figure = finish_figure(figure, height=height, title="Accuracy by arm", top=top)
    return figure.update_layout(showlegend=False)


def _add_seeds(figure: go.Figure, values: pd.DataFrame, arm: str, arms: Sequence[str], panel: int) -> None:
    if values.empty:
        return
    colour, _, _ = arm_style(arm, arms)
    title = plain_text(arm_title(arm))
    figure.add_trace(
        go.Scatter(
            x=values["value"],
            y=[title] * len(values),
            mode="markers",
            name=f"{title}, seeds",
            # Strokes, which the line of the interval does not hide.
            marker={"color": colour, "symbol": "line-ns-open", "size": 16, "line": {"width": 1.5}},
            opacity=0.5,
            customdata=values["seed"].astype(str),
            hovertemplate="%{y}: %{x:.3f}, seed %{customdata}<extra></extra>",
        ),
        row=panel,
        col=1,
    )


def _add_arm(figure: go.Figure, rows: pd.DataFrame, arm: str, arms: Sequence[str], panel: int) -> None:
    colour, symbol, _ = arm_style(arm, arms)
    title = plain_text(arm_title(arm))
    interval = {"array": rows["high"] - rows["mean"], "arrayminus": rows["mean"] - rows["low"], "symmetric": False}
    figure.add_trace(
        go.Scatter(
            # An arm without a value keeps its line, empty.
            x=rows["mean"] if len(rows) else [None],
            y=[title] * max(1, len(rows)),
            mode="markers",
            name=title,
            marker={"color": colour, "symbol": symbol, "size": 12},
            error_x={**interval, "color": colour, "thickness": 2, "width": 6},
            customdata=[count_seeds(n_seeds) for n_seeds in rows["n_seeds"]],
            hovertemplate="%{y}: %{x:.3f}, %{customdata}<extra></extra>",
        ),
        row=panel,
        col=1,
    )


def _add_references(figure: go.Figure, rows: pd.DataFrame, panel: int) -> None:
    axis = "" if panel == 1 else str(panel)
    for position, row in enumerate(rows.to_dict("records")):
        dash = REFERENCE_DASHES[position % len(REFERENCE_DASHES)]
        figure.add_vline(x=row["mean"], line={"color": GREY, "dash": dash, "width": 1.5}, row=panel, col=1)
        figure.add_annotation(
            text=plain_text(arm_title(row["arm"])), x=row["mean"], xref=f"x{axis}", xanchor="center", y=1,
            yref=f"y{axis} domain", yanchor="bottom", showarrow=False,
            # Two references may lie close together: their names stand on two levels.
            yshift=16 * (position % 2),
        )  # fmt: skip
