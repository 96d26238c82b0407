"""The stage `retrieval`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.retrieval.nodes import train_retrieval_encoder


def create_pipeline() -> Pipeline:
    """Return the stage: self-supervised training on X."""
    return Pipeline(
        [
            Node(
                train_retrieval_encoder,
                inputs=[
                    "target_manifest",
                    "image_size",
                    "params:images",
                    "params:retrieval",
                    "params:runtime",
                ],
                outputs=["retrieval_encoder", "retrieval_curves"],
                name="train_retrieval_encoder",
                tags="gpu",
            )
        ]
    )
