"""Nodes of the pipeline `attributes`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder
from simcore.devices import choose_device
from simcore.evaluation import (
    Outcome,
    add_deflated_mean,
    attribute_columns,
    encode_store,
    linear_probe,
)
from simcore.images import ImageStore
from simcore.parameters import AttributesParameters, ImageParameters, LinearParameters, RuntimeParameters
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import judge_augmented
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell

_DEFLATED_BY = {"manufacturer": "variant", "family": "variant"}
"""Attributes whose published means fit a division by the number of classes of another column."""


def evaluate_attributes(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    images: ImageParameters,
    attributes: AttributesParameters,
    linear: Any,
    seed: int,
    runtime: RuntimeParameters,
    arm: str,
) -> list[dict[str, Any]]:
    """Return the metric records of linear evaluation on each label column; images without that label are left out.

    On cached features always, and before that under augmentation where `evaluation.linear` asks for it.

    Means divide by the classes that the test images have; for coarse labels of aircraft the published way, which
    divides by the number of variants, stands beside.
    """
    settings = LinearParameters.model_validate(linear)
    wanted = None if attributes.columns == "auto" else attributes.columns
    columns = attribute_columns(target_manifest, wanted=wanted)
    # All of them are looked at before anything is trained.
    classes = {column: classes_of(_labelled_by(target_manifest, column), column=column) for column in columns}
    warn_of_drawn_test(target_manifest)
    records: list[dict[str, Any]] = []
    for encoder_seed, encoder in encoders.items():
        features = _encode(encoder, target_manifest, images=images, runtime=runtime)
        for column in columns:
            train, test = parts(_labelled_by(target_manifest, column))
            how: dict[str, Any] = {"classes": classes[column], "evaluation": f"attribute_{column}", "seed": seed}
            outcomes = []
            if settings.features == "augmented":
                outcomes = judge_augmented(
                    encoder,
                    ImageStore(train, cache_gib=images.cache_gib),
                    ImageStore(test, cache_gib=images.cache_gib),
                    linear=settings,
                    images=images,
                    runtime=runtime,
                    arm=arm,
                    encoder_seed=encoder_seed,
                    sources=test["source"].unique(),
                    **how,
                )()
            outcomes.append(
                linear_probe(
                    features.rows(train["key"]),
                    train["label"].tolist(),
                    features.rows(test["key"]),
                    test["label"].tolist(),
                    device=choose_device(runtime.device),
                    **settings.model_dump(include={"epochs", "batch_size", "learning_rates"}),
                    **how,
                )
            )
            for outcome in outcomes:
                told = mark_drawn_test(_deflate(outcome, target_manifest, column), target_manifest)
                records += [{**identify(encoder, arm=arm, seed=encoder_seed), **record} for record in told.records()]
    tell(records)
    return records


@dataclass(frozen=True, eq=False)
class _Features:
    """Features of all images by key."""

    keys: pd.Index
    features: np.ndarray

    def rows(self, keys: pd.Series) -> np.ndarray:
        """Return the features of these keys."""
        return self.features[self.keys.get_indexer(pd.Index(keys))]


def _encode(
    encoder: Encoder, manifest: pd.DataFrame, *, images: ImageParameters, runtime: RuntimeParameters
) -> _Features:
    store = ImageStore(manifest, cache_gib=images.cache_gib)
    features = encode_store(
        encoder,
        store,
        image_size=encoder.card.image_size,
        resize_ratio=images.eval_resize_ratio,
        device=choose_device(runtime.device),
    )
    return _Features(pd.Index(store.keys), features)


def _labelled_by(manifest: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows that have a value in a column, that being their label."""
    labelled = manifest.assign(label=manifest[column])
    return labelled[labelled["label"].notna()]


def _deflate(outcome: Outcome, manifest: pd.DataFrame, column: str) -> Outcome:
    fine = _DEFLATED_BY.get(column)
    if fine is None or fine not in manifest:
        return outcome
    return add_deflated_mean(outcome, class_count=manifest[fine].nunique())
