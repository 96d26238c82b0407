"""Curves of the trainings."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from simcore.reporting.figure_style import arm_style, check_columns, finish_figure, plain_text, say_instead
from simcore.reporting.names import arm_title

_CURVE_POINTS = 200


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
    check_columns(curves, ("arm", "seed", "step", "loss"), name="curves", source="what training logged, one row a step")
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
    return finish_figure(figure, height=420, title="Training loss", top=60)
