"""The pipeline `segmentation`: what encoders are worth where an object's pixels are to be found."""

from kedro.pipeline import Pipeline

from simcore.pipelines.evaluation.encoders import for_encoders
from simcore.pipelines.segmentation.nodes import segment_arm


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        segment_arm,
        name="segment",
        inputs=["encoders_{arm}", "target_manifest", "params:images", "params:segmentation", "params:runtime"],
        outputs=["metrics_segmentation_{arm}", "segmentation_pictures_{arm}"],
    )
