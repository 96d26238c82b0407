"""The pipeline `active_learning`: which images to label next, and what their labels are worth."""

from kedro.pipeline import Pipeline

from simcore.pipelines.active_learning.nodes import draw_rounds, learn_arm, wait_for_labels
from simcore.pipelines.arms import GIVEN, arms
from simcore.pipelines.evaluation.encoders import for_encoders, in_namespace


def create_pipeline() -> Pipeline:
    """Return the pipeline: three nodes an arm, or for the encoder that `evaluation.encoder` gives.

    The last one stops the run where labels are missing; what there is by then has been written and drawn.
    """
    learn = for_encoders(
        learn_arm,
        name="learn_actively",
        inputs=["encoders_{arm}", "target_manifest", "params:images", "params:active_learning", "params:runtime"],
        outputs=["active_records_{arm}", "active_queries_{arm}", "active_wanted_{arm}"],
    )
    further = (
        (
            draw_rounds,
            [
                "active_records_{arm}",
                "active_queries_{arm}",
                "active_wanted_{arm}",
                "target_manifest",
                "params:images",
                "params:active_learning.pictures",
            ],
            ["figure_active_learning_{arm}", "active_gallery_{arm}", "active_page_{arm}"],
        ),
        (
            wait_for_labels,
            [
                "active_records_{arm}",
                "active_wanted_{arm}",
                "figure_active_learning_{arm}",
                "params:active_learning.labels",
            ],
            ["metrics_active_learning_{arm}"],
        ),
    )
    return learn + sum(
        (
            in_namespace(function, arm, name=function.__name__, inputs=inputs, outputs=outputs, tags="cpu")
            for function, inputs, outputs in further
            for arm in (*arms(), GIVEN)
        ),
        Pipeline([]),
    )
