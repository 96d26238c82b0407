"""Nodes of the stage `selection`: what may not be picked, the coreset, and what it is held against."""

import logging
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simcore.audit import excluded_by_audit, excluded_by_list, nothing_excluded
from simcore.cluster import Cluster
from simcore.cluster.selecting import select_on_cluster
from simcore.embeddings import Embeddings
from simcore.errors import InputError
from simcore.exporting.lists import read_list
from simcore.parameters import AUDIT, PUBLISHED, ArmParameters, RuntimeParameters, SelectionParameters
from simcore.pipelines.arm_settings import adapt_selection
from simcore.published.oracle import oracle_classes
from simcore.reuse.reading import Condition, reads_only_if
from simcore.selection import (
    IMAGES_PER_TARGET,
    Clustering,
    Selection,
    StopRule,
    TooFewRoundsError,
    budget_in_images,
    nearest_targets,
    replay,
    select_by_label,
    select_coreset,
    select_random,
)

LOGGER = logging.getLogger(__name__)

_KEYS_SHOWN = 10


@reads_only_if("leaks", Condition("params:selection", "exclude", "equals", AUDIT))
def list_excluded(leaks: pd.DataFrame | None, selection: SelectionParameters) -> pd.DataFrame:
    """Return the images of the open-set that may not be picked, and why; without rows where nothing is excluded."""
    if selection.exclude is None:
        return nothing_excluded()
    if selection.exclude != AUDIT:
        listed = read_list(selection.exclude)
        if "uri" in listed and "key" not in listed:
            raise InputError(f"{selection.exclude} lists uris; what is excluded is named by keys: give a column `key`.")
        return excluded_by_list(listed["key" if "key" in listed else "entry"].dropna())
    if leaks is None:
        raise InputError(
            "`selection.exclude` is 'audit', and nothing was audited yet; run the stage `screening` before the "
            "selection, as `kedro run` does."
        )
    return excluded_by_audit(leaks, splits=selection.exclude_copies_of)


def _refuse_unknown(excluded: pd.DataFrame, openset_embeddings: Embeddings) -> None:
    known = pa.chunked_array(openset_embeddings.key_chunks(), type=pa.string())
    keys = pa.array(excluded["key"], type=pa.string())
    unknown = keys.filter(pc.invert(pc.is_in(keys, value_set=known))).to_pylist()
    if unknown:
        more = f" and {len(unknown) - _KEYS_SHOWN:,} more" if len(unknown) > _KEYS_SHOWN else ""
        raise InputError(
            f"{len(unknown):,} of {len(keys):,} excluded keys are not in the open-set: "
            f"{', '.join(map(repr, unknown[:_KEYS_SHOWN]))}{more}; `selection.exclude` takes keys of its manifest."
        )


def _keys(excluded: pd.DataFrame) -> list[str] | None:
    return None if excluded.empty else excluded["key"].tolist()


def _frame(selection: Selection, openset_embeddings: Embeddings) -> pd.DataFrame:
    """Return the selection as a table; its source is the name kept with the embeddings, else their folder's."""
    name = openset_embeddings.metadata.get("source") or openset_embeddings.directory.name
    return selection.with_source(str(name)).coreset_frame()


def pick_coreset(
    centroids: Clustering,
    openset_embeddings: Embeddings,
    excluded: pd.DataFrame,
    selection: SelectionParameters,
    runtime: RuntimeParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Return the coreset, its trace, its certificate and a table by centroid."""
    picked = _select(centroids, openset_embeddings, excluded, selection, runtime)
    return _frame(picked, openset_embeddings), picked.trace, picked.certificate.to_dict(), picked.by_centroid()


def _rules(selection: SelectionParameters) -> dict[str, Any]:
    """Return budget, stop rule and truncation as `select_coreset` and `replay` take them."""
    stop = None
    if selection.tau is not None:
        stop = StopRule(
            threshold=selection.tau,
            reference_round=selection.reference_round,
            keep_failing_round=selection.keep_failing_round,
        )
    return {"budget": selection.budget, "stop": stop, "truncate": selection.truncate, "seed": selection.seed}


def _select(
    centroids: Clustering,
    openset_embeddings: Embeddings,
    excluded: pd.DataFrame,
    selection: SelectionParameters,
    runtime: RuntimeParameters,
) -> Selection:
    if selection.exclude not in (None, AUDIT):
        _refuse_unknown(excluded, openset_embeddings)
    select = select_coreset
    if runtime.engine == "ray":
        select = partial(select_on_cluster, cluster=Cluster(**runtime.ray.model_dump()))
    picked = select(
        centroids.centroids,
        openset_embeddings,
        **_rules(selection),
        n_target=int(centroids.sizes.sum()),
        exclude=_keys(excluded),
        show_progress=True,
    )
    left_out = picked.certificate.n_excluded
    if len(excluded):
        LOGGER.info("%d of %d excluded keys are in the open-set and left out.", left_out, len(excluded))
    return _some(picked)


def _some(picked: Selection) -> Selection:
    if len(picked) == 0:
        raise InputError(
            f"No image was selected (stopped by {picked.stopped_by}); lower `selection.tau` or raise "
            "`selection.budget`."
        )
    return picked


def peel_rounds(
    centroids: Clustering,
    openset_embeddings: Embeddings,
    excluded: pd.DataFrame,
    selection: SelectionParameters,
    runtime: RuntimeParameters,
) -> Selection:
    """Return the rounds of a set of centroids as far as the cap of the published runs, or the budget, lets any arm go.

    Arms that differ in threshold, ratio or budget are cut from them (`cut_coreset`): one scan for all.
    """
    n_target = int(centroids.sizes.sum())
    cap = IMAGES_PER_TARGET * n_target
    asked = budget_in_images(selection.budget, n_openset=len(openset_embeddings), n_target=n_target)
    whole = {"budget": max(cap, asked or 0), "tau": None, "truncate": None}
    return _select(centroids, openset_embeddings, excluded, selection.model_copy(update=whole), runtime)


def cut_coreset(
    rounds: Selection,
    centroids: Clustering,
    openset_embeddings: Embeddings,
    excluded: pd.DataFrame,
    selection: SelectionParameters,
    runtime: RuntimeParameters,
    settings: ArmParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the coreset of an arm with centroids, a size or a threshold of its own, its trace and its certificate.

    It is cut from the rounds of its centroids; the open-set is scanned again only for more images than these have.
    """
    wanted = adapt_selection(selection, settings)
    try:
        picked = _some(replay(rounds, **_rules(wanted), n_target=int(centroids.sizes.sum())))
    except TooFewRoundsError:
        LOGGER.info("More images are asked for than the rounds of these centroids have: the open-set is scanned again.")
        picked = _select(centroids, openset_embeddings, excluded, wanted, runtime)
    return _frame(picked, openset_embeddings), picked.trace, picked.certificate.to_dict()


def pick_labelled(
    openset_manifest: pd.DataFrame,
    openset_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    excluded: pd.DataFrame,
    settings: ArmParameters,
) -> pd.DataFrame:
    """Return the images of the open-set with the arm's labels: what a person would pick who knows them (oracle).

    Raises:
        InputError: The open-set has no labels, or none that match.
    """
    labels = openset_manifest.set_index("key")["label"].reindex(openset_embeddings.keys())
    present = sorted(labels.dropna().unique())
    if not present:
        raise InputError(
            "An arm takes the open-set's images by `labels`, but the open-set has none; leave the arm out of "
            "`comparison.arms`."
        )
    patterns = list(settings.labels or ())
    if patterns == [PUBLISHED]:
        patterns = [each.synset for name in target_manifest["source"].unique() for each in oracle_classes(str(name))]
    classes = [label for label in present if any(fnmatchcase(str(label), pattern) for pattern in patterns)]
    if not classes:
        raise InputError(
            f"No label of the open-set matches {', '.join(patterns[:_KEYS_SHOWN])}; it has {len(present):,}, such as "
            f"{', '.join(map(str, present[:_KEYS_SHOWN]))}: set `labels` of the arm, or leave it out of "
            "`comparison.arms`."
        )
    taken = select_by_label(openset_embeddings, labels.to_numpy(), classes=classes, exclude=_keys(excluded))
    return _frame(taken, openset_embeddings)


def explain_coreset(
    coreset: pd.DataFrame,
    openset_embeddings: Embeddings,
    target_embeddings: Embeddings,
    selection: SelectionParameters,
) -> pd.DataFrame:
    """Return why each image was picked: its round, centroid and similarity, and the target images nearest to it."""
    rows = openset_embeddings.take(coreset["position"].to_numpy())
    nearest = nearest_targets(rows, target_embeddings, n_nearest=selection.explained_by)
    picks = coreset[["key", "round", "centroid", "similarity"]].reset_index(drop=True)
    named = nearest.rename(columns={"similarity": "target_similarity"})
    return picks.merge(named, left_index=True, right_on="row").drop(columns="row").reset_index(drop=True)


def pick_random(
    openset_embeddings: Embeddings,
    coreset: pd.DataFrame | None,
    excluded: pd.DataFrame,
    selection: SelectionParameters,
    settings: ArmParameters,
) -> pd.DataFrame:
    """Return a uniform draw of the open-set without what is excluded, as large as the coreset or of the arm's share."""
    budget = settings.ratio if coreset is None else len(coreset)
    drawn = select_random(openset_embeddings, budget=budget, exclude=_keys(excluded), seed=selection.seed)
    return _frame(drawn, openset_embeddings)


def draw_random(
    openset_embeddings: Embeddings, excluded: pd.DataFrame, selection: SelectionParameters, settings: ArmParameters
) -> pd.DataFrame:
    """Return `pick_random` of an arm with a share of its own."""
    return pick_random(openset_embeddings, None, excluded, selection, settings)
