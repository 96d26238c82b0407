"""The pipeline `status`: `kedro run --pipelines status`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.status.nodes import list_status


def create_pipeline() -> Pipeline:
    """Return the node that lists what is fresh, stale or missing of the whole job, and of what else is there."""
    return Pipeline([Node(list_status, inputs="states", outputs="status", name="list_status", tags="cpu")])
