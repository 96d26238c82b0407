"""Nodes of the pipeline `audit`: what else is a copy of what, counts, a gallery."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from simcore.audit import (
    COPIES,
    OPENSET,
    TARGET,
    Hashes,
    duplicates_table,
    find_duplicates,
    find_similar,
    join_tables,
    no_duplicates,
    probe_hashed,
    probe_images,
    summarise,
)
from simcore.backbones import Encoder
from simcore.devices import choose_device
from simcore.embeddings import Embeddings
from simcore.embeddings.extraction import extract
from simcore.images import ImageStore
from simcore.parameters import EmbeddingParameters, ImageParameters, RuntimeParameters
from simcore.pipelines.audit.screening import rows_of
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

PICKING_ARMS = ("simcore", "random")


def find_repeats(
    target_hashes: Hashes,
    openset_hashes: Hashes,
    target_manifest: pd.DataFrame,
    coreset: pd.DataFrame | None,
    coreset_random: pd.DataFrame | None,
    hamming: int,
    correlation: float,
    pairs_per_image: int,
) -> pd.DataFrame:
    """Return the train images of X that are copies of its test images, and the picks that repeat other picks."""
    settings: dict[str, Any] = {
        "hamming": hamming,
        "correlation": correlation,
        "pairs_per_image": pairs_per_image,
        "show_progress": True,
    }
    tables = [no_duplicates()]
    test, train = rows_of(target_manifest, "test"), rows_of(target_manifest, "train")
    if len(test):
        probes = probe_images(target_manifest, test)
        pairs = find_duplicates(target_hashes, target_hashes, probes, left_rows=train, right_rows=test, **settings)
        tables.append(
            duplicates_table(
                pairs,
                left_pool=TARGET,
                left_keys=target_hashes.keys_at,
                right_pool=TARGET,
                right_keys=target_hashes.keys_at,
                split="test",
            )
        )
    for picks in (coreset, coreset_random):
        if picks is None:
            continue
        rows = openset_hashes.positions(picks["key"])
        probes = probe_hashed(openset_hashes, rows)
        pairs = find_duplicates(
            openset_hashes, openset_hashes, probes, left_rows=rows, right_rows=rows, within=True, **settings
        )
        keys_at = openset_hashes.keys_at
        tables.append(
            duplicates_table(pairs, left_pool=OPENSET, left_keys=keys_at, right_pool=OPENSET, right_keys=keys_at)
        )
    return join_tables(*tables)


def find_alike(
    openset_embeddings: Embeddings | None,
    target_embeddings: Embeddings | None,
    retrieval_encoder: Encoder | None,
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    cosine: float | None,
    pairs_per_image: int,
    images: ImageParameters,
    embedding: EmbeddingParameters,
    runtime: RuntimeParameters,
) -> pd.DataFrame:
    """Return the images of the open-set that the retrieval encoder can hardly tell from target images.

    Embeddings are used as they are; those of the test images, which no other stage needs, are made here. Where there
    are none that hold, or `cosine` is null, nothing is compared.
    """
    if cosine is None or openset_embeddings is None or target_embeddings is None:
        LOGGER.info(
            "Embeddings are not compared: %s.", "`audit.cosine` is null" if cosine is None else "there are none"
        )
        return no_duplicates()
    known = {"train": target_embeddings}
    test = target_manifest[target_manifest["split"] == "test"]
    if retrieval_encoder is None or retrieval_encoder.fingerprint != openset_embeddings.metadata.get("encoder"):
        LOGGER.warning("The embeddings come from elsewhere: the target's test images are compared by hashes alone.")
    elif len(test):
        known["test"] = extract(
            retrieval_encoder,
            ImageStore(test.reset_index(drop=True), cache_gib=images.cache_gib),
            work_directory() / "test_embeddings",
            image_size=image_size["image_size"],
            resize_ratio=images.eval_resize_ratio,
            batch_size=embedding.batch_size,
            rows_per_shard=embedding.rows_per_shard,
            device=choose_device(runtime.device),
        )
    tables = [no_duplicates()]
    for split, rows in known.items():
        pairs = find_similar(
            openset_embeddings, rows.to_numpy(), cosine=cosine, pairs_per_image=pairs_per_image, show_progress=True
        )
        tables.append(
            duplicates_table(
                pairs,
                left_pool=OPENSET,
                left_keys=openset_embeddings.keys_at,
                right_pool=TARGET,
                right_keys=rows.keys_at,
                split=split,
            )
        )
    return join_tables(*tables)


def join_duplicates(
    leaks: pd.DataFrame,
    repeats: pd.DataFrame,
    alike: pd.DataFrame,
    coreset: pd.DataFrame | None,
    coreset_random: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return all pairs in one table, with the arms that picked the left image, such as `random+simcore`."""
    joined = join_tables(leaks, repeats, alike)
    arms = np.full(len(joined), "", dtype=object)
    of_pool = (joined["left_pool"] == OPENSET).to_numpy()
    for arm, picks in zip(PICKING_ARMS, (coreset, coreset_random), strict=True):
        if picks is not None:
            picked = of_pool & joined["left_key"].isin(picks["key"]).to_numpy()
            arms = np.where(picked, np.where(arms == "", arm, arms + "+" + arm), arms)
    return joined.assign(picked_by=pd.Series(arms, dtype="str"))


def count_duplicates(
    duplicates: pd.DataFrame,
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    coreset: pd.DataFrame | None,
    coreset_random: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    """Return the counts of every arm as metric records; arms whose picks are not there or do not hold are left out."""
    picks = {"x": pd.Series(dtype="str")}
    picks |= {
        arm: table["key"]
        for arm, table in zip(PICKING_ARMS, (coreset, coreset_random), strict=True)
        if table is not None
    }
    splits = target_manifest["split"].value_counts()
    records = summarise(
        duplicates,
        picks=picks,
        n_openset=int((openset_manifest["split"] == "train").sum()),
        n_train=int(splits.get("train", 0)),
        n_test=int(splits.get("test", 0)),
    )
    for record in records:
        if record["protocol"] == COPIES:
            LOGGER.info("%s: %s %d of %d", record["arm"], record["metric"], record["value"], record["n"])
    return records
