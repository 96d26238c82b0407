"""Nodes of the stage `selection`: the coreset, and the random draw it is held against."""

from typing import Any

import pandas as pd

from simcore.embeddings import Embeddings
from simcore.errors import InputError
from simcore.parameters import SelectionParameters
from simcore.selection import Clustering, StopRule, select_coreset, select_random


def _with_source(coreset: pd.DataFrame, openset_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the coreset with the source of every pick, in order of selection."""
    sources = openset_manifest.set_index("key")["source"]
    return coreset.assign(source=sources.reindex(coreset["key"]).to_numpy())


def pick_coreset(
    centroids: Clustering,
    openset_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    selection: SelectionParameters,
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
        n_target=int((target_manifest["split"] == "train").sum()),
        truncate=selection.truncate,
        seed=selection.seed,
        show_progress=True,
    )
    if len(picked.indices) == 0:
        raise InputError(
            f"No image was selected (stopped by {picked.stopped_by}); lower `selection.tau` or raise "
            "`selection.budget`."
        )
    certificate = {**picked.certificate.to_dict(), "stopped_by": picked.stopped_by}
    coreset = _with_source(picked.coreset_frame(), openset_manifest)
    return coreset, picked.trace, certificate, picked.by_centroid()


def pick_random(
    openset_embeddings: Embeddings,
    coreset: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    selection: SelectionParameters,
) -> pd.DataFrame:
    """Return a uniform draw of the open-set, as large as the coreset."""
    drawn = select_random(openset_embeddings, budget=len(coreset), seed=selection.seed)
    return _with_source(drawn.coreset_frame(), openset_manifest)
