"""The pipeline `jobs`: `kedro run --pipelines jobs`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.jobs.nodes import print_jobs


def create_pipeline() -> Pipeline:
    """Return the node that lists the commands of which the whole job consists."""
    return Pipeline([Node(print_jobs, inputs="jobs_to_run", outputs="jobs", name="print_jobs", tags="cpu")])
