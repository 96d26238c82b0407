"""The same node for every encoder there may be: those of the arms, or a given one."""

from collections.abc import Callable, Sequence
from typing import Any

from kedro.pipeline import Node, Pipeline

from simcore.parameters import GIVEN_ENCODER
from simcore.pipelines.arms import GIVEN, arms, for_arm
from simcore.pipelines.evaluation.loading import load_encoder_given
from simcore.reuse.reading import Condition, wanted_only_if


def in_namespace(
    function: Callable[..., Any], arm: str, *, name: str, inputs: Sequence[str], outputs: Sequence[str], tags: str
) -> Pipeline:
    """Return one node of an arm, wanted where arms are evaluated; that of `given` where an encoder is given.

    Args:
        function: Of the node; takes `arm` as well.
        arm: The arm.
        name: Of the node, within its namespace.
        inputs: Names, those of the arm with `{arm}` in them.
        outputs: Names with `{arm}` in them.
        tags: Of the node.
    """
    made = [output.format(arm=arm) for output in outputs]
    read = [each.format(arm=arm) for each in inputs]
    marked = wanted_only_if(
        for_arm(function, arm), Condition(GIVEN_ENCODER, "spec", "given" if arm == GIVEN else "missing")
    )
    node = Node(marked, inputs=read, outputs=made if len(made) > 1 else made[0], name=name, tags=tags)
    return Pipeline(
        [node],
        namespace=arm,
        inputs={each for each in read if not each.startswith("params:")},
        outputs=set(made),
        parameters={each for each in read if each.startswith("params:")},
    )


def create_given() -> Pipeline:
    """Return the node that loads the given encoder; it runs where another node reads it."""
    node = Node(
        load_encoder_given,
        inputs=[GIVEN_ENCODER, "params:evaluation.architecture", "params:pretraining.backbone", "image_size"],
        outputs=f"encoders_{GIVEN}",
        name="load",
        tags="cpu",
    )
    return Pipeline(
        [node],
        namespace=GIVEN,
        inputs={"image_size"},
        outputs={f"encoders_{GIVEN}"},
        parameters={GIVEN_ENCODER, "params:evaluation.architecture", "params:pretraining.backbone"},
    )


def for_encoders(
    function: Callable[..., Any],
    *,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    tags: str = "gpu",
    study: str | None = None,
) -> Pipeline:
    """Return the node for every arm that is compared, or of a study, and for the given encoder; see `in_namespace`."""
    return sum(
        (
            in_namespace(function, arm, name=name, inputs=inputs, outputs=outputs, tags=tags)
            for arm in (*arms(study), GIVEN)
        ),
        create_given(),
    )
