"""Nodes of the stage `pretraining`: one arm's training set, and its encoders, one a seed."""

from typing import Any

import pandas as pd

from simcore.backbones import Encoder
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, PretrainingParameters, RuntimeParameters
from simcore.pipelines.training import train_encoder
from simcore.tracking import reporter


def _qualify(manifest: pd.DataFrame, *, pool: str) -> pd.DataFrame:
    """Return `manifest` with keys that stay unique when pools are joined."""
    return manifest.assign(key=pool + ":" + manifest["key"])


def take_target(target_manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the training set of the arm X: the target's training images."""
    return _qualify(target_manifest[target_manifest["split"] == "train"], pool="target").reset_index(drop=True)


def join_coreset(target_manifest: pd.DataFrame, openset_manifest: pd.DataFrame, coreset: pd.DataFrame) -> pd.DataFrame:
    """Return the training set of an arm X + coreset: every image once, as in the paper (X is not up-weighted)."""
    unknown = coreset.loc[~coreset["key"].isin(openset_manifest["key"]), "key"]
    if len(unknown):
        raise InputError(
            f"{len(unknown)} of {len(coreset)} coreset keys are not in the open-set's manifest, the first is "
            f"{unknown.iloc[0]!r}; embeddings and images must use the same keys."
        )
    picked = openset_manifest[openset_manifest["key"].isin(coreset["key"])]
    joined = pd.concat([take_target(target_manifest), _qualify(picked, pool="openset")])
    return joined.sort_values("key", ignore_index=True)


def pretrain_arm(
    training_set: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[dict[int, Encoder], pd.DataFrame]:
    """Return the arm's encoders by seed and their curves."""
    store = ImageStore(training_set, side=2 * image_size["image_size"], cache_gib=images.cache_gib)
    encoders, curves = {}, []
    for seed in pretraining.seeds:
        encoders[seed], curve = train_encoder(
            store,
            image_size=image_size,
            training=pretraining,
            runtime=runtime,
            seed=seed,
            reporter=reporter(arm=arm, seed=seed),
            description=f"pretrain {arm}, seed {seed}",
        )
        curves.append(curve.assign(arm=arm, seed=seed))
    return encoders, pd.concat(curves, ignore_index=True)
