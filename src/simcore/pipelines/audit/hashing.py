"""The node that hashes a pool. By itself, so that nothing but hashing makes it run again."""

import pandas as pd

from simcore.audit.hashes import Hashes, hash_images
from simcore.workspace import work_directory


def hash_pool(manifest: pd.DataFrame) -> Hashes:
    """Return the hashes of a pool's images; an interrupted run goes on where it was."""
    return hash_images(manifest, work_directory() / "hashes", show_progress=True)
