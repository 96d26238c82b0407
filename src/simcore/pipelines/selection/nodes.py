"""Nodes of the stage `selection`: the coreset, and the random draw it is held against."""

from typing import Any

import pandas as pd

from simcore.embeddings import Embeddings
from simcore.errors import InputError
from simcore.parameters import SelectionParameters
from simcore.selection import Clustering, Selection, StopRule, nearest_targets, select_coreset, select_random


def _frame(selection: Selection, openset_embeddings: Embeddings) -> pd.DataFrame:
    """Return the selection as a table; its source is the name kept with the embeddings, else their folder's."""
    name = openset_embeddings.metadata.get("source") or openset_embeddings.directory.name
    return selection.with_source(str(name)).coreset_frame()


def pick_coreset(
    centroids: Clustering, openset_embeddings: Embeddings, selection: SelectionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Return the coreset, its trace, its certificate and a table by centroid."""
    stop = None
    if selection.tau is not None:
        stop = StopRule(
            threshold=selection.tau,
            reference_round=selection.reference_round,
            keep_failing_round=selection.keep_failing_round,
        )
    picked = select_coreset(
        centroids.centroids,
        openset_embeddings,
        budget=selection.budget,
        stop=stop,
        n_target=int(centroids.sizes.sum()),
        truncate=selection.truncate,
        seed=selection.seed,
        show_progress=True,
    )
    if len(picked) == 0:
        raise InputError(
            f"No image was selected (stopped by {picked.stopped_by}); lower `selection.tau` or raise "
            "`selection.budget`."
        )
    return _frame(picked, openset_embeddings), picked.trace, picked.certificate.to_dict(), picked.by_centroid()


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


def pick_random(openset_embeddings: Embeddings, coreset: pd.DataFrame, selection: SelectionParameters) -> pd.DataFrame:
    """Return a uniform draw of the open-set, as large as the coreset."""
    return _frame(select_random(openset_embeddings, budget=len(coreset), seed=selection.seed), openset_embeddings)
