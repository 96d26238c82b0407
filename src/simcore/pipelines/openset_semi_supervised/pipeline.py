"""The pipeline `openset_semi_supervised`: encoders trained with few labels and an open-set beside."""

from kedro.pipeline import Pipeline

from simcore.pipelines.evaluation.encoders import for_encoders
from simcore.pipelines.openset_semi_supervised.nodes import learn_from_openset


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        learn_from_openset,
        name="learn_from_openset",
        inputs=[
            "encoders_{arm}",
            "target_manifest",
            "openset_manifest",
            "excluded",
            "params:images",
            "params:openset_semi_supervised",
            "params:runtime",
        ],
        outputs=["metrics_openset_semi_supervised_{arm}", "outliers_{arm}"],
    )
