"""The pipeline `webly`: encoders trained on labels that are not all right."""

from kedro.pipeline import Pipeline

from simcore.pipelines.evaluation.encoders import for_encoders
from simcore.pipelines.webly.nodes import learn_from_noise


def create_pipeline() -> Pipeline:
    """Return the pipeline: a node an arm, or one for the encoder that `evaluation.encoder` gives."""
    return for_encoders(
        learn_from_noise,
        name="learn_from_noise",
        inputs=[
            "encoders_{arm}",
            "target_manifest",
            "openset_manifest",
            "excluded",
            "params:images",
            "params:webly",
            "params:runtime",
        ],
        outputs=["metrics_webly_{arm}", "label_split_{arm}"],
    )
