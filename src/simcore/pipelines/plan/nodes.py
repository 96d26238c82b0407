"""Nodes of the pipeline `plan`."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from simcore.backbones import create_backbone, feature_dim
from simcore.devices import choose_device
from simcore.disk import Need, check_room, embedding_bytes, free_bytes, say_room
from simcore.exporting.lists import read_list, resolve_list
from simcore.images import ImageStore
from simcore.parameters import (
    ArmParameters,
    ComparisonParameters,
    ImageParameters,
    PlanParameters,
    PretrainingParameters,
    RetrievalParameters,
    RuntimeParameters,
    SelectionParameters,
)
from simcore.pipelines.arm_settings import adapt_selection
from simcore.pipelines.arms import SELECTED
from simcore.pipelines.plan.table import ALONE, Probe, cost_row, format_plan, ratios
from simcore.pipelines.pretraining.nodes import PURPOSES
from simcore.pipelines.recipe import Recipe
from simcore.reuse.reading import never_reused
from simcore.selection import budget_in_images
from simcore.training import Beside
from simcore.training.planner import measure_speed
from simcore.training.sizes import STOPPED, ArmSize, coreset_size, costliest_size

LOGGER = logging.getLogger(__name__)


@never_reused
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
    comparison: ComparisonParameters,
    arms: dict[str, Any],
    runtime: RuntimeParameters,
) -> pd.DataFrame:
    """Return what every training will cost, one row each; also printed.

    `coreset` and `certificate` are None as long as the selection has not run with the present parameters; then arms
    with a stop rule are bounded from above.
    """
    train = target_manifest[target_manifest["split"] == "train"]
    pool = openset_manifest[openset_manifest["split"] == "train"]
    described = {name: ArmParameters.model_validate(values) for name, values in arms.items()}
    if pretraining.coreset is None:
        selected = _coreset_size(coreset, certificate, selection=selection, n_openset=len(pool), n_target=len(train))
    else:
        given = resolve_list(read_list(pretraining.coreset), openset_manifest, path=pretraining.coreset)
        selected = ArmSize(len(given), exact=True, reason="the given list")
    sizes = {
        name: selected if name == SELECTED else _arm_size(settings, pool, len(train), selection=selection)
        for name, settings in described.items()
    }
    sizes |= {name: sizes[settings.size_of] for name, settings in described.items() if settings.size_of is not None}
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
    equal = comparison.fairness == "equal_compute" and pretraining.optimisation.steps is None
    for arm in comparison.arms:
        settings = described[arm]
        like = settings.steps_of or (SELECTED if equal else None)
        recipe, costliest, bounded = _plan_arm(
            settings, sizes[arm], None if like is None else sizes[like], pretraining=pretraining, common=common
        )
        row = cost_row(
            arm,
            recipe,
            costliest=costliest,
            size=bounded,
            runs=len(comparison.seeds),
            probe=probes["pretraining"],
        )
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
    _tell_disk(table, (train, pool), retrieval=retrieval, work=Path(runtime.work_dir), margin=plan.disk_margin)
    return table


def _tell_disk(
    table: pd.DataFrame,
    manifests: tuple[pd.DataFrame, pd.DataFrame],
    *,
    retrieval: RetrievalParameters,
    work: Path,
    margin: float,
) -> None:
    """Say what the whole job would write in an empty data root, and warn where that is hardly there."""
    needs = [Need("encoders and training states", round(table["disk_gib"].sum() * 2**30))]
    if retrieval.encoder is None:
        with torch.device("meta"):
            dim = feature_dim(create_backbone(retrieval.backbone, image_size=224))
        for words, frame in zip(("embeddings of X", "embeddings of the open-set"), manifests, strict=True):
            length = float(frame["key"].str.len().mean())
            needs.append(Need(words, embedding_bytes(len(frame), dim=dim, key_length=length)))
    LOGGER.info("%s.", say_room(needs, folder=work.parent, free=free_bytes(work)))
    warning = check_room(needs, folder=work.parent, margin=margin, stop=False)
    if warning is not None:
        LOGGER.warning("%s", warning)


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


def _arm_size(settings: ArmParameters, pool: pd.DataFrame, n_target: int, *, selection: SelectionParameters) -> ArmSize:
    """Return how many images of the open-set an arm has, as far as that is known before anything is selected."""
    if settings.openset == "none":
        return ALONE if settings.target else ArmSize(0, exact=True, reason="nothing")
    if settings.openset == "all":
        return ArmSize(len(pool), exact=True, reason="the whole open-set")
    if settings.openset == "labels":
        return ArmSize(len(pool), exact=False, reason="the whole open-set; its labels decide")
    chosen = adapt_selection(selection, settings)
    if settings.ratio is not None:
        return ArmSize(int(settings.ratio * len(pool)), exact=True, reason=f"{settings.ratio:.2%} of the open-set")
    budget = budget_in_images(chosen.budget, n_openset=len(pool), n_target=n_target)
    return coreset_size(budget=budget, n_openset=len(pool), tau=chosen.tau)


def _plan_arm(
    settings: ArmParameters,
    size: ArmSize,
    like: ArmSize | None,
    *,
    pretraining: PretrainingParameters,
    common: dict[str, Any],
) -> tuple[Recipe, Recipe, ArmSize]:
    """Return the arm's recipe, the one that bounds its cost, and what is known of its size.

    Args:
        settings: Parameters of the arm.
        size: Images of the open-set in it.
        like: Size of the arm of which it takes the steps, if it does.
        pretraining: Parameters of the training.
        common: What all recipes share.
    """
    by_rule = pretraining.optimisation.epochs == "paper"
    purpose = PURPOSES[settings.openset]
    n_x = common["n_target"]

    def recipe(n_selected: int) -> Recipe:
        known = {**common, "n_target": n_x if settings.target else 0, "n_shared": n_x}
        known["two_stage"] = settings.starts_from is not None
        return Recipe(training=pretraining, purpose=purpose, n_selected=n_selected, **known)

    def length(n_selected: int) -> int:
        longer = Recipe(training=pretraining, purpose="coreset", n_selected=n_selected, **common)
        return longer.mixed_steps

    if like is None:
        worst = costliest_size(size) if by_rule and purpose == "coreset" else size.n_selected
        return recipe(size.n_selected), recipe(worst), size
    matched, worst_matched = (
        replace(recipe(size.n_selected), matched_steps=length(n))
        for n in (like.n_selected, costliest_size(like) if by_rule else like.n_selected)
    )
    exact = size.exact and like.exact
    return matched, worst_matched, replace(size, exact=exact, reason=size.reason if size.n_selected else like.reason)


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
        # Images of X stand in for the open-set's: a step takes as long.
        beside=Beside(store, recipe.beside_views(method, seed=0), len(store)) if method.beside_counts else None,
    )
    return Probe(method, speed)
