"""What the figures share: colours, symbols, axes that read on light and dark ground."""

import html
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from simcore.errors import InputError

# Okabe and Ito's palette: told apart with any colour vision; yellow is left out, it fades on white.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = [
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
]
# Contrast above 4 on white and on near-black: figures read without knowing what they lie on.
GREY = "#7A7A7A"
_GRID = "rgba(128, 128, 128, 0.25)"
# Symbol and dash say the same as the colour, for readers who do not see it.
_ARM_STYLES: Mapping[str, tuple[str, str, str]] = {
    "x": (BLUE, "circle", "solid"),
    "random": (ORANGE, "square", "dash"),
    "simcore": (VERMILLION, "diamond", "solid"),
    "simcore_k1": (PURPLE, "triangle-up", "dot"),
    "oracle": (GREEN, "star", "dashdot"),
    "os": (SKY, "x", "dash"),
    "x_os": (GREY, "cross", "longdash"),
}
_OTHER_STYLES = ((SKY, "hexagon", "dot"), (PURPLE, "pentagon", "dashdot"), (GREEN, "bowtie", "longdash"))
REFERENCE_DASHES = ("dash", "dot", "dashdot", "longdash")
MARKED_POINTS = 60  # a line of more points is drawn without a marker at each
PHONE_LETTERS = 42  # what fits into one line of a figure on a phone
_TITLE_LETTERS = 36  # the same in the size of a title
_TITLE_LINE = 22


def arm_style(arm: str, arms: Sequence[str]) -> tuple[str, str, str]:
    """Return colour, symbol and dash of an arm: fixed for known arms, by position for others."""
    unknown = [name for name in arms if name not in _ARM_STYLES]
    return _ARM_STYLES.get(arm) or _OTHER_STYLES[unknown.index(arm) % len(_OTHER_STYLES)]


def plain_text(text: object) -> str:
    """Return `text` so that plotly shows it as it is: plotly reads a part of HTML in every label."""
    return html.escape(str(text), quote=False)


def check_columns(frame: pd.DataFrame, columns: Sequence[str], *, name: str, source: str) -> None:
    """Refuse a frame that lacks one of `columns`; `source` says where a right one comes from.

    Raises:
        InputError: a column is missing.
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise InputError(f"`{name}` lacks {', '.join(missing)} (it has {', '.join(frame.columns)}); pass {source}.")


def finish_figure(figure: go.Figure, *, height: int, title: str = "", top: int = 40) -> go.Figure:
    """Return `figure` with the shared title, axes, fonts and margins, `height` pixels high without the title."""
    if title:
        height, top = height + _TITLE_LINE, top + _TITLE_LINE
        # plotly puts further lines above the first one, out of the picture.
        shown = textwrap.shorten(title, width=_TITLE_LETTERS, placeholder=" …")
        heading = {"text": plain_text(shown), "font": {"size": 15}, "x": 0, "xanchor": "left"}
        place = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 6, "l": 8}}
        figure.update_layout(title=heading | place)
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": GREY},
        margin={"l": 64, "r": 16, "t": top, "b": 52},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False, automargin=True, title_standoff=8)
    return figure.update_yaxes(gridcolor=_GRID, zeroline=False, automargin=True, title_standoff=8)


def say_instead(sentence: str) -> go.Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = go.Figure()
    figure.add_annotation(text=plain_text(sentence), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finish_figure(figure, height=160)
