"""Centroids: the few directions that stand for the target."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch

from simcore.embeddings import Embeddings, open_embeddings
from simcore.errors import InputError
from simcore.selection.rows import check_rows, directionless
from simcore.selection.similarity import squared_norms

logger = logging.getLogger(__name__)

Target = np.ndarray | torch.Tensor | Embeddings | str | Path


@dataclass(frozen=True, eq=False)
class Clustering:
    """Centroids of a target with how they came about.

    Attributes:
        centroids: (k, d) float32 unit rows.
        inertia: sum over the target's unit rows of the squared distance to the nearest centroid.
        sizes: (k,) int64, target images nearest to each centroid.
        settings: JSON-ready: method, seed, redos, iterations, library versions.
    """

    centroids: np.ndarray
    inertia: float
    sizes: np.ndarray
    settings: dict[str, Any]


def fit_centroids(
    target: Target, *, n_clusters: int | None = 100, seed: int = 0, n_redo: int = 10, n_iterations: int = 50
) -> np.ndarray:
    """Return the target's centroids, (k, d) float32 unit rows; `fit_clustering` gives the details as well.

    Args:
        target: (n, d) array or tensor, embeddings or their directory; rows are normalised inside.
        n_clusters: k; 1 is the paper's SimCore†. None, or any number from n on, makes every target image a centroid.
        seed: same seed, input, library and number of threads: same centroids.
        n_redo: k-means runs, of which the best is kept.
        n_iterations: iterations of each run.

    Raises:
        InputError: `n_clusters` < 1, an empty target, a row that is zero or not finite.

    Example:
        >>> fit_centroids(np.array([[2.0, 0.0], [0.0, 3.0]]), n_clusters=2)
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    return fit_clustering(target, n_clusters=n_clusters, seed=seed, n_redo=n_redo, n_iterations=n_iterations).centroids


def fit_clustering(
    target: Target, *, n_clusters: int | None = 100, seed: int = 0, n_redo: int = 10, n_iterations: int = 50
) -> Clustering:
    """Return spherical k-means of the target's unit rows (faiss), as in the paper's section on iterative sampling.

    Lloyd iterations with k-means++ starts on all rows; each mean is brought back to unit length. The published code
    runs scikit-learn's Euclidean k-means on the same unit rows and normalises at the end: the objective is the same
    up to the lengths of the means.

    Cost: n_redo · n_iterations · 2·n·k·d operations, memory of the target in float32.
    Arguments and errors: see `fit_centroids`.

    Example:
        >>> fit_clustering(np.array([[1.0, 0.1], [1.0, -0.1]]), n_clusters=1).centroids
        array([[1., 0.]], dtype=float32)
    """
    if n_clusters is not None and n_clusters < 1:
        raise InputError(
            f"`n_clusters` is {n_clusters}; give at least 1, or None to make every target image a centroid."
        )
    if n_redo < 1 or n_iterations < 1:
        raise InputError(f"`n_redo` is {n_redo} and `n_iterations` is {n_iterations}; both must be at least 1.")
    rows = unit_rows(target_rows(target)[0])
    if n_clusters is None or n_clusters >= len(rows):
        logger.info("Every one of the %d target images is a centroid (n_clusters=%s).", len(rows), n_clusters)
        return Clustering(rows, 0.0, np.ones(len(rows), dtype=np.int64), {"method": "every target image"})
    if n_clusters == 1:
        mean = rows.mean(axis=0, dtype=np.float64, keepdims=True)
        if float(np.linalg.norm(mean)) < 1e-12:  # noqa: PLR2004
            raise InputError("The target's rows cancel out, so they have no mean direction; use `n_clusters` > 1.")
        settings: dict[str, Any] = {"method": "mean direction"}
        centroids = (mean / np.linalg.norm(mean)).astype(np.float32)
    else:
        settings = {
            "method": "spherical k-means, k-means++ starts",
            "seed": seed,
            "n_redo": n_redo,
            "n_iterations": n_iterations,
            "faiss": faiss.__version__,
        }
        centroids = _kmeans(rows, n_clusters, seed=seed, n_redo=n_redo, n_iterations=n_iterations)
    similarity, nearest = _nearest(rows, centroids)
    return Clustering(
        centroids,
        # On unit rows the squared distance is 2 - 2 cos.
        float(np.maximum(2 - 2 * similarity.astype(np.float64), 0).sum()),
        np.bincount(nearest, minlength=len(centroids)).astype(np.int64),
        settings,
    )


def target_rows(target: Target) -> tuple[torch.Tensor, np.ndarray | None]:
    """Return the target's rows as (n, d) float32, and their keys where it has some.

    Raises:
        InputError: there are no rows, or one is zero or not finite.
    """
    names = None
    if isinstance(target, str | Path):
        target = open_embeddings(target)
    if isinstance(target, Embeddings):
        names, target = target.keys(), target.to_numpy()
    rows = check_rows(target, name="`target`").to("cpu", torch.float32)
    if len(rows) == 0:
        raise InputError("`target` has 0 rows; give at least one image.")
    bad = directionless(rows)
    if bad.any():
        offset = int(np.argmax(bad))
        who = f"index {offset:,}" if names is None else f"key `{names[offset]}`"
        raise InputError(f"The target row with {who} is zero or not finite, so it has no direction; remove it.")
    return rows, names


def unit_rows(rows: torch.Tensor) -> np.ndarray:
    """Return `rows` at unit length, (n, d) float32."""
    wide = rows.to(torch.float64)
    return (wide / squared_norms(wide).sqrt()[:, None]).float().numpy()


def _kmeans(rows: np.ndarray, n_clusters: int, *, seed: int, n_redo: int, n_iterations: int) -> np.ndarray:
    kmeans = faiss.Kmeans(
        rows.shape[1],
        n_clusters,
        niter=n_iterations,
        nredo=n_redo,
        spherical=True,
        seed=seed,
        # faiss would sample 256 rows a centroid and warn below 39; every row counts here.
        max_points_per_centroid=len(rows),
        min_points_per_centroid=1,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
    )
    kmeans.train(np.ascontiguousarray(rows))
    return unit_rows(torch.from_numpy(kmeans.centroids))


def _nearest(rows: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(centroids)
    similarity, nearest = index.search(np.ascontiguousarray(rows), 1)
    return similarity[:, 0], nearest[:, 0]
