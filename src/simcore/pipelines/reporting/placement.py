"""Node that draws where target, open-set and coreset lie in the feature space."""

import logging

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from simcore.embeddings import Embeddings
from simcore.errors import InputError
from simcore.parameters import ReportingParameters
from simcore.reporting import (
    feature_figure,
    map_features,
    nearest_similarity,
    ring_figure,
    say_instead,
    similarity_figure,
)
from simcore.selection import Clustering

LOGGER = logging.getLogger(__name__)


def _rows(embeddings: Embeddings, keys: pd.Series, *, most: int, generator: np.random.Generator) -> np.ndarray:
    """Return the embeddings of the images `keys`, of more than `most` a sample, in their order."""
    places = np.flatnonzero(pd.Index(embeddings.keys()).isin(keys))
    if len(places) > most:
        places = np.sort(generator.choice(places, most, replace=False))
    return embeddings.take(places)


def draw_placement(
    coreset: pd.DataFrame,
    centroids: Clustering,
    target_embeddings: Embeddings,
    openset_embeddings: Embeddings,
    reporting: ReportingParameters,
    coreset_random: pd.DataFrame | None = None,
) -> tuple[go.Figure, go.Figure, go.Figure]:
    """Return the map of features, its densities on the unit ring, and the similarities to the nearest centroid."""
    most, generator = reporting.mapped_images, np.random.default_rng(reporting.map_seed)
    x = _rows(target_embeddings, pd.Series(target_embeddings.keys()), most=most, generator=generator)
    sample = _rows(openset_embeddings, pd.Series(openset_embeddings.keys()), most=most, generator=generator)
    picks = _rows(openset_embeddings, coreset["key"], most=most, generator=generator)
    sets = {"openset": sample, "simcore": picks}
    if coreset_random is not None:
        sets["random"] = _rows(openset_embeddings, coreset_random["key"], most=most, generator=generator)
    similarities = {name: nearest_similarity(rows, centroids.centroids) for name, rows in sets.items()}
    similarity = similarity_figure(similarities)
    try:
        features = map_features(x, sample, picks, seed=reporting.map_seed)
    except InputError as error:
        # Too few images, or an encoder that sees them all alike: the rest of the report holds.
        LOGGER.warning("No map of the features: %s", error)
        nothing = say_instead(f"No map of the features: {error}")
        return nothing, nothing, similarity
    return feature_figure(features), ring_figure(features), similarity
