"""The stage `clustering`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.clustering.nodes import cluster_target


def create_pipeline() -> Pipeline:
    """Return the stage: fit the centroids of X."""
    return Pipeline(
        [
            Node(
                cluster_target,
                inputs=["target_embeddings", "params:clustering"],
                outputs="centroids",
                name="cluster_target",
                tags="cpu",
            )
        ]
    )
