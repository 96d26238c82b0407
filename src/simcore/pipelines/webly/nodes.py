"""Nodes of the pipeline `webly`."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.judging import Setting
from simcore.downstream.label_files import read_labels
from simcore.downstream.webly import (
    WeblyRecipe,
    WeblyTask,
    judge_webly_method,
    match_classes,
    measure_agreement,
    plant_noise,
)
from simcore.errors import InputError
from simcore.evaluation import headline_metrics
from simcore.images import ImageStore
from simcore.parameters import ImageParameters, RuntimeParameters, WeblyParameters
from simcore.pipelines.evaluation.labels import classes_of, mark_drawn_test, parts, warn_of_drawn_test
from simcore.pipelines.evaluation.linear import make_sight
from simcore.pipelines.evaluation.loading import identify
from simcore.pipelines.evaluation.nodes import tell
from simcore.pipelines.pretraining.training_sets import join, without_excluded
from simcore.tracking import reporter
from simcore.workspace import work_directory

LOGGER = logging.getLogger(__name__)

EVALUATION = "webly"
SPLIT_COLUMNS = ("seed", "method", "protocol", "key", "label", "planted", "clean_score", "clean")


def join_labelled(
    train: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    *,
    classes: tuple[str, ...],
    webly: WeblyParameters,
) -> pd.DataFrame:
    """Return what is trained on, under keys of both pools, with labels as they are learnt and which are made wrong.

    X's training images, with the labels of the file where one is given; images of the open-set whose labels name a
    class of X; planted noise over all of them, in the column `planted`.

    Raises:
        InputError: The file does not fit, or no label of the open-set names a class.
    """
    if webly.labels is not None:
        given = read_labels(webly.labels, keys=train["key"].tolist(), classes=classes)
        changed = train["key"].map(given)
        LOGGER.info(
            "%s: labels of %d images, of which %d differ.",
            webly.labels,
            len(given),
            int((changed.notna() & (changed != train["label"])).sum()),
        )
        train = train.assign(label=changed.fillna(train["label"]))
    named = pd.Series(dtype="str")
    if webly.web_images:
        named = _name_web_images(openset_manifest, excluded, classes=classes)
    joined = join(train, openset_manifest, named.index)
    web = "openset:" + named.index.astype("str")
    labels = joined["key"].map(dict(zip(web, named, strict=True))).fillna(joined["label"]).astype("str")
    labels.index = pd.Index(joined["key"])
    noisy = plant_noise(labels, webly.planted_noise, webly.noise, webly.seed, classes=classes)
    return joined.assign(label=noisy.to_numpy(), planted=(noisy != labels).to_numpy())


def _name_web_images(
    openset_manifest: pd.DataFrame, excluded: pd.DataFrame | None, *, classes: tuple[str, ...]
) -> pd.Series:
    """Return the class of each image of the open-set that has one of X's, by key."""
    allowed = without_excluded(openset_manifest, excluded)
    found = match_classes(allowed["label"], classes)
    found.index = pd.Index(allowed["key"])
    named = found.dropna()
    if named.empty:
        examples = ", ".join(f"'{label}'" for label in allowed["label"].dropna().unique()[:3])
        what = f"its labels are such as {examples}" if examples else "it has no labels"
        raise InputError(
            f"None of the {len(allowed)} images of the open-set is of a class of X ({classes[0]}, {classes[1]}, ...): "
            f"{what}; give an open-set with X's class names, or set `webly.web_images` to false."
        )
    missing = sorted(set(classes) - set(named))
    LOGGER.info(
        "%d of %d images of the open-set are of a class of X%s.",
        len(named),
        len(allowed),
        f"; none are of {len(missing)} classes, '{missing[0]}' for one" if missing else "",
    )
    return named


def make_recipe(method: str, webly: WeblyParameters) -> WeblyRecipe:
    """Return how a method is trained."""
    own = getattr(webly, method).model_dump()
    common = {name: own.pop(name) for name in ("epochs", "batch_size", "learning_rate")}
    return WeblyRecipe(method, **common, weight_decay=webly.weight_decay, precision=webly.precision, options=own)


def learn_from_noise(
    encoders: dict[int, Encoder],
    target_manifest: pd.DataFrame,
    openset_manifest: pd.DataFrame,
    excluded: pd.DataFrame | None,
    images: ImageParameters,
    webly: WeblyParameters,
    runtime: RuntimeParameters,
    arm: str,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the metric records of an arm's encoders after learning from noisy labels, and which labels look clean.

    Test images keep their labels. An interrupted node goes on where it was.
    """
    classes = classes_of(target_manifest)
    warn_of_drawn_test(target_manifest)
    train, test = parts(target_manifest)
    joined = join_labelled(train, openset_manifest, excluded, classes=classes, webly=webly)
    planted = joined["planted"].to_numpy()
    LOGGER.info("%s: %d images with labels, %d of them planted wrong.", arm, len(joined), planted.sum())
    store, test_store = (
        ImageStore(part, cache_gib=images.cache_gib) for part in (joined.drop(columns="planted"), test)
    )
    metric = headline_metrics([EVALUATION], sources=test["source"].unique())[EVALUATION]
    noise = f", {100 * webly.planted_noise:g} % planted noise" if webly.planted_noise else ""
    records: list[dict[str, Any]] = []
    tables = []
    for seed, encoder in encoders.items():
        sight = make_sight(encoder, scale=webly.scale, images=images, runtime=runtime)
        task = WeblyTask(encoder, store, classes, sight, webly.seed)
        for method in webly.methods:
            for protocol in webly.protocols:
                setting = Setting(
                    encoder=encoder,
                    classes=classes,
                    sight=sight,
                    protocol=protocol,
                    evaluation=EVALUATION,
                    suffix=f" {method} 100 % of labels{noise}",
                    metric=metric,
                    seed=webly.seed,
                )
                outcomes, split = judge_webly_method(
                    task,
                    test_store,
                    make_recipe(method, webly),
                    setting,
                    workdir=work_directory() / f"seed-{seed}" / method / protocol,
                    make_reporter=lambda training, seed=seed, method=method: reporter(  # type: ignore[misc]
                        arm=arm, seed=seed, prefix=f"{EVALUATION}/{method}/{training}/"
                    ),
                )
                found = [
                    record for outcome in outcomes for record in mark_drawn_test(outcome, target_manifest).records()
                ]
                found += _agreement_records(split, planted, protocol=found[0]["protocol"])
                records += [{**identify(encoder, arm=arm, seed=seed), **record, "recipe": method} for record in found]
                split = split.assign(seed=seed, method=method, protocol=protocol, planted=planted)
                tables.append(split[list(SPLIT_COLUMNS)])
    tell(records)
    return records, pd.concat(tables, ignore_index=True)


def _agreement_records(split: pd.DataFrame, planted: np.ndarray, *, protocol: str) -> list[dict[str, Any]]:
    """Return how well a method finds the planted labels; nothing where none is planted."""
    if not planted.any():
        return []
    clean = None if split["clean"].isna().any() else split["clean"].to_numpy(dtype=bool)
    found = measure_agreement(split["clean_score"].to_numpy(), clean, planted)
    LOGGER.info("%s: %s", protocol, ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return [
        {"evaluation": EVALUATION, "metric": name, "protocol": protocol, "value": value, "n": len(split)}
        for name, value in found.items()
    ]
