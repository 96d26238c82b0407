"""The pipeline `semi_supervised`: what encoders are worth with few labels and the rest of X without."""

from kedro.pipeline import Pipeline

from simcore.pipelines.evaluation.encoders import for_encoders
from simcore.pipelines.semi_supervised.nodes import semi_supervise_arm


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        semi_supervise_arm,
        name="semi_supervise",
        inputs=["encoders_{arm}", "target_manifest", "params:images", "params:semi_supervised", "params:runtime"],
        outputs=["metrics_semi_supervised_{arm}"],
    )
