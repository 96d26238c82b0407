"""The stage `selection`."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.selection.nodes import explain_coreset, list_excluded, pick_coreset, pick_random


def create_pipeline() -> Pipeline:
    """Return the stage: say what may not be picked, peel the coreset, explain it, draw as many images at random."""
    return Pipeline(
        [
            Node(
                list_excluded,
                inputs=["leaks", "params:selection"],
                outputs="excluded",
                name="list_excluded",
                tags="cpu",
            ),
            Node(
                pick_coreset,
                inputs=["centroids", "openset_embeddings", "excluded", "params:selection"],
                outputs=["coreset_simcore", "trace", "certificate", "coreset_by_centroid"],
                name="pick_coreset",
                tags="cpu",
            ),
            Node(
                explain_coreset,
                inputs=["coreset_simcore", "openset_embeddings", "target_embeddings", "params:selection"],
                outputs="explanations",
                name="explain_coreset",
                tags="cpu",
            ),
            Node(
                pick_random,
                inputs=["openset_embeddings", "coreset_simcore", "excluded", "params:selection"],
                outputs="coreset_random",
                name="pick_random",
                tags="cpu",
            ),
        ]
    )
