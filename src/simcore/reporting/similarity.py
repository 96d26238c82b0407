"""How similar picks, random images and the open-set are to their nearest centroid."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from simcore.errors import InputError
from simcore.reporting.figure_style import GREY, arm_style, finish_figure, plain_text, say_instead
from simcore.reporting.names import arm_title

_STEP = 4096  # rows of similarities held at a time
_POOL = "openset"


def nearest_similarity(embeddings: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of each row to its nearest centroid, (n,) float32.

    Cost: 2·n·k·d operations; 4,096 × k similarities at a time.

    Args:
        embeddings: (n, d), any length of rows but 0.
        centroids: (k, d).

    Raises:
        InputError: the dimensions differ, there is no centroid, or a row is zero or not finite.

    Example:
        >>> nearest_similarity(np.array([[2.0, 0.0], [0.0, -1.0]]), np.eye(2)).tolist()
        [1.0, 0.0]
    """
    rows, right = unit_directions(embeddings, name="embeddings"), unit_directions(centroids, name="centroids")
    if rows.shape[1] != right.shape[1] or len(right) == 0:
        raise InputError(
            f"`embeddings` has shape {rows.shape} and `centroids` {right.shape}; one centroid or more of the same "
            "dimension is needed: pass those of the same encoder."
        )
    parts = [(rows[start : start + _STEP] @ right.T).max(axis=1) for start in range(0, len(rows), _STEP)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def unit_directions(rows: np.ndarray, *, name: str) -> np.ndarray:
    """Return `rows` at unit length, (n, d) float32.

    Raises:
        InputError: `rows` has not two axes, or a row is zero or not finite.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if rows.ndim != 2:  # noqa: PLR2004 (rows and columns)
        raise InputError(f"`{name}` has shape {rows.shape}; pass one row an image, (n, d).")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if len(bad):
        raise InputError(f"Row {bad[0]:,} of `{name}` is zero or not finite, so it has no direction; leave it out.")
    return rows / norms


def similarity_figure(similarities: Mapping[str, np.ndarray], *, bins: int = 60) -> go.Figure:
    """Return histograms of the similarity to the nearest centroid, one line a set, in shares of the set's images.

    All sets share the bins; each line sums to 100 %.

    Args:
        similarities: set to what `nearest_similarity` returned for it: "openset" for a sample of the open-set, else
            the name of the arm, such as "random" and "simcore". Empty sets are left out.
        bins: number of bins.

    Raises:
        InputError: a similarity is not finite.

    Example:
        >>> figure = similarity_figure({"openset": np.array([0.1, 0.5]), "simcore": np.array([0.9])}, bins=4)
        >>> [(line.name, float(sum(line.y))) for line in figure.data]
        [('open-set (2 images, median 0.300)', 100.0), ('SimCore (1 image, median 0.900)', 100.0)]
    """
    sets = {name: np.asarray(values, dtype=np.float64) for name, values in similarities.items() if len(values)}
    if not sets:
        return say_instead("Similarities: no image to measure.")
    for name, values in sets.items():
        if not np.isfinite(values).all():
            raise InputError(f"A similarity of {name!r} is not finite; measure it with `nearest_similarity`.")
    edges = np.histogram_bin_edges(np.concatenate(list(sets.values())), bins=bins)
    arms = [name for name in sets if name != _POOL]
    figure = go.Figure()
    for name, values in sets.items():
        colour, _, dash = (GREY, "", "dot") if name == _POOL else arm_style(name, arms)
        # The arm trains on X as well; measured are the images that were picked for it.
        title = "open-set" if name == _POOL else arm_title(name).removeprefix("X + ")
        count = "1 image" if len(values) == 1 else f"{len(values):,} images"
        figure.add_trace(
            go.Scatter(
                x=(edges[:-1] + edges[1:]) / 2,
                y=100 * np.histogram(values, bins=edges)[0] / len(values),
                mode="lines",
                name=plain_text(f"{title} ({count}, median {np.median(values):.3f})"),
                line={"color": colour, "dash": dash, "shape": "hvh", "width": 2},
                hovertemplate=f"{plain_text(title)}, similarity %{{x:.3f}}: %{{y:.1f}} %<extra></extra>",
            )
        )
    figure.update_xaxes(title="cosine similarity")
    figure.update_yaxes(title=f"share of images (% in bins of {edges[1] - edges[0]:.2g})", rangemode="tozero")
    # On a phone each name takes a line.
    return finish_figure(
        figure, height=380 + 22 * len(sets), title="Similarity to the nearest centroid", top=40 + 22 * len(sets)
    )
