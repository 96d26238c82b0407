"""The stage `reporting`."""

from kedro.pipeline import Node, Pipeline

from simcore.parameters import GIVEN_ENCODER
from simcore.pipelines.arms import ARMS, GIVEN
from simcore.pipelines.reporting.nodes import compare, draw_figures, draw_gallery_picture, write_report

METRICS = [*(f"metrics_{arm}" for arm in ARMS), "metrics_references"]
# What was evaluated beside the stages, where it holds: the report does not make it run.
BESIDE = [
    *(
        f"metrics_{what}_{arm}_if_fresh"
        for what in ("finetune", "attributes", "segmentation")
        for arm in (*ARMS, GIVEN)
    ),
    "detection_metrics_if_fresh",
]
FIGURES = [f"figure_{name}" for name in ("trace", "accuracy", "composition", "curves")]
PICTURES = [
    "coreset_simcore",
    "coreset_random",
    "centroids",
    "target_embeddings",
    "target_manifest",
    "openset_manifest",
]


def create_pipeline() -> Pipeline:
    """Return the stage: compare the arms, draw, write the report."""
    return Pipeline(
        [
            Node(
                compare,
                inputs=[*METRICS, "metrics_given", GIVEN_ENCODER, "target_manifest", *BESIDE],
                outputs="comparison",
                name="compare",
                tags="cpu",
            ),
            Node(
                draw_figures,
                inputs=[
                    "trace",
                    "certificate",
                    "comparison",
                    "coreset_simcore",
                    "openset_manifest",
                    "params:selection",
                    *(f"curves_{arm}" for arm in ARMS),
                ],
                outputs=FIGURES,
                name="draw_figures",
                tags="cpu",
            ),
            Node(
                draw_gallery_picture,
                inputs=[*PICTURES, "params:images", "params:reporting"],
                outputs="gallery",
                name="draw_gallery_picture",
                tags="cpu",
            ),
            Node(
                write_report,
                inputs=[
                    "made",
                    "target_manifest",
                    "target_rejected",
                    "openset_manifest",
                    "openset_rejected",
                    "image_size",
                    "coreset_simcore",
                    "coreset_random",
                    "trace",
                    "certificate",
                    "centroids",
                    "target_embeddings",
                    "comparison",
                    "audit_summary_if_fresh",
                    "duplicates_if_fresh",
                    *FIGURES,
                    *(f"per_class_{arm}" for arm in ARMS),
                    *(f"figure_confusion_{arm}" for arm in ARMS),
                    "parameters",
                    *METRICS,
                    *BESIDE,
                ],
                outputs="report",
                name="write_report",
                tags="cpu",
            ),
        ]
    )
