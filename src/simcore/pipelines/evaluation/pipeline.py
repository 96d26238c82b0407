"""The stage `evaluation`: every arm in its namespace, the references and a given encoder beside them."""

from kedro.pipeline import Node, Pipeline

from simcore.parameters import GIVEN_ENCODER
from simcore.pipelines.arms import COMPARISON, GIVEN, arms
from simcore.pipelines.evaluation.drawing import draw_confusion
from simcore.pipelines.evaluation.encoders import for_encoders, in_namespace
from simcore.pipelines.evaluation.nodes import evaluate_arm, evaluate_references
from simcore.reuse.reading import Condition, wanted_only_if

# One by one: another `evaluation.encoder` re-makes nothing of the arms.
SETTINGS = ("params:images", "params:evaluation.linear", "params:evaluation.knn", "params:evaluation.seed")


def create_pipeline(study: str | None = None) -> Pipeline:
    """Return the stage.

    By itself it evaluates the arms and the references, or the encoder that `evaluation.encoder` gives, without needing
    an arm; in the whole job all of them.
    """
    evaluate = for_encoders(
        evaluate_arm,
        name="evaluate",
        inputs=["encoders_{arm}", "target_manifest", *SETTINGS, "params:runtime"],
        outputs=["metrics_{arm}", "per_class_{arm}", "confusion_{arm}"],
        study=study,
    )
    draw = sum(
        (
            in_namespace(
                draw_confusion,
                arm,
                name="draw_confusion",
                inputs=["confusion_{arm}"],
                outputs=["figure_confusion_{arm}"],
                tags="cpu",
            )
            for arm in (*arms(study), GIVEN)
        ),
        Pipeline([]),
    )
    references = Node(
        wanted_only_if(evaluate_references, Condition(GIVEN_ENCODER, "spec", "missing")),
        inputs=["target_manifest", "image_size", *SETTINGS, "params:pretraining", COMPARISON, "params:runtime"],
        outputs="metrics_references",
        name="evaluate_references",
        tags="gpu",
    )
    return Pipeline([references]) + evaluate + draw
