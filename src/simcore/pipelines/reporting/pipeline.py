"""The stage `reporting`."""

from collections.abc import Iterable
from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from simcore.parameters import GIVEN_ENCODER
from simcore.pipelines.arms import SELECTED, SINGLE, arms, shown_beside
from simcore.pipelines.reporting.nodes import (
    DRAWN_FIGURES,
    FIGURES,
    PLACED_FIGURES,
    compare,
    draw_figures,
    write_report,
)
from simcore.pipelines.reporting.pictures import DRAWN, draw_gallery_picture
from simcore.pipelines.reporting.placement import draw_placement
from simcore.pipelines.selection.pipeline import NOT_GIVEN
from simcore.reuse.reading import Condition, reads_only_if

COMPARED = {
    "target_manifest": "target_manifest",
    "encoder": GIVEN_ENCODER,
    "of_references": "metrics_references",
    "of_given": "metrics_given",
    "beside": "evaluated_beside",
}


def _by_arm(what: str) -> dict[str, str]:
    return {f"{what}_{arm}": f"{what}_{arm}" for arm in arms()}


def _names(figures: Iterable[str]) -> list[str]:
    return [f"figure_{name}" for name in figures]


def create_pipeline() -> Pipeline:
    """Return the stage: compare the arms, draw, write the report."""
    pictures = {
        "coreset": f"coreset_{SELECTED}",
        "centroids": "centroids",
        "target_embeddings": "target_embeddings",
        "target_manifest": "target_manifest",
        "openset_manifest": "openset_manifest",
    }
    placed = {
        **{name: pictures[name] for name in ("coreset", "centroids", "target_embeddings")},
        "openset_embeddings": "openset_embeddings",
        "reporting": "params:reporting",
    }
    if DRAWN in arms():
        placed["coreset_random"] = f"coreset_{DRAWN}"
    coresets = {
        f"coreset_{arm}": f"coreset_{arm}"
        for arm, settings in arms().items()
        if settings.openset not in ("none", "all") and arm != SELECTED
    }
    write = write_report
    if SINGLE not in arms() and SINGLE in shown_beside():
        coresets[f"coreset_{SINGLE}"] = f"coreset_{SINGLE}"
        write = reads_only_if(f"coreset_{SINGLE}", NOT_GIVEN)(update_wrapper(partial(write_report), write_report))
    metrics = {**COMPARED, **_by_arm("metrics")}
    read = reads_only_if("metrics_given", Condition(GIVEN_ENCODER, "spec", "given"))
    return Pipeline(
        [
            Node(read(compare), inputs=metrics, outputs="comparison", name="compare", tags="cpu"),
            Node(
                draw_figures,
                inputs={
                    "trace": "trace",
                    "certificate": "certificate",
                    "comparison": "comparison",
                    "coreset": f"coreset_{SELECTED}",
                    "openset_manifest": "openset_manifest",
                    "selection": "params:selection",
                    **_by_arm("curves"),
                    **_by_arm("metrics"),
                },
                outputs=_names(DRAWN_FIGURES),
                name="draw_figures",
                tags="cpu",
            ),
            Node(
                draw_placement,
                inputs=placed,
                outputs=_names(PLACED_FIGURES),
                name="draw_placement",
                tags="cpu",
            ),
            Node(
                draw_gallery_picture,
                inputs={**pictures, "images": "params:images", "reporting": "params:reporting"},
                outputs="gallery",
                name="draw_gallery_picture",
                tags="cpu",
            ),
            Node(
                read(write),
                inputs={
                    **pictures,
                    **metrics,
                    "made": "made",
                    "target_rejected": "target_rejected",
                    "openset_rejected": "openset_rejected",
                    "image_size": "image_size",
                    "trace": "trace",
                    "certificate": "certificate",
                    "comparison": "comparison",
                    "audit_summary": "audit_summary_if_fresh",
                    "duplicates": "duplicates_if_fresh",
                    "queries": "queries_beside",
                    "parameters": "parameters",
                    "studies": "studies_made",
                    **coresets,
                    **{name: name for name in _names(FIGURES)},
                    **_by_arm("curves"),
                    **_by_arm("per_class"),
                    **_by_arm("figure_confusion"),
                },
                outputs="report",
                name="write_report",
                tags="cpu",
            ),
        ]
    )
