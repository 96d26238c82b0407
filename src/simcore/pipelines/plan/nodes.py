"""Nodes of the pipeline `plan`."""

import logging
from dataclasses import replace
from typing import Any

import pandas as pd

from simcore.devices import choose_device
from simcore.exporting.lists import read_list, resolve_list
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
from simcore.pipelines.plan.table import ALONE, Probe, cost_row, format_plan, ratios
from simcore.pipelines.recipe import Recipe
from simcore.selection import budget_in_images
from simcore.training.planner import measure_speed
from simcore.training.sizes import STOPPED, ArmSize, coreset_size, costliest_size

LOGGER = logging.getLogger(__name__)


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
    if pretraining.coreset is None:
        size = _coreset_size(coreset, certificate, selection=selection, n_openset=len(pool), n_target=len(train))
    else:
        given = resolve_list(read_list(pretraining.coreset), openset_manifest, path=pretraining.coreset)
        size = ArmSize(len(given), exact=True, reason="the given list")
    store = ImageStore(train, side=2 * image_size["image_size"], cache_gib=images.cache_gib)
    common: dict[str, Any] = {
        "runtime": runtime,
        "image_size": image_size["image_size"],
        "grey": image_size["grey"],
        "n_target": len(train),
    }
    rows, probes = [], {}
    if retrieval.encoder is None:
        recipe = Recipe(training=retrieval, purpose="retrieval", **common)
        probes["retrieval"] = _measure(recipe, store, plan)
        rows.append(cost_row("retrieval", recipe, costliest=recipe, size=ALONE, runs=1, probe=probes["retrieval"]))
    probes["pretraining"] = _measure(Recipe(training=pretraining, purpose="target", **common), store, plan)
    for arm in ARMS:
        recipe, costliest, arm_size = _plan_arm(arm, size, pretraining=pretraining, common=common)
        runs, probe = len(pretraining.seeds), probes["pretraining"]
        row = cost_row(arm, recipe, costliest=costliest, size=arm_size, runs=runs, probe=probe)
        rows.append(row | ratios(recipe, target_manifest, pool, retrieval=retrieval, selection=selection))
    table = pd.DataFrame(rows)
    for name, probe in probes.items():
        speed = probe.speed
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


def _plan_arm(
    arm: str, size: ArmSize, *, pretraining: PretrainingParameters, common: dict[str, Any]
) -> tuple[Recipe, Recipe, ArmSize]:
    """Return the arm's recipe, the one that bounds its cost, and what is known of its size."""
    by_rule = pretraining.optimisation.epochs == "paper"
    recipe, costliest = (
        Recipe(training=pretraining, purpose="coreset", n_selected=n_selected, **common)
        for n_selected in (size.n_selected, costliest_size(size) if by_rule else size.n_selected)
    )
    if arm != "x":
        return recipe, costliest, size
    alone = Recipe(training=pretraining, purpose="target", **common)
    if not pretraining.match_iterations:
        return alone, alone, ALONE
    matched = replace(ALONE, exact=size.exact, reason=size.reason)
    longest, costliest = (
        replace(alone, matched_steps=longer.settings.resolved_steps(longer.n_images)) for longer in (recipe, costliest)
    )
    return longest, costliest, matched


def _measure(recipe: Recipe, store: ImageStore, plan: PlanParameters) -> Probe:
    method = recipe.create_method(seed=0, fetch=False)
    on_gpu = choose_device(recipe.runtime.device).type == "cuda"
    speed = measure_speed(
        method,
        store,
        views=recipe.views(method, seed=0),
        settings=recipe.settings,
        steps=plan.probe_steps,
        max_batch_size=None if on_gpu else plan.probe_batch_size,
    )
    return Probe(method, speed)
