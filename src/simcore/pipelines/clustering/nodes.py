"""Nodes of the stage `clustering`: X in k centroids."""

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
