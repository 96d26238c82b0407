"""How the rounds of a selection went: their value against the threshold, and the size of the coreset."""

import textwrap

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simcore.reporting.figure_style import (
    BLUE,
    GREY,
    MARKED_POINTS,
    ORANGE,
    PHONE_LETTERS,
    VERMILLION,
    check_columns,
    finish_figure,
    plain_text,
    say_instead,
)
from simcore.reporting.names import stop_title

_ROUND_COLUMNS = ("round", "value", "ratio", "n_total")
_TRACE_SOURCE = "the trace that selection wrote"
_NEAR_BUDGET = 1.5  # a line further above the coreset would flatten its curve


def trace_figure(trace: pd.DataFrame, *, threshold: float | None, stopped: str | None = None) -> go.Figure:
    """Return the round value ratio with its threshold above the size of the coreset, over rounds.

    The round that fell below the threshold is marked; it says whether its images joined the coreset. Without a
    reference round the ratio is undefined; the round value is drawn instead, without a threshold.

    Args:
        trace: frame with `round`, `value`, `ratio` (value / value of the reference round) and `n_total`
            (images in the coreset after the round), one row a round; `kept` where it is known.
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
        ['round value / reference', 'coreset size', 'failing round']
    """
    check_columns(trace, _ROUND_COLUMNS, name="trace", source=_TRACE_SOURCE)
    if trace.empty:
        return say_instead("No round was run.")
    has_ratio = trace["ratio"].notna().any()
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.6, 0.4])
    shown = "ratio" if has_ratio else "value"
    figure.add_trace(
        go.Scatter(
            x=trace["round"],
            y=trace[shown],
            mode=_line_mode(trace),
            name="round value / reference" if has_ratio else "round value",
            line={"width": 2, "color": BLUE},
            marker={"size": 6},
            customdata=trace["value"],
            hovertemplate="round %{x}: ratio %{y:.4f}, value %{customdata:.4f}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    figure.add_trace(_size_line(trace), row=2, col=1)
    if stopped == "threshold":
        figure.add_trace(_failing_round(trace.iloc[-1], shown), row=1, col=1)
    if has_ratio and threshold is not None:
        _add_threshold(figure, trace["ratio"], threshold)
    title = "ratio to reference round" if has_ratio else "round value"
    figure.update_yaxes(title=title, row=1, col=1)
    figure.update_yaxes(title="coreset (images)", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title="round", row=2, col=1)
    top = 40 + _mark_stop(figure, trace, stopped)
    figure = finish_figure(figure, height=420 + top, title="Round value and coreset size", top=top)
    return figure.update_layout(showlegend=False)


def size_figure(trace: pd.DataFrame, *, budget: int | None = None, stopped: str | None = None) -> go.Figure:
    """Return the size of the coreset over rounds, with the budget as a line.

    Args:
        trace: what `trace_figure` takes.
        budget: images that selection was allowed; a budget far above the coreset is named and not drawn.
        stopped: why selection stopped, written at the last round.

    Raises:
        InputError: a column is missing.

    Example:
        >>> columns = ["round", "value", "ratio", "n_total"]
        >>> trace = pd.DataFrame([[1, 0.9, 1.0, 30], [2, 0.8, 0.89, 58]], columns=columns)
        >>> size_figure(trace, budget=60).layout.annotations[0].text
        'budget 60'
    """
    check_columns(trace, _ROUND_COLUMNS, name="trace", source=_TRACE_SOURCE)
    if trace.empty:
        return say_instead("No round was run.")
    figure = go.Figure(_size_line(trace))
    largest = int(trace["n_total"].max())
    highest = max(1, largest)
    if budget is not None and budget <= _NEAR_BUDGET * largest:
        highest = max(highest, budget)
        figure.add_hline(y=budget, line={"color": ORANGE, "dash": "dash", "width": 2})
        figure.add_annotation(
            text=f"budget {budget:,}", x=0, xref="x domain", xanchor="left", y=budget, yanchor="bottom", showarrow=False
        )
    elif budget is not None:
        figure.add_annotation(
            text=f"budget {budget:,}, beyond this axis", x=0, xref="x domain", xanchor="left", y=1, yref="y domain",
            yanchor="top", showarrow=False,
        )  # fmt: skip
    # Room for what is written above a budget that was reached.
    figure.update_yaxes(title="coreset (images)", range=[0, 1.12 * highest])
    figure.update_xaxes(title="round")
    top = 40 + _mark_stop(figure, trace, stopped)
    figure = finish_figure(figure, height=280 + top, title="Coreset size by round", top=top)
    return figure.update_layout(showlegend=False)


def _line_mode(trace: pd.DataFrame) -> str:
    return "lines+markers" if len(trace) <= MARKED_POINTS else "lines"


def _size_line(trace: pd.DataFrame) -> go.Scatter:
    return go.Scatter(
        x=trace["round"],
        y=trace["n_total"],
        mode=_line_mode(trace),
        name="coreset size",
        line={"width": 2, "color": VERMILLION, "shape": "hv"},
        marker={"size": 6, "symbol": "square"},
        hovertemplate="round %{x}: %{y:,} images<extra></extra>",
    )


def _failing_round(last: pd.Series, shown: str) -> go.Scatter:
    joined = "" if "kept" not in last else ", kept" if last["kept"] else ", left out"
    return go.Scatter(
        x=[last["round"]],
        y=[last[shown]],
        mode="markers",
        name="failing round",
        marker={"color": VERMILLION, "symbol": "x", "size": 12},
        hovertemplate=f"failing round %{{x}}{joined}: %{{y:.4f}}<extra></extra>",
    )


def _mark_stop(figure: go.Figure, trace: pd.DataFrame, stopped: str | None) -> int:
    """Mark the last round in all panels and write why it is the last; return the pixels that further lines take."""
    if not stopped:
        return 0
    last = int(trace["round"].iloc[-1])
    lines = textwrap.wrap(f"stop at round {last}: {stop_title(stopped)}", width=PHONE_LETTERS)
    figure.add_vline(x=last, line={"color": GREY, "dash": "dot", "width": 1})
    figure.add_annotation(
        text="<br>".join(map(plain_text, lines)), align="right", x=1, xref="x domain", xanchor="right",
        y=1, yref="paper", yanchor="bottom", showarrow=False,
    )  # fmt: skip
    return 17 * (len(lines) - 1)


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
