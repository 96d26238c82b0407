"""The gallery of pairs, for the picture and for the report."""

import pandas as pd

from simcore.audit.table import OPENSET, TARGET
from simcore.images import ImageStore
from simcore.parameters import ImageParameters
from simcore.reporting import GalleryRow, choose_pairs, draw_gallery, draw_sentence, pair_gallery


def show_pairs(
    duplicates: pd.DataFrame,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    *,
    images: ImageParameters,
    n_pairs: int,
) -> list[GalleryRow]:
    """Return the rows of the gallery of pairs; only the images that it shows are decoded."""
    chosen = choose_pairs(duplicates, n_pairs=n_pairs)
    stores = {}
    for pool, manifest in ((TARGET, target_manifest), (OPENSET, openset_manifest)):
        shown = [
            *chosen.loc[chosen["left_pool"] == pool, "left_key"],
            *chosen.loc[chosen["right_pool"] == pool, "right_key"],
        ]
        part = manifest[manifest["key"].isin(shown)].reset_index(drop=True)
        stores[pool] = ImageStore(part, cache_gib=images.cache_gib)
    return pair_gallery(chosen, stores=stores)


def draw_duplicates(
    duplicates: pd.DataFrame,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    images: ImageParameters,
    gallery_pairs: int,
) -> bytes:
    """Return one PNG of pairs side by side, evenly spread from the strongest to the weakest of every kind."""
    rows = show_pairs(duplicates, target_manifest, openset_manifest, images=images, n_pairs=gallery_pairs)
    return draw_gallery(rows) if rows else draw_sentence("No duplicates were found.")
