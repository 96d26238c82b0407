"""A study: its arms from the stages, set against each other."""

from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.arms import COMPARISON, arms, coreset_of, of_variant
from simcore.pipelines.study.nodes import draw_study, tabulate_study


def create_pipeline(study: str) -> Pipeline:
    """Return the nodes that tabulate and draw what the arms of `study` gave."""
    chosen = arms(study)
    sized = [arm for arm, settings in chosen.items() if settings.openset not in ("none", "all")]
    # Each variant's own, by the names of their groups.
    of_variants = {
        f"{what}_{variant or ''}": of_variant(name, variant)
        for variant in dict.fromkeys(settings.variant for settings in chosen.values())
        for what, name in (
            ("openset_manifest", "openset_manifest"),
            ("pretraining", "params:pretraining"),
            ("selection", "params:selection"),
        )
    }
    inputs = {
        "target_manifest": "target_manifest",
        "image_size": "image_size",
        "comparison": COMPARISON,
        "of_references": "metrics_references",
        **of_variants,
        **{f"coreset_{arm}": coreset_of(arm) for arm in sized},
        **{f"metrics_{arm}": f"metrics_{arm}" for arm in chosen},
    }
    tabulate = update_wrapper(partial(tabulate_study, study=study), tabulate_study)
    table, figure = f"study_{study}", f"figure_study_{study}"
    return Pipeline(
        [
            Node(tabulate, inputs=inputs, outputs=table, name=f"tabulate_{study}", tags="cpu"),
            Node(draw_study, inputs=table, outputs=figure, name=f"draw_{study}", tags="cpu"),
        ]
    )
