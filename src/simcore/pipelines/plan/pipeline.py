"""The pipeline `plan`: what the trainings will cost, before any of them runs."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.plan.nodes import plan_costs

GROUPS = ("images", "retrieval", "selection", "pretraining", "plan", "comparison", "arms", "runtime")


def create_pipeline() -> Pipeline:
    """Return the pipeline: one node, which also looks at the coreset if there is one that holds."""
    return Pipeline(
        [
            Node(
                plan_costs,
                inputs=[
                    "target_manifest",
                    "openset_manifest",
                    "image_size",
                    "coreset_if_fresh",
                    "certificate_if_fresh",
                    *(f"params:{group}" for group in GROUPS),
                ],
                outputs="plan",
                name="plan_costs",
                tags="gpu",
            )
        ]
    )
