"""The pipeline `finetune`: encoders trained along with a classifier, on shares of the labels."""

from kedro.pipeline import Pipeline

from simcore.pipelines.evaluation.encoders import for_encoders
from simcore.pipelines.finetune.nodes import finetune_arm


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        finetune_arm,
        name="finetune",
        inputs=["encoders_{arm}", "target_manifest", "params:images", "params:finetune", "params:runtime"],
        outputs=["metrics_finetune_{arm}"],
    )
