"""The pipeline `detection`: what encoders are worth where objects are to be found, run beside the stages."""

from kedro.pipeline import Node, Pipeline

from simcore.parameters import GIVEN_ENCODER
from simcore.pipelines.arms import ARMS
from simcore.pipelines.detection.nodes import detect


def create_pipeline() -> Pipeline:
    """Return the pipeline: one detector an encoder, the given one or those that the arms have left."""
    return Pipeline(
        [
            Node(
                detect,
                inputs=[
                    "target_manifest",
                    "params:images",
                    "params:detection",
                    GIVEN_ENCODER,
                    "params:evaluation.architecture",
                    "params:pretraining.backbone",
                    "params:runtime",
                    *(f"detection_encoders_{arm}" for arm in ARMS),
                ],
                outputs=["detection_metrics", "detection_curves", "detection_pictures"],
                name="detect",
                tags="gpu",
            )
        ]
    )
