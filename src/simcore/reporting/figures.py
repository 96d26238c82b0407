"""Plotly figures for kedro-viz, MLflow and the report: safe for colour-blind readers, light and dark mode."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simcore.errors import InputError
from simcore.reporting.comparison import needs_labels
from simcore.reporting.figure_style import (
    BLUE,
    GREY,
    ORANGE,
    REFERENCE_DASHES,
    VERMILLION,
    arm_style,
    finish_figure,
    plain_text,
    say_instead,
)
from simcore.reporting.names import NOT_EVALUATED, arm_title, count_seeds, measure_title, stop_title

_MARKED_ROUNDS = 60
_CURVE_POINTS = 200
_PHONE_LETTERS = 42  # what fits into one line of a figure on a phone


def _check_columns(frame: pd.DataFrame, columns: Sequence[str], *, name: str, source: str) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise InputError(f"`{name}` lacks {', '.join(missing)} (it has {', '.join(frame.columns)}); pass {source}.")


def trace_figure(trace: pd.DataFrame, *, threshold: float | None, stopped: str | None = None) -> go.Figure:
    """Return the round value ratio with its threshold above the size of the coreset, over rounds.

    Without a reference round the ratio is undefined; the round value is drawn instead, without a threshold.

    Args:
        trace: frame with `round`, `value`, `ratio` (value / value of the reference round) and `n_total`
            (images in the coreset after the round), one row a round.
        threshold: tau; None when no threshold was set.
        stopped: why selection stopped ("threshold", "budget", "exhausted", or a few words); written at the
            last round.

    Raises:
        InputError: a column is missing.

    Example:
        >>> columns = ["round", "value", "ratio", "n_total"]
        >>> trace = pd.DataFrame([[1, 0.9, 1.0, 30], [2, 0.8, 0.89, 58]], columns=columns)
        >>> figure = trace_figure(trace, threshold=0.95, stopped="threshold")
        >>> [data.name for data in figure.data]
        ['round value / reference', 'coreset size']
    """
    columns = ("round", "value", "ratio", "n_total")
    _check_columns(trace, columns, name="trace", source="the trace that selection wrote")
    if trace.empty:
        return say_instead("No round was run.")
    has_ratio = trace["ratio"].notna().any()
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.6, 0.4])
    mode = "lines+markers" if len(trace) <= _MARKED_ROUNDS else "lines"
    figure.add_trace(
        go.Scatter(
            x=trace["round"],
            y=trace["ratio"] if has_ratio else trace["value"],
            mode=mode,
            name="round value / reference" if has_ratio else "round value",
            line={"width": 2, "color": BLUE},
            marker={"size": 6},
            customdata=trace["value"],
            hovertemplate="round %{x}: ratio %{y:.4f}, value %{customdata:.4f}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Scatter(
            x=trace["round"],
            y=trace["n_total"],
            mode=mode,
            name="coreset size",
            line={"width": 2, "color": VERMILLION, "shape": "hv"},
            marker={"size": 6, "symbol": "square"},
            hovertemplate="round %{x}: %{y:,} images<extra></extra>",
        ),
        row=2,
        col=1,
    )
    if has_ratio and threshold is not None:
        _add_threshold(figure, trace["ratio"], threshold)
    title = "ratio to reference round" if has_ratio else "round value"
    figure.update_yaxes(title=title, row=1, col=1)
    figure.update_yaxes(title="coreset (images)", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title="round", row=2, col=1)
    top = 40
    if stopped:
        last = int(trace["round"].iloc[-1])
        lines = textwrap.wrap(f"stop at round {last}: {stop_title(stopped)}", width=_PHONE_LETTERS)
        figure.add_vline(x=last, line={"color": GREY, "dash": "dot", "width": 1})
        figure.add_annotation(
            text="<br>".join(map(plain_text, lines)), align="right", x=1, xref="x domain", xanchor="right",
            y=1, yref="paper", yanchor="bottom", showarrow=False,
        )  # fmt: skip
        top += 17 * (len(lines) - 1)
    return finish_figure(figure, height=420 + top, top=top).update_layout(showlegend=False)


def _add_threshold(figure: go.Figure, ratio: pd.Series, threshold: float) -> None:
    # A line does not widen the axis by itself: a run that ended by its budget stays above it.
    low, high = min(ratio.min(), threshold), max(ratio.max(), threshold)
    pad = 0.08 * (high - low) or 0.01
    figure.update_yaxes(range=[low - pad, high + pad], row=1, col=1)
    figure.add_hline(y=threshold, line={"color": ORANGE, "dash": "dash", "width": 2}, row=1, col=1)
    figure.add_annotation(
        text=f"threshold {threshold:g}", x=0, xref="x domain", xanchor="left", y=threshold, yref="y",
        yanchor="bottom", showarrow=False,
    )  # fmt: skip


def _headline_panels(comparison: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the leading metric of each evaluation and protocol, with the heading of its panel."""
    frame = needs_labels(comparison)
    leading = frame.groupby(["evaluation", "protocol"], sort=False)["metric"].transform("first")
    frame = frame[(frame["metric"] == leading) & frame["mean"].notna()]
    return [
        (measure_title(*map(str, measure)), rows)
        for measure, rows in frame.groupby(["evaluation", "metric", "protocol"], sort=False)
    ]


def accuracy_figure(comparison: pd.DataFrame) -> go.Figure:
    """Return one panel an evaluation: a dot and its 95 % interval an arm, references as dashed lines.

    The leading metric of each evaluation is drawn (top-1 where there is one). One seed has a dot without an
    interval. The axes do not start at zero.

    Args:
        comparison: what `compare_arms` returns.

    Example:
        >>> from simcore.reporting.comparison import compare_arms
        >>> record = {"arm": "x", "seed": 0, "evaluation": "knn", "metric": "top1", "protocol": "clean k=20"}
        >>> figure = accuracy_figure(compare_arms([{**record, "value": 0.75, "n": 1200}], arms=["x"]))
        >>> figure.layout.xaxis.title.text
        'kNN, top-1 accuracy (clean k=20)'
    """
    panels = _headline_panels(comparison)
    if not panels:
        return say_instead(f"Accuracy: {NOT_EVALUATED}.")
    arms = list(dict.fromkeys(comparison.loc[comparison["role"] == "arm", "arm"]))
    top, gap, panel = 56, 104, 24 + 34 * len(arms)
    height = top + len(panels) * panel + (len(panels) - 1) * gap + 52
    spacing = gap / (height - top - 52) if len(panels) > 1 else 0
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=spacing)
    for number, (title, rows) in enumerate(panels, start=1):
        # Drawn from the bottom up, so that the first arm stands on top.
        for arm in reversed(arms):
            _add_arm(figure, rows[(rows["arm"] == arm) & (rows["role"] == "arm")], arm, arms, number)
        _add_references(figure, rows[rows["role"] == "reference"].sort_values("mean"), number)
        figure.update_xaxes(title=plain_text(title), row=number, col=1)
        figure.update_yaxes(showgrid=False, range=[-0.6, len(arms) - 0.4], row=number, col=1)
    return finish_figure(figure, height=height, top=top).update_layout(showlegend=False)


def _add_arm(figure: go.Figure, rows: pd.DataFrame, arm: str, arms: Sequence[str], panel: int) -> None:
    colour, symbol, _ = arm_style(arm, arms)
    figure.add_trace(
        go.Scatter(
            # An arm without a value keeps its line, empty.
            x=rows["mean"] if len(rows) else [None],
            y=[plain_text(arm_title(arm))] * max(1, len(rows)),
            mode="markers",
            name=plain_text(arm_title(arm)),
            marker={"color": colour, "symbol": symbol, "size": 12},
            error_x={"array": rows["high"] - rows["mean"], "color": colour, "thickness": 2, "width": 6},
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


def composition_figure(shares: pd.DataFrame, *, by: str = "class", most: int = 30) -> go.Figure:
    """Return pairs of bars: the share of each group among the picks and in the pool.

    Args:
        shares: what `coreset_shares` returns.
        by: what a group is, for the axis title ("class", "source").
        most: groups shown; further ones are summed into one pair of bars.

    Raises:
        InputError: a column is missing.

    Example:
        >>> shares = pd.DataFrame({"group": ["cat"], "picked_share": [0.9], "pool_share": [0.5]})
        >>> [bar.name for bar in composition_figure(shares).data]
        ['coreset', 'pool']
    """
    columns = ("group", "picked_share", "pool_share")
    _check_columns(shares, columns, name="shares", source="what `coreset_shares` returned")
    if shares.empty:
        return say_instead(f"Composition by {by}: not evaluated: the open-set is empty.")
    shown, rest = shares.head(most), shares.iloc[most:]
    groups = [plain_text(group) for group in shown["group"]]
    if len(rest):
        groups.append(f"{len(rest):,} others")
    figure = go.Figure()
    for name, column, colour in (("coreset", "picked_share", VERMILLION), ("pool", "pool_share", GREY)):
        values = [*shown[column], *([rest[column].sum()] if len(rest) else [])]
        figure.add_trace(
            go.Bar(
                x=[100 * value for value in values],
                y=groups,
                orientation="h",
                name=name,
                marker={"color": colour},
                hovertemplate=f"%{{y}}: %{{x:.1f}} %<extra>{name}</extra>",
            )
        )
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.05)
    figure.update_xaxes(title="share of images (%)", rangemode="tozero")
    figure = finish_figure(figure, height=110 + 26 * len(groups))
    return figure.update_yaxes(autorange="reversed", title=plain_text(by), showgrid=False)


def curves_figure(curves: pd.DataFrame) -> go.Figure:
    """Return the training loss over steps, one line an arm and seed; an arm's seeds share colour and dash.

    Long curves are averaged over equal stretches, at most 200 points a line; the axis title says so.

    Args:
        curves: frame with `arm`, `seed`, `step` (optimiser steps) and `loss`, one row a logged step.

    Raises:
        InputError: a column is missing.

    Example:
        >>> curves = pd.DataFrame({"arm": ["x", "x"], "seed": [0, 0], "step": [1, 2], "loss": [5.0, 4.5]})
        >>> curves_figure(curves).data[0].name
        'X'
    """
    _check_columns(
        curves, ("arm", "seed", "step", "loss"), name="curves", source="what training logged, one row a step"
    )
    if curves.empty:
        return say_instead("No training curve was recorded.")
    arms = list(dict.fromkeys(curves["arm"].astype(str)))
    figure = go.Figure()
    named: set[str] = set()
    widest = 1
    for (arm, seed), rows in curves.groupby(["arm", "seed"], sort=False):
        stretch = -(-len(rows) // _CURVE_POINTS)
        widest = max(widest, stretch)
        points = rows.sort_values("step")[["step", "loss"]].groupby(np.arange(len(rows)) // stretch).mean()
        colour, _, dash = arm_style(str(arm), arms)
        title = plain_text(arm_title(str(arm)))
        figure.add_trace(
            go.Scatter(
                x=points["step"],
                y=points["loss"],
                mode="lines",
                name=title,
                legendgroup=title,
                showlegend=str(arm) not in named,
                line={"color": colour, "dash": dash, "width": 1.5},
                opacity=0.85,
                hovertemplate=f"{title}, seed {seed}, step %{{x:.0f}}: %{{y:.3f}}<extra></extra>",
            )
        )
        named.add(str(arm))
    mean = "" if widest == 1 else f" (mean of {widest} logged steps)"
    figure.update_xaxes(title="optimiser step")
    figure.update_yaxes(title=f"training loss{mean}")
    # On a phone the names of three arms take two lines.
    return finish_figure(figure, height=420, top=60)
