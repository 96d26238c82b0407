"""What active learning asked for, as galleries for the picture, the page and the report."""

from collections.abc import Iterable, Mapping

import pandas as pd

from simcore.images import ImageStore
from simcore.parameters import ImageParameters
from simcore.reporting import Gallery, GalleryRow, arm_title
from simcore.reporting.query_gallery import query_gallery


def open_shown(manifest: pd.DataFrame, keys: Iterable[str], *, images: ImageParameters) -> ImageStore:
    """Return the images of these keys."""
    shown = manifest[manifest["key"].isin(set(keys))].reset_index(drop=True)
    return ImageStore(shown, cache_gib=images.cache_gib)


def show_queries(
    asked_by: Mapping[str, pd.DataFrame], target_manifest: pd.DataFrame, *, images: ImageParameters, n_images: int
) -> list[Gallery]:
    """Return a gallery for each arm's table of queries."""
    found = []
    for arm, asked in asked_by.items():
        rows: list[GalleryRow] = query_gallery(
            asked, images=open_shown(target_manifest, asked["key"], images=images), n_images=n_images
        )
        title = f"Asked for with {arm_title(arm)}"
        caption = "Evenly spread images of every round in the order of asking. Below each image: its label."
        found.append(Gallery(title, tuple(rows), caption=caption))
    return found
