"""Plotly figures for kedro-viz, MLflow and the report: safe for colour-blind readers, light and dark mode."""

import html
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simcore.errors import InputError
from simcore.reporting.names import LABEL_FREE, NOT_EVALUATED, arm_title, count_seeds, measure_title

# Okabe and Ito's palette: told apart with any colour vision; yellow is left out, it fades on white.
_BLUE, _ORANGE, _GREEN, _VERMILLION, _PURPLE, _SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
_GREY = "#7A7A7A"  # contrast about 4.3 on white and on near-black, so figures read without a theme
_GRID = "rgba(128, 128, 128, 0.25)"
_ARM_STYLES: Mapping[str, tuple[str, str, str]] = {
    "x": (_BLUE, "circle", "solid"),
    "random": (_ORANGE, "square", "dash"),
    "simcore": (_VERMILLION, "diamond", "solid"),
    "simcore_k1": (_PURPLE, "triangle-up", "dot"),
    "oracle": (_GREEN, "star", "dashdot"),
    "os": (_SKY, "x", "dash"),
    "x_os": (_GREY, "cross", "longdash"),
}
_OTHER_STYLES = ((_SKY, "hexagon", "dot"), (_PURPLE, "pentagon", "dashdot"), (_GREEN, "bowtie", "longdash"))
_REFERENCE_DASHES = ("dash", "dot", "dashdot", "longdash")
_CURVE_POINTS = 400


def _style(arm: str, arms: list[str]) -> tuple[str, str, str]:
    """Return colour, symbol and dash of an arm: fixed for known arms, by position for others."""
    unknown = [name for name in arms if name not in _ARM_STYLES]
    return _ARM_STYLES.get(arm) or _OTHER_STYLES[unknown.index(arm) % len(_OTHER_STYLES)]


def _plain(text: object) -> str:
    """Return `text` so that plotly shows it as it is: plotly reads a part of HTML in every label."""
    return html.escape(str(text), quote=False)


def _finish(figure: go.Figure, *, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": _GREY},
        margin={"l": 64, "r": 16, "t": 40, "b": 52},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        hovermode="closest",
        template="none",
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False, automargin=True, title_standoff=8)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, automargin=True, title_standoff=8)
    return figure


def _sentence_figure(sentence: str) -> go.Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = go.Figure()
    figure.add_annotation(text=_plain(sentence), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return _finish(figure, height=160)


def trace_figure(trace: pd.DataFrame, *, threshold: float | None, stopped: str | None = None) -> go.Figure:
    """Return the round value ratio with its threshold above the size of the coreset, over rounds.

    Args:
        trace: frame with `round`, `ratio` (round value / reference value) and `cumulative_size` (images), one
            row a round.
        threshold: tau; None when no threshold was set.
        stopped: why selection stopped, in a few words; written at the last round.

    Raises:
        InputError: a column is missing.

    Example:
        >>> trace = pd.DataFrame({"round": [1, 2], "ratio": [1.0, 0.94], "cumulative_size": [100, 197]})
        >>> figure = trace_figure(trace, threshold=0.95, stopped="below tau")
        >>> [data.name for data in figure.data]
        ['round value / reference', 'coreset size']
    """
    missing = [name for name in ("round", "ratio", "cumulative_size") if name not in trace]
    if missing:
        raise InputError(
            f"The trace has the columns {', '.join(trace.columns)}; it needs round, ratio and cumulative_size: "
            "pass the trace that selection wrote."
        )
    if trace.empty:
        return _sentence_figure("No round was run.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.6, 0.4])
    mode = "lines+markers" if len(trace) <= 60 else "lines"  # noqa: PLR2004 (markers merge beyond that)
    figure.add_trace(
        go.Scatter(
            x=trace["round"], y=trace["ratio"], mode=mode, name="round value / reference",
            line={"color": _BLUE, "width": 2}, marker={"size": 6},
            hovertemplate="round %{x}: ratio %{y:.4f}<extra></extra>",
        ),
        row=1, col=1,
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=trace["round"], y=trace["cumulative_size"], mode=mode, name="coreset size",
            line={"color": _VERMILLION, "width": 2, "shape": "hv"}, marker={"size": 6, "symbol": "square"},
            hovertemplate="round %{x}: %{y:,} images<extra></extra>",
        ),
        row=2, col=1,
    )  # fmt: skip
    if threshold is not None:
        figure.add_hline(
            y=threshold, line={"color": _ORANGE, "dash": "dash", "width": 2}, row=1, col=1,
            annotation={"text": f"threshold {threshold:g}", "xanchor": "left", "x": 0, "yanchor": "top"},
        )  # fmt: skip
    if stopped:
        last = trace.iloc[-1]
        figure.add_annotation(
            x=last["round"], y=last["ratio"], row=1, col=1, text=_plain(stopped), showarrow=True, ax=-30, ay=-42,
            xanchor="right", arrowcolor=_GREY, arrowwidth=1, align="right",
        )  # fmt: skip
    figure.update_xaxes(title="round", row=2, col=1)
    figure.update_yaxes(title="round value ratio", row=1, col=1)
    figure.update_yaxes(title="coreset size (images)", rangemode="tozero", row=2, col=1)
    figure.update_layout(showlegend=False)
    return _finish(figure, height=460).update_layout(showlegend=False)


def accuracy_figure(comparison: pd.DataFrame) -> go.Figure:
    """Return one panel a measure: a dot and its 95 % interval an arm, references as dashed lines.

    Label-free measures are left out. One seed has a dot without an interval. Axes do not start at zero.

    Args:
        comparison: what `compare_arms` returns.

    Example:
        >>> from simcore.reporting.comparison import compare_arms
        >>> base = {"evaluation": "knn", "metric": "top1", "protocol": "clean", "n": 1200, "seed": 0}
        >>> figure = accuracy_figure(compare_arms([base | {"arm": "x", "value": 0.75}], arms=["x"]))
        >>> figure.layout.xaxis.title.text
        'kNN, top-1 accuracy (clean)'
    """
    frame = comparison[(comparison["evaluation"] != LABEL_FREE) & comparison["mean"].notna()]
    if frame.empty:
        return _sentence_figure(f"Accuracy: {NOT_EVALUATED}.")
    panels = list(frame.groupby(["evaluation", "metric", "protocol"], sort=False))
    arms = list(dict.fromkeys(comparison.loc[comparison["role"] == "arm", "arm"]))
    figure = make_subplots(rows=len(panels), cols=1, vertical_spacing=0.28 / max(1, len(panels)))
    for number, (measure, group) in enumerate(panels, start=1):
        # Drawn from the bottom up, so that the first arm stands on top.
        for arm in reversed(arms):
            rows = group[(group["arm"] == arm) & (group["role"] == "arm")]
            colour, symbol, _ = _style(arm, arms)
            figure.add_trace(
                go.Scatter(
                    x=rows["mean"], y=[_plain(arm_title(arm))] * len(rows), mode="markers", name=arm_title(arm),
                    marker={"color": colour, "symbol": symbol, "size": 12},
                    error_x={
                        "array": (rows["high"] - rows["mean"]).to_numpy(), "color": colour, "thickness": 2,
                        "width": 6,
                    },
                    customdata=[count_seeds(n) for n in rows["n_seeds"]],
                    hovertemplate="%{y}: %{x:.3f}, %{customdata}<extra></extra>", showlegend=False,
                ),
                row=number, col=1,
            )  # fmt: skip
        references = group[group["role"] == "reference"].sort_values("mean")
        for position, (_, row) in enumerate(references.iterrows()):
            figure.add_vline(
                x=row["mean"], row=number, col=1,
                line={"color": _GREY, "dash": _REFERENCE_DASHES[position % len(_REFERENCE_DASHES)], "width": 1.5},
                annotation={
                    "text": _plain(arm_title(row["arm"])), "textangle": 0, "yanchor": "bottom", "xanchor": "center",
                    "y": 1, "yshift": 14 * (position % 2),
                },
                annotation_position="top",
            )  # fmt: skip
        figure.update_xaxes(title=measure_title(*measure), row=number, col=1)
    figure = _finish(figure, height=70 + len(panels) * (90 + 34 * len(arms)))
    return figure.update_yaxes(showgrid=False)


def composition_figure(shares: pd.DataFrame, *, by: str = "class", most: int = 20) -> go.Figure:
    """Return pairs of bars: the share of each group among the picks and in the pool.

    Args:
        shares: what `coreset_shares` returns.
        by: what a group is, for the axis title ("class", "source").
        most: number of groups shown; the rest is summed into one pair of bars.

    Example:
        >>> columns = ["group", "n_picked", "n_pool", "picked_share", "pool_share", "enrichment"]
        >>> figure = composition_figure(pd.DataFrame([["cat", 9, 50, 0.9, 0.5, 1.8]], columns=columns))
        >>> [bar.name for bar in figure.data]
        ['pool', 'coreset']
    """
    if shares.empty:
        return _sentence_figure(f"Composition by {by}: not evaluated: the open-set is empty.")
    shown = shares.head(most)
    rest = shares.iloc[most:]
    groups = [_plain(group) for group in shown["group"]]
    pool, picked = list(shown["pool_share"]), list(shown["picked_share"])
    if len(rest):
        groups.append(f"{len(rest)} others")
        pool.append(rest["pool_share"].sum())
        picked.append(rest["picked_share"].sum())
    figure = go.Figure()
    for name, values, colour, pattern in (("pool", pool, _GREY, "/"), ("coreset", picked, _VERMILLION, "")):
        figure.add_trace(
            go.Bar(
                x=[100 * value for value in values], y=groups, orientation="h", name=name,
                marker={"color": colour, "pattern": {"shape": pattern, "solidity": 0.3}},
                hovertemplate="%{y}: %{x:.1f} %<extra>" + name + "</extra>",
            )
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_yaxes(autorange="reversed", title=by)
    figure.update_xaxes(title="share of images (%)", rangemode="tozero")
    figure = _finish(figure, height=110 + 30 * len(groups)).update_yaxes(showgrid=False)
    # With a reversed axis the legend would name the bars from the bottom up.
    return figure.update_layout(legend_traceorder="reversed")


def curves_figure(curves: pd.DataFrame) -> go.Figure:
    """Return the training loss over steps, one line an arm and seed; arms share colour and dash over seeds.

    Long curves are averaged over equal stretches of steps, about 400 points a line; the axis title says so.

    Args:
        curves: frame with `arm`, `seed`, `step` (optimiser steps) and `loss`, one row a logged step.

    Raises:
        InputError: a column is missing.

    Example:
        >>> curves = pd.DataFrame({"arm": ["x", "x"], "seed": [0, 0], "step": [1, 2], "loss": [5.0, 4.5]})
        >>> curves_figure(curves).data[0].name
        'X'
    """
    missing = [name for name in ("arm", "seed", "step", "loss") if name not in curves]
    if missing:
        raise InputError(
            f"The curves have the columns {', '.join(curves.columns)}; they need arm, seed, step and loss: "
            "rename what training logged."
        )
    if curves.empty:
        return _sentence_figure("No training curve was recorded.")
    arms = list(dict.fromkeys(curves["arm"]))
    figure = go.Figure()
    widest = 1
    for (arm, seed), rows in curves.groupby(["arm", "seed"], sort=False):
        ordered = rows.sort_values("step")
        stretch = -(-len(ordered) // _CURVE_POINTS)
        widest = max(widest, stretch)
        points = ordered[["step", "loss"]].groupby(np.arange(len(ordered)) // stretch).mean()
        colour, _, dash = _style(str(arm), arms)
        figure.add_trace(
            go.Scatter(
                x=points["step"], y=points["loss"], mode="lines", name=_plain(arm_title(str(arm))),
                legendgroup=str(arm), showlegend=all(data.legendgroup != arm for data in figure.data),
                line={"color": colour, "dash": dash, "width": 1.6},
                hovertemplate=f"{_plain(arm_title(str(arm)))}, seed {seed}, step %{{x:.0f}}: %{{y:.3f}}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title="optimiser step")
    figure.update_yaxes(
        title="training loss" if widest == 1 else f"training loss (mean of {widest} logged steps)"
    )
    return _finish(figure, height=380)
