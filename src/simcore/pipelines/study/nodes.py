"""Nodes of a study: its table and its figure."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.evaluation.metrics import headline_metrics
from simcore.parameters import ComparisonParameters, PretrainingParameters, SelectionParameters
from simcore.pipelines.arms import REFERENCES, arms
from simcore.pipelines.beside_published import beside_published
from simcore.reporting import accuracy_figure
from simcore.reporting import tabulate_study as tabulate

Records = list[dict[str, Any]]

_SHOWN = ["table", "published", "ours", "protocol_differences", "flag"]
_KEY = ["arm", "evaluation", "metric", "protocol"]


def tabulate_study(
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    pretraining: PretrainingParameters,
    selection: SelectionParameters,
    comparison: ComparisonParameters,
    of_references: Records,
    study: str,
    **of_arms: Any,
) -> pd.DataFrame:
    """Return ratio and accuracy of every arm of a study, with what the paper has for the same."""
    chosen = arms(study)
    records = [record for arm in chosen for record in of_arms[f"metrics_{arm}"]]
    evaluations = dict.fromkeys(record["evaluation"] for record in records)
    sources = target_manifest.loc[target_manifest["split"] == "test", "source"].unique()
    sizes = {
        arm: len(openset_manifest) if settings.openset == "all" else len(of_arms.get(f"coreset_{arm}", ()))
        for arm, settings in chosen.items()
    }
    table = tabulate(
        records + of_references,
        arms=tuple(chosen),
        references=REFERENCES,
        sizes=sizes,
        n_openset=len(openset_manifest),
        headline=headline_metrics(evaluations, sources=sources),
    )
    published = beside_published(
        records,
        target_manifest,
        openset_manifest,
        sizes=sizes,
        image_size=image_size["image_size"],
        pretraining=pretraining,
        selection=selection,
        comparison=comparison,
    )
    if published.empty:
        return table.assign(**dict.fromkeys(_SHOWN))
    return table.merge(published[[*_KEY, *_SHOWN]], on=_KEY, how="left", sort=False)


def draw_study(table: pd.DataFrame) -> go.Figure:
    """Return the accuracy of every arm, with the interval over seeds."""
    return accuracy_figure(table)
