"""The cost planner's table: one row a training, as data and as text."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from simcore.methods import Method
from simcore.parameters import RetrievalParameters, SelectionParameters
from simcore.pipelines.recipe import Recipe
from simcore.published import published_ratio
from simcore.training.planner import Speed, estimate_cost
from simcore.training.sizes import ArmSize


@dataclass(frozen=True)
class Probe:
    """One kind of training as it was probed.

    Attributes:
        method: For the size of its state.
        speed: Measured.
    """

    method: Method
    speed: Speed


ALONE = ArmSize(0, exact=True, reason="X alone")
"""A training set without images of the open-set."""

COLUMNS = {
    "training": "{}",
    "runs": "{}",
    "bound": "{}",
    "images": "{:,}",
    "share_of_target": "{:.1%}",
    "epochs": "{:g}",
    "steps": "{:,}",
    "batch_size": "{}",
    "hours": "{:.2f}",
    "gpu_hours": "{:.1f}",
    "disk_gib": "{:.2f}",
    "ratio_percent": "{:.2f}",
    "published_ratio_percent": "{:.2f}",
}
"""Columns of the printed table and how their values are written."""


def cost_row(
    training: str, recipe: Recipe, *, costliest: Recipe, size: ArmSize, runs: int, probe: Probe
) -> dict[str, Any]:
    """Return the row of a training of `runs` seeds; `costliest` bounds its cost while its size is not known."""
    cost, bound = (
        estimate_cost(n_images=one.n_images, settings=one.settings, method=probe.method, speed=probe.speed)
        for one in (recipe, costliest)
    )
    most = max(cost, bound, key=lambda one: one.images_seen)
    return {
        "training": training,
        "runs": runs,
        "bound": "exact" if size.exact else "at most",
        "images": cost.images + recipe.n_beside,
        "of_target": recipe.n_target,
        "share_of_target": recipe.n_target / (cost.images + recipe.n_beside),
        "epochs": cost.epochs,
        "steps": most.steps,
        "batch_size": cost.batch_size,
        "images_seen": most.images_seen + (most.steps * recipe.beside_batch_size if recipe.n_beside else 0),
        "hours": runs * most.hours,
        "gpu_hours": None if most.gpu_hours is None else runs * most.gpu_hours,
        "disk_gib": runs * cost.disk_gib,
        "size_decided_by": size.reason,
        "device": probe.speed.device,
    }


def ratios(
    recipe: Recipe,
    target: pd.DataFrame,
    pool: pd.DataFrame,
    *,
    retrieval: RetrievalParameters,
    selection: SelectionParameters,
) -> dict[str, Any]:
    """Return the coreset in per cent of the open-set, and what the paper had for these data sets."""
    if not recipe.n_selected:
        return {"ratio_percent": None, "published_ratio_percent": None, "published_table": None}
    published = published_ratio(
        target="+".join(sorted(target["source"].unique())),
        openset="+".join(sorted(pool["source"].unique())),
        method=retrieval.method,
        encoder=retrieval.backbone,
        tau=selection.tau,
    )
    return {
        "ratio_percent": 100 * recipe.n_selected / len(pool),
        "published_ratio_percent": None if published is None else published[0],
        "published_table": None if published is None else published[1],
    }


def format_plan(table: pd.DataFrame) -> str:
    """Return the plan as text: one line a training, columns that are empty throughout left out, totals below."""
    shown = [name for name in COLUMNS if name in table and table[name].notna().any()]
    text = pd.DataFrame(
        {
            name.replace("_", " "): ["-" if pd.isna(value) else COLUMNS[name].format(value) for value in table[name]]
            for name in shown
        }
    )
    hours = f"{table['hours'].sum():.2f} hours"
    if "gpu_hours" in shown:
        hours += f", {table['gpu_hours'].sum():.1f} GPU-hours"
    sizes = dict.fromkeys(table.loc[table["size_decided_by"] != "X alone", "size_decided_by"])
    notes = [f"All trainings: {hours}, {table['disk_gib'].sum():.2f} GiB at once at most."]
    notes += [f"Size of the coreset: {reason}." for reason in sizes]
    return "\n".join([text.to_string(index=False), *notes])
