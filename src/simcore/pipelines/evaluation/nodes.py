"""Nodes of the stage `evaluation`: what a representation is worth on the target."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder, create_random_encoder
from simcore.devices import choose_device
from simcore.evaluation import encode_store, knn, label_free_records, linear_probe, pixel_features
from simcore.images import ImageStore
from simcore.parameters import EvaluationParameters, ImageParameters, PretrainingParameters, RuntimeParameters

Represent = Callable[[ImageStore], np.ndarray]


def _measure(
    represent: Represent, target: pd.DataFrame, *, images: ImageParameters, evaluation: EvaluationParameters
) -> list[dict[str, Any]]:
    """Return the metric records of one representation: linear and kNN where X has labels, label-free always."""
    train, test = (target[target["split"] == split] for split in ("train", "test"))
    train_features = represent(ImageStore(train, cache_gib=images.cache_gib))
    if target["label"].isna().any() or test.empty:
        return label_free_records(train_features)
    test_features = represent(ImageStore(test, cache_gib=images.cache_gib))
    labelled = (train_features, train["label"].to_numpy(), test_features, test["label"].to_numpy())
    classes = sorted(target["label"].unique())
    return [
        *linear_probe(*labelled, classes=classes, seed=evaluation.seed),
        *knn(*labelled, classes=classes, ks=evaluation.knn.neighbours),
        *label_free_records(test_features),
    ]


def _encode(encoder: Encoder, *, side: int, images: ImageParameters, runtime: RuntimeParameters) -> Represent:
    return lambda store: encode_store(
        encoder,
        store,
        image_size=side,
        resize_ratio=images.eval_resize_ratio,
        device=choose_device(runtime.device),
    )


def evaluate_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    evaluation: EvaluationParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> list[dict[str, Any]]:
    """Return the metric records of an arm: one encoder a seed."""
    side = image_size["image_size"]
    return [
        {"arm": arm, "seed": seed, **record}
        for seed, encoder in encoders.items()
        for record in _measure(
            _encode(encoder, side=side, images=images, runtime=runtime),
            target_manifest,
            images=images,
            evaluation=evaluation,
        )
    ]


def evaluate_references(
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    evaluation: EvaluationParameters,
    pretraining: PretrainingParameters,
    runtime: RuntimeParameters,
) -> list[dict[str, Any]]:
    """Return the same records for raw pixels and for the arms' encoder before any training."""
    side = image_size["image_size"]

    def pixels(store: ImageStore) -> np.ndarray:
        return pixel_features(store, image_size=side, resize_ratio=images.eval_resize_ratio)

    records = [
        {"arm": "pixels", "seed": None, **record}
        for record in _measure(pixels, target_manifest, images=images, evaluation=evaluation)
    ]
    for seed in pretraining.seeds:
        encoder = create_random_encoder(pretraining.backbone, image_size=side, seed=seed)
        represent = _encode(encoder, side=side, images=images, runtime=runtime)
        measured = _measure(represent, target_manifest, images=images, evaluation=evaluation)
        records += [{"arm": "random_network", "seed": seed, **record} for record in measured]
    return records
