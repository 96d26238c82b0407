"""Shares of the coreset beside those of the pool, as bars."""

import pandas as pd
import plotly.graph_objects as go

from simcore.errors import InputError
from simcore.reporting.composition import coreset_shares
from simcore.reporting.figure_style import GREY, VERMILLION, check_columns, finish_figure, plain_text, say_instead

_GROUPS = {"label": "class", "source": "source"}


def share_figure(coreset: pd.DataFrame, manifest: pd.DataFrame, *, by: str = "source", most: int = 30) -> go.Figure:
    """Return pairs of bars: the share of each open-set source, or class, in the coreset and in the open-set.

    Args:
        coreset: frame with `key`.
        manifest: the open-set's, with `key` and the column `by`.
        by: "source" or "label".
        most: groups shown; further ones are summed into one pair of bars.

    Raises:
        InputError: `by` is another word, or a key of the coreset is not in the manifest.

    Example:
        >>> manifest = pd.DataFrame({"key": list("abcd"), "source": ["web", "web", "web", "own"]})
        >>> coreset, pool = share_figure(manifest.tail(2), manifest).data
        >>> list(coreset.y), list(coreset.x), list(pool.x)
        (['own', 'web'], [50.0, 50.0], [25.0, 75.0])
    """
    if by not in _GROUPS:
        raise InputError(f"`by` is {by!r}; shares are drawn by 'source' or by 'label': choose one of them.")
    return composition_figure(coreset_shares(coreset, manifest, by=by), by=_GROUPS[by], most=most)


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
    check_columns(shares, columns, name="shares", source="what `coreset_shares` returned")
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
    figure = finish_figure(figure, height=110 + 26 * len(groups), title=f"Coreset and pool by {by}")
    # As `title` it would take the place of the standoff as well, and stand on the groups' names.
    return figure.update_yaxes(autorange="reversed", title_text=plain_text(by), showgrid=False)
