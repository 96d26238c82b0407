"""Nodes of the stage `evaluation`: what a representation is worth on the target."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder, create_random_encoder
from simcore.devices import choose_device
from simcore.evaluation import (
    Outcome,
    encode_store,
    knn,
    label_free_records,
    linear_probe,
    pixel_features,
)
from simcore.evaluation.tables import Found, confusion_table, per_class_table
from simcore.images import ImageStore
from simcore.parameters import (
    ComparisonParameters,
    ImageParameters,
    KnnParameters,
    LinearParameters,
    PretrainingParameters,
    RuntimeParameters,
)
from simcore.pipelines.arms import GIVEN
from simcore.pipelines.evaluation.labels import (
    classes_of,
    mark_drawn_test,
    parts,
    warn_of_drawn_test,
    why_without_labels,
)
from simcore.pipelines.evaluation.linear import judge_augmented
from simcore.pipelines.evaluation.loading import identify

LOGGER = logging.getLogger(__name__)

Records = list[dict[str, Any]]
Represent = Callable[[ImageStore], np.ndarray]


@dataclass(frozen=True)
class _Settings:
    """What is measured and how; Kedro hands over parts of a group of parameters untyped."""

    linear: LinearParameters
    knn: KnnParameters
    seed: int
    images: ImageParameters
    runtime: RuntimeParameters

    @property
    def device(self) -> Any:
        return choose_device(self.runtime.device)


@dataclass(frozen=True, eq=False)
class _Target:
    """The target's images; where labels tell nothing `classes` is None, and all that is said needs no labels."""

    manifest: pd.DataFrame
    train: ImageStore
    test: ImageStore | None
    classes: tuple[str, ...] | None

    @classmethod
    def open(cls, target: pd.DataFrame, *, images: ImageParameters, labelled: bool) -> "_Target":
        train, test = parts(target)
        if not labelled and why_without_labels(target) is not None:
            return cls(target, ImageStore(train, cache_gib=images.cache_gib), None, None)
        classes = classes_of(target)
        train_store, test_store = (ImageStore(part, cache_gib=images.cache_gib) for part in (train, test))
        return cls(target, train_store, test_store, classes)


def _measure(
    represent: Represent,
    target: _Target,
    settings: _Settings,
    *,
    linear: Callable[[], Iterable[Outcome]] | None = None,
) -> tuple[list[Outcome], Records]:
    """Return outcomes and records of one representation: linear and kNN where X has labels, label-free always.

    Args:
        represent: Makes features of images.
        target: The images.
        settings: What is measured.
        linear: Evaluates a linear layer under augmentation, which leads; that on the features stands beside it.
    """
    train = represent(target.train)
    if target.test is None or target.classes is None:
        return [], label_free_records(train)
    test = represent(target.test)
    labelled = (train, target.train.labels, test, target.test.labels)
    cached = settings.linear.model_dump(include={"epochs", "batch_size", "learning_rates"})
    outcomes = [] if linear is None else list(linear())
    outcomes.append(
        linear_probe(*labelled, classes=target.classes, seed=settings.seed, device=settings.device, **cached)
    )
    outcomes += knn(*labelled, classes=target.classes, ks=settings.knn.neighbours, device=settings.device)
    outcomes = [mark_drawn_test(outcome, target.manifest) for outcome in outcomes]
    return outcomes, [record for outcome in outcomes for record in outcome.records()] + label_free_records(test)


def _encode(encoder: Encoder, settings: _Settings) -> Represent:
    return lambda store: encode_store(
        encoder,
        store,
        image_size=encoder.card.image_size,
        resize_ratio=settings.images.eval_resize_ratio,
        device=settings.device,
    )


def _evaluate(
    encoders: Mapping[int, Encoder], target: _Target, settings: _Settings, *, arm: str
) -> tuple[Records, pd.DataFrame, pd.DataFrame]:
    """Return records, per-class table and confusions of the encoders of an arm."""
    records: Records = []
    found: list[Found] = []
    for seed, encoder in encoders.items():
        linear = None
        if settings.linear.features == "augmented" and target.test is not None and target.classes is not None:
            linear = judge_augmented(
                encoder,
                target.train,
                target.test,
                classes=target.classes,
                linear=settings.linear,
                images=settings.images,
                runtime=settings.runtime,
                evaluation="linear",
                arm=arm,
                encoder_seed=seed,
                seed=settings.seed,
                sources=parts(target.manifest)[1]["source"].unique(),
            )
        outcomes, measured = _measure(_encode(encoder, settings), target, settings, linear=linear)
        records += [{**identify(encoder, arm=arm, seed=seed), **record} for record in measured]
        found += [(arm, seed, outcome) for outcome in outcomes]
    tell(records)
    return records, per_class_table(found), confusion_table(found)


def tell(records: Records) -> None:
    """Log the accuracies."""
    for record in records:
        if record["metric"] in ("top1", "mean_per_class"):
            LOGGER.info(
                "%s, seed %s: %s %s %.3f (%s)",
                record["arm"],
                record["seed"],
                record["evaluation"],
                record["metric"],
                record["value"],
                record["protocol"],
            )


def evaluate_arm(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    linear: Any,
    neighbours: Any,
    seed: int,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[Records, pd.DataFrame, pd.DataFrame]:
    """Return the metric records of an arm, one encoder a seed, with its accuracy by class and its confusions.

    A target without labels, without test images or of one class gets measures that need no labels, unless an encoder
    was given to be evaluated: then that is an error.
    """
    settings = _settings(linear, neighbours, seed, images, runtime)
    if arm == GIVEN:
        warn_of_drawn_test(target_manifest)
    target = _Target.open(target_manifest, images=images, labelled=arm == GIVEN)
    return _evaluate(encoders, target, settings, arm=arm)


def _settings(
    linear: Any, neighbours: Any, seed: int, images: ImageParameters, runtime: RuntimeParameters
) -> _Settings:
    return _Settings(
        LinearParameters.model_validate(linear), KnnParameters.model_validate(neighbours), seed, images, runtime
    )


def evaluate_references(
    target_manifest: pd.DataFrame,
    image_size: dict[str, Any],
    images: ImageParameters,
    linear: Any,
    neighbours: Any,
    seed: int,
    pretraining: PretrainingParameters,
    comparison: ComparisonParameters,
    runtime: RuntimeParameters,
) -> Records:
    """Return the same records for raw pixels and for the arms' encoder before any training.

    Pixels have no encoder that sees crops: they have a linear layer on the cached features alone. What is to be said of
    the target once, for all arms, is said here.
    """
    side = image_size["image_size"]
    settings = _settings(linear, neighbours, seed, images, runtime)
    warn_of_drawn_test(target_manifest)
    why = why_without_labels(target_manifest)
    if why is not None:
        LOGGER.warning("%s: no accuracy is measured, only what needs no labels.", why)
    target = _Target.open(target_manifest, images=images, labelled=False)

    def pixels(store: ImageStore) -> np.ndarray:
        return pixel_features(store, image_size=side, resize_ratio=images.eval_resize_ratio)

    _, measured = _measure(pixels, target, settings)
    records = [{"arm": "pixels", "seed": None, **record} for record in measured]
    untrained = {
        each: create_random_encoder(pretraining.backbone, image_size=side, seed=each) for each in comparison.seeds
    }
    return records + _evaluate(untrained, target, settings, arm="random_network")[0]
