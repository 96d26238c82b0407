"""The stage `selection`."""

from kedro.pipeline import Node, Pipeline

from simcore.parameters import ArmParameters
from simcore.pipelines.arms import SELECTED, arms_with_images, coreset_of, of_variant
from simcore.pipelines.selection.nodes import (
    draw_random,
    explain_coreset,
    list_excluded,
    pick_coreset,
    pick_labelled,
    pick_random,
    pick_variant,
)


def _pick(arm: str, settings: ArmParameters) -> list[Node]:
    """Return the node that takes the arm's part of the open-set, if it takes a part; it may be read by others."""
    own = f"params:arms.{arm}"

    def of(*names: str) -> list[str]:
        return [of_variant(name, settings.variant) for name in names]

    if settings.openset == "random":
        sized = settings.size_of is not None
        like = [coreset_of(settings.size_of)] if settings.size_of is not None else []
        return [
            Node(
                pick_random if sized else draw_random,
                inputs=[*of("openset_embeddings"), *like, *of("excluded", "params:selection"), own],
                outputs=f"coreset_{arm}",
                name=f"pick_{arm}",
                tags="cpu",
            )
        ]
    if settings.openset == "labels":
        return [
            Node(
                pick_labelled,
                inputs=[*of("openset_manifest", "openset_embeddings", "target_manifest", "excluded"), own],
                outputs=f"coreset_{arm}",
                name=f"pick_{arm}",
                tags="cpu",
            )
        ]
    if settings.openset == "coreset" and coreset_of(arm) == f"coreset_{arm}" and arm != SELECTED:
        return [
            Node(
                pick_variant,
                inputs=[
                    *of("target_embeddings", "openset_embeddings", "excluded", "params:clustering", "params:selection"),
                    own,
                ],
                outputs=[f"coreset_{arm}", f"trace_{arm}", f"certificate_{arm}"],
                name=f"pick_{arm}",
                tags="cpu",
            )
        ]
    return []


def create_exclusion() -> Pipeline:
    """Return the node that says what may not be picked."""
    node = Node(
        list_excluded, inputs=["leaks", "params:selection"], outputs="excluded", name="list_excluded", tags="cpu"
    )
    return Pipeline([node])


def create_pipeline(study: str | None = None) -> Pipeline:
    """Return the stage: say what may not be picked, peel the coreset, explain it, take what other arms are given."""
    stage = [
        *create_exclusion().nodes,
        Node(
            pick_coreset,
            inputs=["centroids", "openset_embeddings", "excluded", "params:selection"],
            outputs=[f"coreset_{SELECTED}", "trace", "certificate", "coreset_by_centroid"],
            name="pick_coreset",
            tags="cpu",
        ),
        Node(
            explain_coreset,
            inputs=[f"coreset_{SELECTED}", "openset_embeddings", "target_embeddings", "params:selection"],
            outputs="explanations",
            name="explain_coreset",
            tags="cpu",
        ),
    ]
    return Pipeline(
        stage + [node for arm, settings in arms_with_images(study).items() for node in _pick(arm, settings)]
    )
