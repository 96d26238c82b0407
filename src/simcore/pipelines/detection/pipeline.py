"""The pipeline `detection`: what encoders are worth where objects are to be found, run beside the stages."""

from kedro.pipeline import Pipeline

from simcore.pipelines.detection.nodes import detect_arm
from simcore.pipelines.evaluation.encoders import for_encoders


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        detect_arm,
        name="detect",
        inputs=["encoders_{arm}", "target_manifest", "params:images", "params:detection", "params:runtime"],
        outputs=["metrics_detection_{arm}", "detection_curves_{arm}", "detection_pictures_{arm}"],
    )
