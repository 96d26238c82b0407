"""The node that finds copies of target images. By itself, since what it finds can decide what is selected."""

import logging

import numpy as np
import pandas as pd

from simcore.audit.hashes import Hashes
from simcore.audit.perceptual import probe_images
from simcore.audit.searching import find_duplicates
from simcore.audit.table import OPENSET, TARGET, duplicates_table, join_tables, no_duplicates

LOGGER = logging.getLogger(__name__)


def rows_of(manifest: pd.DataFrame, split: str) -> np.ndarray:
    """Return the positions of a split's images in a manifest, which are those of its hashes."""
    return np.flatnonzero((manifest["split"] == split).to_numpy())


def find_leaks(  # noqa: PLR0917 (a node takes what the catalog gives it, by position)
    target_hashes: Hashes,
    openset_hashes: Hashes,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    hamming: int,
    correlation: float,
    pairs_per_image: int,
) -> pd.DataFrame:
    """Return the images of the open-set that are copies of target images, of its test and of its train part."""
    tables = [no_duplicates()]
    for split in ("test", "train"):
        rows = rows_of(target_manifest, split)
        if len(rows) == 0:
            continue
        pairs = find_duplicates(
            openset_hashes,
            target_hashes,
            probe_images(target_manifest, rows),
            left_rows=rows_of(openset_manifest, "train"),
            right_rows=rows,
            hamming=hamming,
            correlation=correlation,
            pairs_per_image=pairs_per_image,
            show_progress=True,
        )
        tables.append(
            duplicates_table(
                pairs,
                left_pool=OPENSET,
                left_keys=openset_hashes.keys_at,
                right_pool=TARGET,
                right_keys=target_hashes.keys_at,
                split=split,
            )
        )
    leaks = join_tables(*tables)
    for part in ("test", "train"):
        n_found = leaks.loc[leaks["split"] == part, "left_key"].nunique()
        LOGGER.info("%d images of the open-set are copies of the target's %s images.", n_found, part)
    return leaks
