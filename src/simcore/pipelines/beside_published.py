"""A run's records beside the paper's numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.parameters import ComparisonParameters, PretrainingParameters, SelectionParameters
from simcore.published import compare_with_published


def beside_published(
    records: list[dict[str, Any]],
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    *,
    sizes: Mapping[str, int],
    image_size: int,
    pretraining: PretrainingParameters,
    selection: SelectionParameters,
    comparison: ComparisonParameters,
) -> pd.DataFrame:
    """Return the published numbers of the same data set, method, encoder and arm; no rows where the paper has none.

    Args:
        records: Metric records.
        target_manifest: Its sources name the data set.
        openset_manifest: Likewise.
        sizes: Images of the open-set in each arm.
        image_size: Side of the images.
        pretraining: Names method and encoder.
        selection: For the threshold.
        comparison: For the terms.
    """
    if not records:
        return pd.DataFrame()
    told: dict[str, Any] = {
        "dataset": "+".join(sorted(target_manifest["source"].unique())),
        "openset": "+".join(sorted(openset_manifest["source"].unique())),
        "method": pretraining.method,
        "encoder": pretraining.backbone,
        "image_size": image_size,
        "fairness": comparison.fairness,
        "tau": selection.tau,
    }
    metrics = pd.DataFrame(records).assign(**told)
    metrics["ratio_percent"] = metrics["arm"].map({arm: 100 * n / len(openset_manifest) for arm, n in sizes.items()})
    return compare_with_published(metrics)
