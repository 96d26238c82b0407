"""Nodes of the pipeline `plan`."""

import logging
from typing import Any

import pandas as pd

from simcore.devices import choose_device
from simcore.images import ImageStore
from simcore.parameters import (
    ImageParameters,
    PlanParameters,
    PretrainingParameters,
    RetrievalParameters,
    RuntimeParameters,
    SelectionParameters,
)
from simcore.pipelines.arms import ARMS
from simcore.pipelines.recipe import Recipe
from simcore.published import published_ratio
from simcore.selection import budget_in_images
from simcore.training.epochs import Purpose
from simcore.training.planner import Speed, estimate_cost, measure_speed
from simcore.training.sizes import STOPPED, ArmSize, coreset_size, costliest_size

LOGGER = logging.getLogger(__name__)

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


def plan_costs(
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    coreset: pd.DataFrame | None,
    certificate: dict[str, Any] | None,
    images: ImageParameters,
    retrieval: RetrievalParameters,
    selection: SelectionParameters,
    pretraining: PretrainingParameters,
    plan: PlanParameters,
    runtime: RuntimeParameters,
) -> pd.DataFrame:
    """Return what every training will cost, one row each; also printed.

    `coreset` and `certificate` are None as long as the selection has not run with the present parameters; then arms
    with a stop rule are bounded from above.
    """
    train = target_manifest[target_manifest["split"] == "train"]
    pool = openset_manifest[openset_manifest["split"] == "train"]
    size = _coreset_size(coreset, certificate, selection=selection, n_openset=len(pool), n_target=len(train))
    store = ImageStore(train, side=2 * image_size["image_size"], cache_gib=images.cache_gib)
    common: dict[str, Any] = {
        "runtime": runtime,
        "image_size": image_size["image_size"],
        "grey": image_size["grey"],
        "n_target": len(train),
    }
    rows, speeds = [], {}
    if retrieval.encoder is None:
        recipe = Recipe(training=retrieval, purpose="retrieval", **common)
        speeds["retrieval"] = _measure(recipe, store, plan)
        nothing = ArmSize(0, exact=True, reason="X alone")
        rows.append(_row("retrieval", recipe, costliest=recipe, size=nothing, runs=1, speed=speeds["retrieval"]))
    speeds["pretraining"] = _measure(Recipe(training=pretraining, purpose="target", **common), store, plan)
    for arm in ARMS:
        arm_size = ArmSize(0, exact=True, reason="X alone") if arm == "x" else size
        purpose: Purpose = "coreset" if arm_size.n_selected else "target"
        recipe, costliest = (
            Recipe(training=pretraining, purpose=purpose, n_selected=n_selected, **common)
            for n_selected in (arm_size.n_selected, _costliest(arm_size, pretraining))
        )
        row = _row(
            arm, recipe, costliest=costliest, size=arm_size, runs=len(pretraining.seeds), speed=speeds["pretraining"]
        )
        rows.append(row | _ratios(arm_size, target_manifest, pool, retrieval=retrieval, selection=selection))
    table = pd.DataFrame(rows)
    for name, speed in speeds.items():
        LOGGER.info(
            "Probe of %s: %.1f images/s in batches of %d on %s (%d steps)",
            name,
            1 / speed.seconds_per_image,
            speed.batch_size,
            speed.device,
            speed.steps,
        )
    LOGGER.info("What the trainings will cost:\n%s", format_plan(table))
    return table


def _coreset_size(
    coreset: pd.DataFrame | None,
    certificate: dict[str, Any] | None,
    *,
    selection: SelectionParameters,
    n_openset: int,
    n_target: int,
) -> ArmSize:
    if coreset is not None and certificate is not None:
        return ArmSize(len(coreset), exact=True, reason=f"selected; {STOPPED[certificate['stopped_by']]}")
    budget = budget_in_images(selection.budget, n_openset=n_openset, n_target=n_target)
    return coreset_size(budget=budget, n_openset=n_openset, tau=selection.tau)


def _costliest(size: ArmSize, pretraining: PretrainingParameters) -> int:
    return costliest_size(size) if pretraining.optimisation.epochs == "paper" else size.n_selected


def _measure(recipe: Recipe, store: ImageStore, plan: PlanParameters) -> Speed:
    method = recipe.create_method(seed=0)
    on_gpu = choose_device(recipe.runtime.device).type == "cuda"
    return measure_speed(
        method,
        store,
        views=recipe.views(method, seed=0),
        settings=recipe.settings,
        steps=plan.probe_steps,
        max_batch_size=None if on_gpu else plan.probe_batch_size,
    )


def _row(training: str, recipe: Recipe, *, costliest: Recipe, size: ArmSize, runs: int, speed: Speed) -> dict[str, Any]:
    method = recipe.create_method(seed=0)
    cost = estimate_cost(n_images=recipe.n_images, settings=recipe.settings, method=method, speed=speed)
    most = estimate_cost(n_images=costliest.n_images, settings=costliest.settings, method=method, speed=speed)
    return {
        "training": training,
        "runs": runs,
        "bound": "exact" if size.exact else "at most",
        "images": cost.images,
        "of_target": recipe.n_target,
        "share_of_target": recipe.n_target / cost.images,
        "epochs": cost.epochs,
        "steps": max(cost.steps, most.steps),
        "batch_size": cost.batch_size,
        "images_seen": max(cost.images_seen, most.images_seen),
        "hours": runs * max(cost.hours, most.hours),
        "gpu_hours": None
        if cost.gpu_hours is None or most.gpu_hours is None
        else runs * max(cost.gpu_hours, most.gpu_hours),
        "disk_gib": runs * cost.disk_gib,
        "size_decided_by": size.reason,
        "device": speed.device,
    }


def _ratios(
    size: ArmSize,
    target: pd.DataFrame,
    pool: pd.DataFrame,
    *,
    retrieval: RetrievalParameters,
    selection: SelectionParameters,
) -> dict[str, Any]:
    """Return the coreset in per cent of the open-set, and what the paper had for these data sets."""
    if not size.n_selected:
        return {"ratio_percent": None, "published_ratio_percent": None, "published_table": None}
    published = published_ratio(
        target="+".join(sorted(target["source"].unique())),
        openset="+".join(sorted(pool["source"].unique())),
        method=retrieval.method,
        encoder=retrieval.backbone,
        tau=selection.tau,
    )
    return {
        "ratio_percent": 100 * size.n_selected / len(pool),
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
