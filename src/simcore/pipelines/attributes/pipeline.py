"""The pipeline `attributes`: linear evaluation on other labels of the target."""

from kedro.pipeline import Pipeline

from simcore.pipelines.attributes.nodes import evaluate_attributes
from simcore.pipelines.evaluation.encoders import for_encoders


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        evaluate_attributes,
        name="evaluate_attributes",
        inputs=[
            "encoders_{arm}",
            "target_manifest",
            "params:images",
            "params:attributes",
            "params:evaluation.linear",
            "params:evaluation.seed",
            "params:runtime",
        ],
        outputs=["metrics_attributes_{arm}"],
    )
