"""The stage `embedding`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.embedding.nodes import embed


def create_pipeline() -> Pipeline:
    """Return the stage: embed X and the open-set with the retrieval encoder."""
    settings = ["image_size", "params:images", "params:embedding", "params:runtime"]
    return Pipeline(
        [
            Node(
                embed,
                inputs=["retrieval_encoder", f"{pool}_manifest", *settings],
                outputs=f"{pool}_embeddings",
                name=f"embed_{pool}",
                tags="gpu",
            )
            for pool in ("target", "openset")
        ]
    )
