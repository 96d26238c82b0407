"""The target's parts and labels, as nodes look at them."""

import logging
from dataclasses import replace
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.evaluation import Outcome
from simcore.evaluation.labels import LEAST_CLASSES, find_classes
from simcore.evaluation.naming import name_first, name_sources
from simcore.images.ingest import DRAWN_TEST

LOGGER = logging.getLogger(__name__)

DRAWN = " - drawn test"
"""Said after the protocol where the test images were drawn: such figures are not those of an official split."""


def parts(target_manifest: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training and the test rows."""
    train, test = (target_manifest[target_manifest["split"] == split] for split in ("train", "test"))
    return train, test


def classes_of(target_manifest: pd.DataFrame, *, column: str = "label") -> tuple[str, ...]:
    """Return the classes by which the target is evaluated.

    Raises:
        InputError: No labels, no test images, one class alone, or a test class without training images.
    """
    if target_manifest[column].isna().all():
        raise InputError(
            f"The target has no labels: none of {_name(target_manifest)} has one in the column `{column}`, which this "
            "evaluation needs; give a labelled source, such as a folder with one folder a class."
        )
    return find_classes(target_manifest, column=column)


def why_without_labels(target_manifest: pd.DataFrame) -> str | None:
    """Return why the whole job measures nothing that needs labels, in words; None where it does."""
    unlabelled = target_manifest[target_manifest["label"].isna()]
    train, test = parts(target_manifest)
    if len(unlabelled) == len(target_manifest):
        return f"None of {_name(target_manifest)} has a label"
    if len(unlabelled):
        return f"{len(unlabelled)} of {_name(target_manifest)} have no label, '{unlabelled['key'].iloc[0]}' for one"
    if test.empty:
        return f"None of {_name(target_manifest)} is a test image"
    if train["label"].nunique() < LEAST_CLASSES:
        return f"All {_name(train)} that are trained on are of the one class '{train['label'].iloc[0]}'"
    return None


def _name(rows: pd.DataFrame) -> str:
    return f"{len(rows)} images of {name_sources(rows)} (the first is {name_first(rows)})"


def warn_of_drawn_test(target_manifest: pd.DataFrame) -> None:
    """Say that no source brought the test images along, if so, and how to give some."""
    drawn = target_manifest.attrs.get(DRAWN_TEST)
    if drawn is not None:
        LOGGER.warning(
            "%s has no test part of its own: %d images, %g %% of each class, were drawn as test images "
            "(target.test_fraction, target.split_seed=%d). Figures on them are no official ones and say so in their "
            "protocol ('%s'). For a split of your own, put the images into folders `train` and `test`, or give a list "
            "with a column `split`.",
            drawn["of"],
            drawn["images"],
            100 * drawn["share"],
            drawn["seed"],
            DRAWN.strip(" -"),
        )


def mark_drawn_test(outcome: Outcome, target_manifest: pd.DataFrame) -> Outcome:
    """Return the outcome; where its test images were drawn, its protocol says so."""
    return replace(outcome, protocol=outcome.protocol + drawn_mark(target_manifest))


def mark_drawn_records(records: list[dict[str, Any]], target_manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the records; where their test images were drawn, their protocols say so."""
    return [{**record, "protocol": record["protocol"] + drawn_mark(target_manifest)} for record in records]


def drawn_mark(target_manifest: pd.DataFrame) -> str:
    """Return what is said after a protocol: nothing where the source brought its test images along."""
    return DRAWN if DRAWN_TEST in target_manifest.attrs else ""
