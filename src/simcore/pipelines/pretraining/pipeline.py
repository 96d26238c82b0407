"""The stage `pretraining`: one namespace an arm."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from simcore.parameters import ArmParameters
from simcore.pipelines.arms import COMPARISON, arms_to_train, coreset_of, for_arm, of_variant, selected
from simcore.pipelines.pretraining.nodes import join_coreset, join_openset, pretrain_arm, pretrain_coreset, take_target
from simcore.reuse.reading import Condition, reads_only_if

TRAINING = (
    "target_manifest",
    "image_size",
    "params:images",
    "params:pretraining",
    COMPARISON,
    "params:runtime",
)
RESELECTION = ("openset_manifest", "excluded", "params:embedding", "params:clustering", "params:selection")


def _assemble(arm: str, settings: ArmParameters) -> Node:
    function: Callable[..., Any] = take_target
    inputs = ["target_manifest"]
    pool = of_variant("openset_manifest", settings.variant)
    if settings.openset == "all":
        excluded = of_variant("excluded", settings.variant)
        function, inputs = join_openset, [*inputs, pool, excluded, f"params:arms.{arm}"]
    elif settings.openset != "none":
        function, inputs = join_coreset, [*inputs, pool, coreset_of(arm), f"params:arms.{arm}"]
    return Node(function, inputs=inputs, outputs="training_set", name="assemble", tags="cpu")


def _pretrain(arm: str, settings: ArmParameters) -> Node:
    """Return the node that trains; it looks at the coreset of the arm whose steps it takes, where it takes them."""
    longest = coreset_of(settings.steps_of or selected(settings.variant))
    pretraining = of_variant("params:pretraining", settings.variant)
    equal_compute = (
        Condition(COMPARISON, "fairness", "equals", "equal_compute"),
        # Given as a number, the steps are the same for every arm already.
        Condition(pretraining, "optimisation.steps", "missing"),
    )
    selects = settings.openset == "coreset"
    function = for_arm(pretrain_coreset if selects else pretrain_arm, arm)
    if settings.steps_of is None:
        function = reads_only_if(longest, *equal_compute)(function)
    if selects and settings.reselections is None:
        excluded = of_variant("excluded", settings.variant)
        function = reads_only_if(excluded, Condition(pretraining, "reselections"))(function)
    start = None if settings.starts_from is None else f"encoders_{settings.starts_from}"
    inputs = {
        **{
            name.rpartition(":")[2]: of_variant(name, settings.variant)
            for name in (*TRAINING, *(RESELECTION if selects else ()))
        },
        "training_set": "training_set",
        "settings": f"params:arms.{arm}",
        "matched": longest,
        **({} if start is None else {"start": start}),
    }
    return Node(
        function,
        inputs=inputs,
        outputs=[f"encoders_{arm}", f"curves_{arm}"],
        name="pretrain",
        tags="gpu",
    )


def create_arm(arm: str, settings: ArmParameters) -> Pipeline:
    """Return the arm's nodes: assemble its training set, pretrain on it."""
    nodes = [_assemble(arm, settings), _pretrain(arm, settings)]
    inputs = {name for node in nodes for name in node.inputs} - {"training_set"}
    return Pipeline(
        nodes,
        namespace=arm,
        inputs={name for name in inputs if not name.startswith("params:")},
        outputs={f"encoders_{arm}", f"curves_{arm}"},
        parameters={name for name in inputs if name.startswith("params:")},
    )


def create_pipeline(study: str | None = None) -> Pipeline:
    """Return the stage: all arms that are compared, or those of a study."""
    return sum((create_arm(arm, settings) for arm, settings in arms_to_train(study).items()), Pipeline([]))
