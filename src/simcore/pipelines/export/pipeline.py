"""The pipeline `export`: what has been made, in a form for others."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.export.nodes import export_artefacts


def create_pipeline() -> Pipeline:
    """Return the pipeline: one node, which takes the newest artefacts of the data root and makes none.

    Its result is no artefact either: an export is written as often as it is asked for.
    """
    return Pipeline(
        [
            Node(
                export_artefacts,
                inputs=["made", "params:pretraining", "params:export"],
                outputs="exported",
                name="export_artefacts",
                tags="cpu",
            )
        ]
    )
