"""Nodes of a study: its table and its figure."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from simcore.evaluation.metrics import headline_metrics
from simcore.parameters import ComparisonParameters, PretrainingParameters, SelectionParameters
from simcore.pipelines.arms import REFERENCES, arms, described_arms
from simcore.pipelines.beside_published import beside_published
from simcore.reporting import accuracy_figure
from simcore.reporting import tabulate_study as tabulate

Records = list[dict[str, Any]]

_SHOWN = ["table", "published", "ours", "protocol_differences", "flag"]
_KEY = ["arm", "evaluation", "metric", "protocol"]


def tabulate_study(
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    comparison: ComparisonParameters,
    of_references: Records,
    study: str,
    **of_arms: Any,
) -> pd.DataFrame:
    """Return ratio and accuracy of every arm of a study, with what the paper has for the same.

    `of_arms` has metrics and coresets by arm, and open-set, training and selection by variant.
    """
    chosen = arms(study)
    pools = {arm: of_arms[f"openset_manifest_{settings.variant or ''}"] for arm, settings in chosen.items()}
    records = [record for arm in chosen for record in of_arms[f"metrics_{arm}"]]
    evaluations = dict.fromkeys(record["evaluation"] for record in records)
    sources = target_manifest.loc[target_manifest["split"] == "test", "source"].unique()
    sizes = {
        arm: len(pools[arm]) if settings.openset == "all" else len(of_arms.get(f"coreset_{arm}", ()))
        for arm, settings in chosen.items()
    }
    table = tabulate(
        records + of_references,
        arms=tuple(chosen),
        references=REFERENCES,
        sizes=sizes,
        n_openset={arm: len(pool) for arm, pool in pools.items()},
        headline=headline_metrics(evaluations, sources=sources),
    )
    found = [
        _beside_published(
            records, target_manifest, image_size, comparison, variant=variant, sizes=sizes, of_arms=of_arms
        )
        for variant in dict.fromkeys(settings.variant for settings in chosen.values())
        if records
    ]
    published = pd.concat([each for each in found if not each.empty]) if any(len(each) for each in found) else None
    if published is None:
        return table.assign(**dict.fromkeys(_SHOWN))
    return table.merge(published[[*_KEY, *_SHOWN]], on=_KEY, how="left", sort=False)


def _beside_published(
    records: Records,
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    comparison: ComparisonParameters,
    *,
    variant: str | None,
    sizes: dict[str, int],
    of_arms: dict[str, Any],
) -> pd.DataFrame:
    """Return the published numbers of the arms under a variant, which go by plain names there."""
    described = described_arms()
    names = {arm: described[arm].base or arm for arm in sizes if described[arm].variant == variant}
    pretraining: PretrainingParameters = of_arms[f"pretraining_{variant or ''}"]
    selection: SelectionParameters = of_arms[f"selection_{variant or ''}"]
    published = beside_published(
        [{**record, "arm": names[record["arm"]]} for record in records if record["arm"] in names],
        target_manifest,
        of_arms[f"openset_manifest_{variant or ''}"],
        sizes={name: sizes[arm] for arm, name in names.items()},
        image_size=image_size["image_size"],
        pretraining=pretraining,
        selection=selection,
        comparison=comparison,
    )
    if published.empty:
        return published
    return published.assign(arm=published["arm"].map({name: arm for arm, name in names.items()}))


def draw_study(table: pd.DataFrame) -> go.Figure:
    """Return the accuracy of every arm, with the interval over seeds."""
    return accuracy_figure(table)
