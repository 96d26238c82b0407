"""Where target, open-set and coreset lie in the feature space: a map in two dimensions."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from simcore.errors import InputError
from simcore.reporting.figure_style import BLUE, GREY, VERMILLION, finish_figure
from simcore.reporting.galleries import spread
from simcore.reporting.similarity import unit_directions

_FEWEST = 5  # t-SNE needs neighbours
_NEIGHBOURS_OF_NEW = 25  # from which a new image gets its first place

SETS = (
    ("openset", "open-set", GREY, "circle", "dot"),
    ("target", "target X", BLUE, "circle", "solid"),
    ("coreset", "coreset", VERMILLION, "diamond", "dash"),
)
"""The sets of a map in drawing order: attribute, name for readers, colour, symbol, dash."""


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Target, open-set and coreset in one plane, in the order of the rows that were given.

    Attributes:
        target: (n, 2) float64, coordinates without unit.
        openset: (m, 2).
        coreset: (c, 2).
        fit: "target" or "joint": which rows shaped the map.
        perplexity: effective number of neighbours that shaped it.
        seed: seed it was made with.
    """

    target: np.ndarray
    openset: np.ndarray
    coreset: np.ndarray
    fit: str
    perplexity: float
    seed: int


def map_features(
    x: np.ndarray,
    openset: np.ndarray,
    coreset: np.ndarray,
    *,
    seed: int,
    fit: Literal["target", "joint"] = "target",
    perplexity: float = 30.0,
) -> FeatureMap:
    """Return a t-SNE map of target, open-set and coreset.

    With `fit="target"` X shapes the map and every other image is placed on it by itself, next to the target images
    that it resembles most. An image that resembles none is placed among them all the same: such a map shows which part
    of X an image is nearest to, and not how far away it is (`similarity_figure` shows that). With `fit="joint"` all
    rows shape the map together, so that what lies apart is seen apart. The paper (appendix D) plots features of X, a
    random 10 % of the open-set and the coreset by t-SNE; joint is what its description implies. It does not give the
    perplexity.

    Distances are those of unit rows, whose order is that of the cosine similarity. Neighbours are exact and the work
    is done on one thread, so that the same machine and library give the same map.

    Cost: n²·d operations for the neighbours of n fitted rows, n·m·d to place m further ones, then 750 iterations:
    minutes from 10,000 fitted rows on.

    Args:
        x: (n, d) embeddings of the target.
        openset: (m, d), of a sample of the open-set.
        coreset: (c, d), of the coreset.
        seed: of the optimisation.
        fit: which rows shape the map.
        perplexity: effective number of neighbours; lowered to (n − 1) / 3 where there are too few rows.

    Raises:
        InputError: fewer than 5 target images, other dimensions, a row that is zero or not finite, all rows that shape
            the map the same, or an unknown `fit`.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(40, 8))
        >>> features = map_features(rows[:20], rows[20:35], rows[20:25], seed=0)
        >>> features.target.shape, features.openset.shape, features.coreset.shape
        ((20, 2), (15, 2), (5, 2))
    """
    if fit not in ("target", "joint"):
        raise InputError(f"`fit` is {fit!r}; choose 'target' or 'joint'.")
    sets = [unit_directions(rows, name=name) for name, rows in (("x", x), ("openset", openset), ("coreset", coreset))]
    if len({rows.shape[1] for rows in sets}) > 1:
        raise InputError(
            f"`x`, `openset` and `coreset` have the shapes {', '.join(str(rows.shape) for rows in sets)}; one "
            "dimension is needed: embed them with the same encoder."
        )
    if len(sets[0]) < _FEWEST:
        raise InputError(f"`x` has {len(sets[0])} rows; a map needs {_FEWEST} target images or more.")
    everything = np.concatenate(sets)
    fitted = everything if fit == "joint" else sets[0]
    if (fitted == fitted[0]).all():
        raise InputError("All rows that shape the map are the same, so there is nothing to map; look at the encoder.")
    from openTSNE import TSNE  # noqa: PLC0415 (brings scikit-learn, which no other start of Kedro has to wait for)

    perplexity = min(perplexity, (len(fitted) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, neighbors="exact", n_jobs=1, random_state=seed)
    embedding = tsne.fit(fitted)
    further = everything[len(fitted) :]
    # Placing moves the fitted points to the middle, so their coordinates are read afterwards.
    placed = _place(embedding, further, n_fitted=len(fitted))
    coordinates = np.concatenate([np.array(embedding, dtype=np.float64), placed])
    ends = np.cumsum([len(rows) for rows in sets])
    target_part, openset_part, coreset_part = np.split(coordinates, ends[:-1])
    return FeatureMap(target_part, openset_part, coreset_part, fit, float(perplexity), seed)


def _place(embedding: Any, rows: np.ndarray, *, n_fitted: int) -> np.ndarray:
    if len(rows) == 0:
        return np.empty((0, 2))
    neighbours = min(_NEIGHBOURS_OF_NEW, n_fitted - 1)
    placed = embedding.transform(rows, perplexity=min(5, (n_fitted - 1) / 3), k=neighbours)
    return np.array(placed, dtype=np.float64)


def feature_figure(features: FeatureMap, *, most: int = 2000) -> go.Figure:
    """Return the map as a scatter plot; the sets with fewer points lie on top, so that none hides another.

    Args:
        features: what `map_features` returned.
        most: points of a set that are drawn; of more, evenly spread ones are, and the legend says so.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(30, 2))
        >>> features = FeatureMap(points[:10], points[10:], points[:0], "target", 3.0, 0)
        >>> [trace.name for trace in feature_figure(features, most=15).data]
        ['open-set (15 of 20)', 'target X (10)', 'coreset (0)']
    """
    figure = go.Figure()
    for attribute, title, colour, symbol, _ in sorted(SETS, key=lambda one: -min(most, len(getattr(features, one[0])))):
        points = getattr(features, attribute)
        rows = points[spread(len(points), most)]
        count = f"{len(points):,}" if len(rows) == len(points) else f"{len(rows):,} of {len(points):,}"
        figure.add_trace(
            go.Scatter(
                x=rows[:, 0].round(3),
                y=rows[:, 1].round(3),
                mode="markers",
                name=f"{title} ({count})",
                marker={"color": colour, "symbol": symbol, "size": 5},
                opacity=0.5 if attribute == "openset" else 0.7,
                hovertemplate=f"{title}<extra></extra>",
            )
        )
    shaped = "X" if features.fit == "target" else "all three sets"
    figure.update_xaxes(title="first coordinate (no unit)", zeroline=False)
    figure.update_yaxes(title="second coordinate (no unit)", scaleanchor="x", scaleratio=1)
    return finish_figure(figure, height=560, title=f"t-SNE map, fitted on {shaped}", top=80)
