"""Variants of what stands before the arms' parts of the open-set: other pools, other retrieval encoders."""

from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import arms_with_images, of_variant
from simcore.pipelines.audit.pipeline import create_screening
from simcore.pipelines.embedding import create_pipeline as create_embedding
from simcore.pipelines.ingestion import create_pipeline as create_ingestion
from simcore.pipelines.retrieval.nodes import train_retrieval_encoder
from simcore.pipelines.retrieval.pipeline import create_pipeline as create_retrieval
from simcore.pipelines.selection.pipeline import create_exclusion


def create_variants(study: str) -> Pipeline:
    """Return one namespace for every variant in a study: what it changes before the selection."""
    names = dict.fromkeys(settings.variant for settings in arms_with_images(study).values() if settings.variant)
    return sum((_create_variant(name) for name in names), Pipeline([]))


def _create_variant(variant: str) -> Pipeline:
    """Return the nodes of the shared stages whose outputs are others under `variant`."""
    stages = create_ingestion() + create_retrieval() + create_embedding() + create_screening() + create_exclusion()
    own = [node for node in stages.nodes if all(of_variant(name, variant) != name for name in node.outputs)]
    if not own:
        return Pipeline([])
    nodes = [_named(node, variant) for node in own]
    names = {name: of_variant(name, variant) for node in nodes for name in (*node.inputs, *node.outputs)}
    made = {name for node in nodes for name in node.outputs}
    parameters = {name: new for name, new in names.items() if name.startswith("params:")}
    return Pipeline(
        nodes,
        namespace=variant,
        inputs={name: new for name, new in names.items() if name not in made and name not in parameters},
        outputs={name: names[name] for name in made},
        parameters=parameters,
    )


def _named(node: Node, variant: str) -> Node:
    """Return the node; one that trains knows its variant, by which its curves are told from others."""
    if node.func is not train_retrieval_encoder:
        return node
    return node._copy(func=update_wrapper(partial(node.func, variant=variant), node.func))
