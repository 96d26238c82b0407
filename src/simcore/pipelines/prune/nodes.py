"""Node of the pipeline `prune`."""

import logging
from pathlib import Path

import pandas as pd

from simcore.parameters import PruneParameters, RuntimeParameters
from simcore.reuse.pruning import Superfluous, find_superfluous, remove

LOGGER = logging.getLogger(__name__)

_MIB = 2**20


def prune_root(prune: PruneParameters, runtime: RuntimeParameters) -> pd.DataFrame:
    """Return and log old versions and forgotten work below the data root; remove them where that is asked for."""
    found = find_superfluous(Path(prune.root), work=Path(runtime.work_dir), keep=prune.keep, work_days=prune.work_days)
    for each in found:
        if prune.remove:
            remove(each)
        word = "removed" if prune.remove else "superfluous"
        LOGGER.info("%s  %s: %s, %.1f MiB", word, each.path, each.reason, each.bytes / _MIB)
    total = sum(each.bytes for each in found) / _MIB
    if not found:
        LOGGER.info("Nothing is superfluous.")
    elif prune.remove:
        LOGGER.info("%d folders removed, %.1f MiB.", len(found), total)
    else:
        LOGGER.info("%d folders, %.1f MiB; --params prune.remove=true removes them.", len(found), total)
    return pd.DataFrame(
        [vars(each) | {"path": str(each.path)} for each in found], columns=list(Superfluous.__dataclass_fields__)
    )
