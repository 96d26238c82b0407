"""Training sets of the arms: tables of images with keys that stay unique when pools are joined."""

from collections.abc import Iterable

import pandas as pd

from simcore.errors import InputError
from simcore.exporting.lists import read_list, resolve_list
from simcore.pipelines.origins import OPENSET, TARGET

_KEYS_SHOWN = 10


def _qualify(manifest: pd.DataFrame, *, pool: str) -> pd.DataFrame:
    return manifest.assign(key=pool + ":" + manifest["key"])


def target_part(target_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return X as a training set: the target's training images."""
    return _qualify(target_manifest[target_manifest["split"] == "train"], pool=TARGET).reset_index(drop=True)


def join(target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, picked: Iterable[str]) -> pd.DataFrame:
    """Return X with the open-set's images `picked`: every image once, as in the paper (X is not up-weighted).

    Raises:
        InputError: If a picked key is not in the open-set.
    """
    keys = pd.Index(list(picked), dtype=object)
    unknown = keys[~keys.isin(openset_manifest["key"])]
    if len(unknown):
        shown = ", ".join(repr(key) for key in unknown[:_KEYS_SHOWN])
        more = f" and {len(unknown) - _KEYS_SHOWN:,} more" if len(unknown) > _KEYS_SHOWN else ""
        raise InputError(
            f"{len(unknown):,} of {len(keys):,} coreset keys are not in the open-set's manifest: {shown}{more}; "
            "embeddings, lists and images must use the same keys."
        )
    chosen = _qualify(openset_manifest[openset_manifest["key"].isin(keys)], pool=OPENSET)
    return pd.concat([target_part(target_manifest), chosen]).sort_values("key", ignore_index=True)


def without_excluded(openset_manifest: pd.DataFrame, excluded: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of the open-set that may be used; all of them where nothing is said to be excluded."""
    if excluded is None:
        return openset_manifest
    return openset_manifest[~openset_manifest["key"].isin(excluded["key"])]


def check_given(training_set: pd.DataFrame, openset_manifest: pd.DataFrame, given: str) -> None:
    """Raise unless the open-set's part of a training set is the list `given`.

    Raises:
        InputError: If it is another one: the catalog reads the list, and knows it from the command line alone.
    """
    listed = resolve_list(read_list(given), openset_manifest, path=given)
    if set(listed["key"]) != set(openset_keys(training_set["key"])):
        raise InputError(
            f"`pretraining.coreset` is {given}, but the training set has other images: give the list on the command "
            "line, kedro run --params pretraining.coreset=<file>, and let the stage run as a whole."
        )


def is_target(training_set: pd.DataFrame) -> pd.Series:
    """Return which rows of a training set are images of X."""
    return training_set["key"].str.startswith(f"{TARGET}:")


def openset_keys(keys: Iterable[str]) -> list[str]:
    """Return the open-set's own keys among those of a training set.

    Example:
        >>> openset_keys(["openset:a.png", "target:a.png"])
        ['a.png']
    """
    start = f"{OPENSET}:"
    return [key.removeprefix(start) for key in keys if key.startswith(start)]
