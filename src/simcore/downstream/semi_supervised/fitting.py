"""Classifiers trained on labelled and unlabelled images."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcore.backbones import Encoder
from simcore.downstream.semi_supervised.alignment import class_shares
from simcore.downstream.semi_supervised.base import Known, SemiSupervised
from simcore.downstream.semi_supervised.registry import create_semi_supervised, find_semi_supervised
from simcore.errors import InputError
from simcore.images import ImageStore, MultiViews, ViewSettings
from simcore.supervised import LabelledViews
from simcore.supervised.classifier import Head
from simcore.supervised.fitting import Watch, class_numbers
from simcore.training import Beside, Reporter, TrainingResult, TrainingSettings, pretrain

_NAMES_SHOWN = 5


def check_pools(labels: Iterable[str], *, classes: Sequence[str], unlabelled: int, methods: Iterable[str]) -> None:
    """Refuse a draw of labels that leaves a class without any, or no unlabelled images where a method needs some.

    Args:
        labels: Of the labelled images.
        classes: All classes.
        unlabelled: How many unlabelled images there are.
        methods: Names of the methods.

    Raises:
        InputError: One of these; or a method is unknown.

    Example:
        >>> check_pools(["cat", "dog"], classes=["cat", "dog"], unlabelled=0, methods=["supervised"])
    """
    needing = [name for name in methods if find_semi_supervised(name).unlabelled_views]
    given = list(labels)
    empty = [name for name in classes if name not in set(given)]
    if empty:
        more = f" and {len(empty) - _NAMES_SHOWN} more" if len(empty) > _NAMES_SHOWN else ""
        names = ", ".join(f"'{name}'" for name in empty[:_NAMES_SHOWN])
        raise InputError(
            f"The {len(given)} labelled images have none of the class{'es' if len(empty) > 1 else ''} {names}{more}; "
            "label some, draw a larger share of the labels, or draw it stratified."
        )
    if needing and unlabelled == 0:
        raise InputError(
            f"All {len(given)} training images are labelled, so there is no unlabelled one for {', '.join(needing)}; "
            "take a share of the labels below 1, or the method supervised alone."
        )


def fit_semi_supervised(
    encoder: Encoder,
    labelled: ImageStore,
    unlabelled: ImageStore,
    *,
    classes: Sequence[str],
    method: str,
    weak: ViewSettings,
    strong: ViewSettings,
    settings: TrainingSettings,
    unlabelled_ratio: float = 1.0,
    seed: int,
    workdir: str | Path,
    method_settings: Mapping[str, Any] | None = None,
    head: Head = "linear",
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "classify",
) -> tuple[SemiSupervised, TrainingResult]:
    """Return a classifier on a copy of `encoder`, trained on labelled and unlabelled images, and how it went.

    It is `simcore.training.pretrain` that trains. What comes back is a `simcore.supervised.Classifier`, whose classes
    `rank_classes` ranks. Labels of unlabelled images are not looked at.

    Args:
        encoder: Stays as it is.
        labelled: Images with labels.
        unlabelled: Images whose labels, if any, nobody sees; may be empty for `supervised`.
        classes: Class names; the layer's outputs are in this order.
        method: Key of `SEMI_SUPERVISED`.
        weak: Augmentation of labelled images, and of what guesses are made from.
        strong: Augmentation of what learns from the guesses.
        settings: Length and rates; `batch_size` counts labelled images. Mean and deviation of pixels are the encoder's.
        unlabelled_ratio: Unlabelled images of a step for each labelled one; all of them where that is more.
        seed: Of batches, views, mixing and initial weights.
        workdir: For checkpoints.
        method_settings: Further settings of the method.
        head: Kind of layer, see `Classifier`.
        reporter: Gets the curves.
        watch: Called as the `probe` of `pretrain`.
        description: Of the bar.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """
    numbers = class_numbers(labelled, classes)
    check_pools([classes[number] for number in numbers], classes=classes, unlabelled=len(unlabelled), methods=[method])
    known = Known(len(classes), class_shares(numbers, class_count=len(classes)), len(unlabelled))
    classifier = create_semi_supervised(
        method,
        copy.deepcopy(encoder.module),
        known=known,
        seed=seed,
        head=head,
        **(method_settings or {}),
    )
    card = encoder.card
    settings = settings.model_copy(update={"mean": tuple(card.mean), "std": tuple(card.std)})
    beside = None
    if classifier.unlabelled_views:
        kinds = {"weak": weak, "strong": strong}
        drawn = MultiViews(tuple((kinds[kind], count) for kind, count in classifier.unlabelled_views), seed=seed)
        wanted = round(unlabelled_ratio * settings.resolved_batch_size(len(labelled)))
        size = min(wanted, len(unlabelled)) // settings.parts * settings.parts
        beside = Beside(unlabelled, LabelledViews(drawn, _numbered(unlabelled, range(len(unlabelled)))), size)
    result = pretrain(
        classifier,
        labelled,
        views=LabelledViews(MultiViews(((weak, 1),), seed=seed), _numbered(labelled, numbers.tolist())),
        settings=settings,
        seed=seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=watch,  # type: ignore[arg-type] # `probed` of a classifier is itself
        beside=beside,
    )
    return classifier, result


def _numbered(store: ImageStore, numbers: Iterable[int] | np.ndarray) -> dict[str, int]:
    return {str(key): int(number) for key, number in zip(store.keys, numbers, strict=True)}
