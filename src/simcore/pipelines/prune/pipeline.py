"""The pipeline `prune`: `kedro run --pipelines prune --params prune.remove=true`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.prune.nodes import prune_root


def create_pipeline() -> Pipeline:
    """Return the node that lists, or removes, what no run needs any more."""
    return Pipeline(
        [Node(prune_root, inputs=["params:prune", "params:runtime"], outputs="pruned", name="prune_root", tags="cpu")]
    )
