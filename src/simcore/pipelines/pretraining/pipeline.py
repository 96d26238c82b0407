"""The stage `pretraining`: one namespace an arm."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import ARMS, for_arm
from simcore.pipelines.pretraining.nodes import join_coreset, pretrain_arm, take_target


def create_arm(arm: str) -> Pipeline:
    """Return the arm's nodes: assemble its training set, pretrain on it."""
    if arm == "x":
        assemble = Node(take_target, inputs="target_manifest", outputs="training_set", name="assemble", tags="cpu")
    else:
        assemble = Node(
            join_coreset,
            inputs=["target_manifest", "openset_manifest", f"coreset_{arm}"],
            outputs="training_set",
            name="assemble",
            tags="cpu",
        )
    train = Node(
        for_arm(pretrain_arm, arm),
        inputs=["training_set", "image_size", "params:images", "params:pretraining", "params:runtime"],
        outputs=["encoders", f"curves_{arm}"],
        name="pretrain",
        tags="gpu",
    )
    inputs = {name for name in (*assemble.inputs, "image_size") if not name.startswith("params:")}
    return Pipeline(
        [assemble, train],
        namespace=arm,
        inputs=inputs,
        outputs={f"curves_{arm}"},
        parameters={"params:images", "params:pretraining", "params:runtime"},
    )


def create_pipeline() -> Pipeline:
    """Return the stage: all arms."""
    return sum((create_arm(arm) for arm in ARMS), Pipeline([]))
