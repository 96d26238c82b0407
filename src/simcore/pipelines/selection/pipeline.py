"""The stage `selection`."""

from collections.abc import Mapping
from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from simcore.parameters import ArmParameters
from simcore.pipelines.arms import SELECTED, arms_with_images, coreset_of, of_variant, shown_beside
from simcore.pipelines.clustering.nodes import cluster_target, cluster_target_in
from simcore.pipelines.selection.nodes import (
    cut_coreset,
    draw_random,
    explain_coreset,
    list_excluded,
    peel_rounds,
    pick_coreset,
    pick_labelled,
    pick_random,
)
from simcore.reuse.reading import Condition, wanted_only_if

NOT_GIVEN = Condition("params:pretraining", "coreset", "missing")
"""Where a list is given, nothing is selected that is only shown."""


def _of_centroids(what: str, settings: ArmParameters) -> str:
    """Return the name of an artefact of the arm's centroids, which all arms with the same share."""
    name = of_variant(what, settings.variant)
    return name if settings.n_clusters is None else f"{name}_k{settings.n_clusters}"


def _is_cut(arm: str, settings: ArmParameters) -> bool:
    """Return whether the arm's coreset is cut from the rounds of its centroids: it is not that of another arm."""
    return settings.openset == "coreset" and coreset_of(arm) == f"coreset_{arm}" and arm != SELECTED


def _peel(arms: Mapping[str, ArmParameters]) -> list[Node]:
    """Return the nodes that make what arms with the same centroids are cut from."""
    nodes = {}
    for settings in (settings for arm, settings in arms.items() if _is_cut(arm, settings)):
        k, variant = settings.n_clusters, settings.variant
        centroids, rounds = _of_centroids("centroids", settings), _of_centroids("rounds", settings)
        if centroids != "centroids":
            function = cluster_target
            if k is not None:
                function = update_wrapper(partial(cluster_target_in, n_clusters=k), cluster_target_in)
            nodes[centroids] = Node(
                function,
                inputs=[of_variant(name, variant) for name in ("target_embeddings", "params:clustering")],
                outputs=centroids,
                name=f"cluster_{centroids}",
                tags="cpu",
            )
        names = ("openset_embeddings", "excluded", "params:selection", "params:runtime")
        rests = [of_variant(name, variant) for name in names]
        nodes[rounds] = Node(peel_rounds, inputs=[centroids, *rests], outputs=rounds, name=f"peel_{rounds}", tags="cpu")
    return list(nodes.values())


def _pick(arm: str, settings: ArmParameters, *, only_shown: bool = False) -> list[Node]:
    """Return the node that takes the arm's part of the open-set, if it takes a part; it may be read by others.

    One that is `only_shown` is not taken where the coreset is given as a list.
    """
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
    if _is_cut(arm, settings):
        cut = update_wrapper(partial(cut_coreset), cut_coreset)
        return [
            Node(
                wanted_only_if(cut, NOT_GIVEN) if only_shown else cut,
                inputs=[
                    _of_centroids("rounds", settings),
                    _of_centroids("centroids", settings),
                    *of("openset_embeddings", "excluded", "params:selection", "params:runtime"),
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
            inputs=["centroids", "openset_embeddings", "excluded", "params:selection", "params:runtime"],
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
    taken = arms_with_images(study)
    shown = {} if study else {arm: settings for arm, settings in shown_beside().items() if arm not in taken}
    picks = [node for arm, settings in taken.items() for node in _pick(arm, settings)]
    picks += [node for arm, settings in shown.items() for node in _pick(arm, settings, only_shown=True)]
    return Pipeline(stage + _peel(taken | shown) + picks)
