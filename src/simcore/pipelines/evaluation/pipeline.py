"""The stage `evaluation`: every arm in its namespace, the references beside them."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import ARMS, for_arm
from simcore.pipelines.evaluation.nodes import evaluate_arm, evaluate_references

PARAMETERS = ("params:images", "params:evaluation", "params:runtime")


def create_arm(arm: str) -> Pipeline:
    """Return the arm's evaluation."""
    evaluate = Node(
        for_arm(evaluate_arm, arm),
        inputs=["encoders", "target_manifest", "image_size", *PARAMETERS],
        outputs=f"metrics_{arm}",
        name="evaluate",
        tags="gpu",
    )
    return Pipeline(
        [evaluate],
        namespace=arm,
        inputs={"target_manifest", "image_size"},
        outputs={f"metrics_{arm}"},
        parameters=set(PARAMETERS),
    )


def create_pipeline() -> Pipeline:
    """Return the stage: all arms and the references."""
    references = Node(
        evaluate_references,
        inputs=[
            "target_manifest",
            "image_size",
            "params:images",
            "params:evaluation",
            "params:pretraining",
            "params:runtime",
        ],
        outputs="metrics_references",
        name="evaluate_references",
        tags="gpu",
    )
    return sum((create_arm(arm) for arm in ARMS), Pipeline([references]))
