"""The stage `pretraining`: one namespace an arm."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import ARMS, for_arm
from simcore.pipelines.pretraining.nodes import (
    join_coreset,
    pretrain_arm,
    pretrain_coreset,
    pretrain_target,
    take_target,
)

TRAINING = ("image_size", "params:images", "params:pretraining", "params:runtime")
RESELECTION = (
    "target_manifest",
    "openset_manifest",
    "excluded",
    "image_size",
    "params:images",
    "params:embedding",
    "params:clustering",
    "params:selection",
    "params:pretraining",
    "params:runtime",
)


def _nodes(arm: str) -> list[Node]:
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
    own: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
        "x": (pretrain_target, (*TRAINING, "coreset_simcore")),
        "simcore": (pretrain_coreset, RESELECTION),
    }
    function, inputs = own.get(arm, (pretrain_arm, TRAINING))
    train = Node(
        for_arm(function, arm),
        inputs=["training_set", *inputs],
        outputs=["encoders", f"curves_{arm}"],
        name="pretrain",
        tags="gpu",
    )
    return [assemble, train]


def create_arm(arm: str) -> Pipeline:
    """Return the arm's nodes: assemble its training set, pretrain on it."""
    nodes = _nodes(arm)
    inputs = {name for node in nodes for name in node.inputs} - {"training_set"}
    return Pipeline(
        nodes,
        namespace=arm,
        inputs={name for name in inputs if not name.startswith("params:")},
        outputs={f"curves_{arm}"},
        parameters={name for name in inputs if name.startswith("params:")},
    )


def create_pipeline() -> Pipeline:
    """Return the stage: all arms."""
    return sum((create_arm(arm) for arm in ARMS), Pipeline([]))
