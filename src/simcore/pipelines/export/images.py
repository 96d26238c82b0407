"""Which images an export holds: tables of rows with the facts of their selection."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from simcore.errors import InputError
from simcore.exporting import read_list, resolve_list
from simcore.exporting.lists import LIST_COLUMNS
from simcore.pipelines.pretraining.training_sets import OPENSET, TARGET
from simcore.reuse.records import read_stored_table

Made = dict[str, dict[str, Any]]
"""The newest record of every artefact, by dataset name."""

_MANIFEST = ("key", "uri", "label", "split", "source")
_FACTS = ("round", "centroid", "similarity")


def stored_path(made: Made, dataset: str) -> Path:
    """Return where the newest version of an artefact lies.

    Raises:
        InputError: If there is none.
    """
    if dataset not in made:
        raise InputError(
            f"There is no `{dataset}` yet: run `kedro run` first, or say with --params data_root=<folder> where it ran."
        )
    version = Path(made[dataset]["path"])
    return version / version.parent.name


def chosen_images(made: Made, what: str, *, given: str | None) -> pd.DataFrame:
    """Return the images called `what`, in order: X by key, then picks as they were picked.

    Columns are those of a list, see `simcore.exporting.LIST_COLUMNS`; `label` is left out unless every image has one.
    Keys of X + picks start with the pool and a `/`.

    Args:
        made: The newest records.
        what: `coreset`, `random`, `target`, `x_coreset` or `x_random`.
        given: A list that stands for the coreset, as in `pretraining.coreset`.

    Raises:
        InputError: If what is needed is not made yet, or the images are not in the manifest.
        ArtefactError: If it is not what was written.
    """
    picked = what.removeprefix("x_")
    if picked == "target":
        return _finish(_target(made))
    picks = _picks(made, picked, given=given if picked == "coreset" else None)
    if picked == what:
        return _finish(picks)
    return _finish(pd.concat([_below(_target(made), TARGET), _below(picks, OPENSET)], ignore_index=True))


def _target(made: Made) -> pd.DataFrame:
    path = stored_path(made, "target_manifest")
    target = read_stored_table(path, columns=_MANIFEST, where=pc.field("split") == "train")
    return target.sort_values("key", ignore_index=True)


def _picks(made: Made, name: str, *, given: str | None) -> pd.DataFrame:
    manifest = stored_path(made, "openset_manifest")
    if given is not None:
        rows = resolve_list(read_list(given), read_stored_table(manifest, columns=_MANIFEST), path=given)
        return rows.assign(**dict.fromkeys(_FACTS))
    chosen = stored_path(made, "coreset_simcore" if name == "coreset" else "coreset_random")
    picks = read_stored_table(chosen, columns=("key", *_FACTS))
    rows = read_stored_table(manifest, columns=_MANIFEST, where=pc.field("key").isin(picks["key"].tolist()))
    joined = picks.merge(rows, on="key", how="left", validate="one_to_one")
    lost = joined["uri"].isna()
    if lost.any():
        raise InputError(
            f"{int(lost.sum())} of the {len(joined)} picked images are not in the newest manifest of the open-set, the "
            f"first is {joined['key'][lost].iloc[0]!r}; run the selection on this open-set first."
        )
    return joined


def _below(images: pd.DataFrame, pool: str) -> pd.DataFrame:
    return images.assign(key=f"{pool}/" + images["key"])


def _finish(images: pd.DataFrame) -> pd.DataFrame:
    images = images.reindex(columns=list(LIST_COLUMNS))
    # As integers that may be missing: X has no round.
    images = images.astype({"round": "Int64", "centroid": "Int64", "similarity": "Float64"})
    return images.drop(columns="label") if images["label"].isna().any() else images
