"""Nodes of the stage `clustering`: X in k centroids."""

from typing import Literal

from simcore.embeddings import Embeddings
from simcore.parameters import ClusteringParameters
from simcore.selection import Clustering, fit_clustering


def cluster_target(target_embeddings: Embeddings, clustering: ClusteringParameters) -> Clustering:
    """Return the centroids of X by spherical k-means."""
    return fit_clustering(
        target_embeddings,
        n_clusters=clustering.n_clusters,
        seed=clustering.seed,
        n_redo=clustering.n_redo,
        n_iterations=clustering.n_iterations,
    )


def cluster_target_in(
    target_embeddings: Embeddings, clustering: ClusteringParameters, *, n_clusters: int | Literal["all"]
) -> Clustering:
    """Return another number of centroids of X; with `all` every target image is one."""
    k = len(target_embeddings) if n_clusters == "all" else n_clusters
    return cluster_target(target_embeddings, clustering.model_copy(update={"n_clusters": k}))
