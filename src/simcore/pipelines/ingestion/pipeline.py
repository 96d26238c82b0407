"""The stage `ingestion`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import COMPARISON
from simcore.pipelines.ingestion.nodes import decide_image_size, ingest_openset, ingest_target


def create_pipeline() -> Pipeline:
    """Return the stage: read both sources, decide the image size."""
    return Pipeline(
        [
            Node(
                ingest_target,
                inputs="params:target",
                outputs=["target_manifest", "target_rejected", "target_counts"],
                name="ingest_target",
                tags="cpu",
            ),
            Node(
                ingest_openset,
                inputs="params:openset",
                outputs=["openset_manifest", "openset_rejected", "openset_counts"],
                name="ingest_openset",
                tags="cpu",
            ),
            Node(
                decide_image_size,
                inputs=[
                    "target_manifest",
                    "params:images",
                    "params:retrieval",
                    "params:pretraining",
                    COMPARISON,
                    "params:runtime",
                ],
                outputs="image_size",
                name="decide_image_size",
                tags="cpu",
            ),
        ]
    )
