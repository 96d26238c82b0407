"""Galleries of the report, and the picture of the first one for kedro-viz."""

from typing import Any

import numpy as np
import pandas as pd

from simcore.embeddings import Embeddings
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, ReportingParameters
from simcore.pipelines.arms import SELECTED, SINGLE, arms
from simcore.reporting import (
    Gallery,
    GalleryRow,
    arm_title,
    centroid_gallery,
    class_gallery,
    coresets_gallery,
    describe_overlap,
    draw_gallery,
    neighbour_gallery,
    picks_gallery,
    rounds_gallery,
    stop_gallery,
)
from simcore.selection import Clustering

DRAWN = "random"
"""The arm whose images stand beside the coreset's."""


def _stores(
    target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, shown: set[str], *, images: ImageParameters
) -> tuple[ImageStore, ImageStore]:
    """Return the images of X and those of the open-set that are shown."""
    target = target_manifest[target_manifest["split"] == "train"]
    openset = openset_manifest[openset_manifest["key"].isin(shown)]
    return ImageStore(target, cache_gib=images.cache_gib), ImageStore(openset, cache_gib=images.cache_gib)


def _by_centroid(
    coreset: pd.DataFrame,
    *,
    centroids: Clustering,
    target_embeddings: Embeddings,
    target_images: ImageStore,
    openset_images: ImageStore,
    reporting: ReportingParameters,
) -> list[GalleryRow]:
    return centroid_gallery(
        coreset,
        centroids=centroids.centroids,
        target_embeddings=target_embeddings.to_numpy(),
        target_keys=target_embeddings.keys(),
        target_images=target_images,
        openset_images=openset_images,
        n_centroids=reporting.gallery_centroids,
        n_picks=reporting.gallery_picks,
    )


def draw_gallery_picture(
    coreset: pd.DataFrame,
    centroids: Clustering,
    target_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    images: ImageParameters,
    reporting: ReportingParameters,
) -> bytes:
    """Return one PNG: a row a centroid, its nearest target images beside its first picks; of a given list its picks."""
    target_images, openset_images = _stores(target_manifest, openset_manifest, set(coreset["key"]), images=images)
    rows = _by_centroid(
        coreset,
        centroids=centroids,
        target_embeddings=target_embeddings,
        target_images=target_images,
        openset_images=openset_images,
        reporting=reporting,
    )
    # A given list has no centroids.
    return draw_gallery(rows or rounds_gallery(coreset, openset_images=openset_images))


def make_galleries(
    coresets: dict[str, pd.DataFrame],
    *,
    certificate: dict[str, Any],
    centroids: Clustering,
    target_embeddings: Embeddings,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    images: ImageParameters,
    reporting: ReportingParameters,
    single: pd.DataFrame | None,
) -> list[Gallery]:
    """Return the galleries of the page in reading order.

    Args:
        coresets: Of the arms that have one; that of `simcore` is what most of them show.
        certificate: Of that one; knows what the stop left out.
        centroids: Of X.
        target_embeddings: Of X.
        target_manifest: The target.
        openset_manifest: The open-set.
        images: Parameters of the images.
        reporting: How much is shown.
        single: The coreset of one centroid, whether or not its arm is compared; None where nothing was selected.
    """
    coreset, unkept = coresets[SELECTED], certificate.get("unkept") or {}
    random_keys = coresets[DRAWN]["key"].to_numpy() if DRAWN in coresets else np.empty(0, dtype=object)
    k = len(centroids.centroids)
    against = {} if single is None or k == 1 else {"k = 1": single, f"k = {k:,}": coreset}
    frames = [*coresets.values(), *against.values()]
    shown = {key for frame in frames for key in frame["key"]} | set(unkept.get("key", ()))
    target_images, openset_images = _stores(target_manifest, openset_manifest, shown, images=images)
    rows = _by_centroid(
        coreset,
        centroids=centroids,
        target_embeddings=target_embeddings,
        target_images=target_images,
        openset_images=openset_images,
        reporting=reporting,
    )
    found = [
        Gallery(
            "What each centroid picked",
            tuple(rows),
            caption="Centroids evenly spread from the one whose first pick is most similar to the one whose first pick "
            "is least similar. Below each image: cosine similarity to the centroid.",
        ),
        Gallery(
            "First and last rounds, and a random draw",
            tuple(rounds_gallery(coreset, openset_images=openset_images, random_keys=random_keys)),
            caption="Evenly spread picks of each round. Below each image: similarity to its centroid.",
        ),
        Gallery(
            "At the stop",
            tuple(stop_gallery(coreset, unkept, openset_images=openset_images)),
            caption="The last images that were kept beside the first that were left out. Below each image: similarity "
            "to its centroid.",
        ),
        *(
            Gallery(
                f"Picks by {title}",
                tuple(picks_gallery(coreset, openset_manifest, openset_images=openset_images, by=column)),
                caption=f"A row for each {title} of the open-set that has picks, most picks first.",
            )
            for column, title in (("label", "class"), ("source", "source"))
            if openset_manifest[column].nunique() > 1
        ),
    ]
    # The coreset that is shown need not be one of an arm that is compared.
    kinds = {SELECTED: "coreset", **{arm: settings.openset for arm, settings in arms().items()}}
    others = {arm: frame for arm, frame in coresets.items() if kinds[arm] == "coreset"}
    if against:
        found.append(
            Gallery(
                f"One centroid against {k:,}",
                tuple(coresets_gallery(against, openset_images=openset_images, alone=True)),
                caption=describe_overlap(against),
            )
        )
        others.pop(SINGLE, None)
    if len(others) > 1:
        titled = {arm_title(arm): frame for arm, frame in others.items()}
        found.append(
            Gallery(
                "Coresets side by side",
                tuple(coresets_gallery(titled, openset_images=openset_images)),
                caption="First, evenly spread and last picks of every arm with a coreset.",
            )
        )
    for arm in (arm for arm in coresets if kinds[arm] == "labels"):
        taken = openset_manifest[openset_manifest["key"].isin(coresets[arm]["key"])]
        found.append(
            Gallery(
                f"Classes of {arm_title(arm)}",
                tuple(class_gallery(taken, images=openset_images)),
                caption="Examples of the classes that a person chose by their labels.",
            )
        )
    neighbours = neighbour_gallery(
        {"nearest in X": target_embeddings.to_numpy()}, keys=target_embeddings.keys(), images=target_images
    )
    found.append(
        Gallery(
            "Nearest neighbours within X",
            tuple(neighbours),
            caption="Queries evenly spread over X. Below each image: cosine similarity to the query.",
        )
    )
    return [gallery for gallery in found if gallery.rows]
