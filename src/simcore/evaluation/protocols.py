"""How a learning rate and an epoch are chosen: cleanly, or as the published numbers were."""

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from simcore.errors import InputError
from simcore.evaluation.labels import check_trained
from simcore.evaluation.linear import stratified_folds
from simcore.evaluation.outcome import Outcome
from simcore.files import atomic_file
from simcore.images import ImageStore
from simcore.supervised import Classifier
from simcore.supervised.fitting import class_numbers

logger = logging.getLogger(__name__)

Protocol = Literal["clean", "published"]
PROTOCOLS: tuple[Protocol, ...] = ("clean", "published")
_FOLDS = 5

Watch = Callable[[Classifier], Mapping[str, float]]
Rank = Callable[[Classifier, ImageStore], np.ndarray]
"""From a classifier and images to `(r, n, k)` ranked classes."""
Fit = Callable[[ImageStore, Sequence[float], Path, Watch | None], Classifier]
"""Trains on images at these rates, with its checkpoints in a folder; the watch is called after every epoch."""


@dataclass(frozen=True)
class Trial:
    """A way of training a classifier, and the images it is judged on.

    Attributes:
        fit: Trains.
        rank: Ranks the classes of images.
        rates: Learning rates to choose from.
        together: Whether `fit` takes all rates at once (frozen encoders); otherwise one after the other.
    """

    fit: Fit
    rank: Rank
    rates: Sequence[float]
    together: bool

    def lots(self, rates: Sequence[float]) -> list[tuple[float, ...]]:
        """Return the rates that are trained at once."""
        return [tuple(rates)] if self.together else [(rate,) for rate in rates]


def judge(
    trial: Trial,
    train: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    evaluation: str,
    protocol: Protocol,
    seed: int,
    workdir: Path,
    suffix: str = "",
) -> Outcome:
    """Return what a trial says about the test images under a protocol.

    `clean`: the rate is the one that is right most often, after the last epoch, on a fifth of the training images of
    each class, held out by seed; of equally good ones the smallest. The classifier is then trained on all training
    images with that rate, its last epoch counts, and the test images are looked at once. `published`: all rates are
    trained on all training images, the test images are looked at after every epoch, and the best of all these looks
    counts (SimCore paper and its code: selection on the test set, in favour of whatever varies most).

    Args:
        trial: How to train.
        train: Labelled training images.
        test: Labelled test images.
        classes: Class names.
        evaluation: Name of the evaluation.
        protocol: `clean` or `published`.
        seed: Of the held-out images.
        workdir: For checkpoints; finished stages in it are not trained again.
        suffix: Said after the protocol in the records, such as ` 10 % of labels`.

    Raises:
        InputError: The protocol is unknown, or labels do not fit.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"`protocol` is '{protocol}'; allowed are {', '.join(PROTOCOLS)}.")
    true = class_numbers(test, classes)
    check_trained({classes[number] for number in class_numbers(train, classes)}, test.labels)
    look = _published if protocol == "published" else _clean
    ranked, choices = look(trial, train, test, true=true, classes=classes, seed=seed, workdir=workdir)
    return Outcome(evaluation, protocol + suffix, tuple(classes), true, ranked, choices)


def _clean(
    trial: Trial,
    train: ImageStore,
    test: ImageStore,
    *,
    true: np.ndarray,
    classes: Sequence[str],
    seed: int,
    workdir: Path,
) -> tuple[np.ndarray, dict[str, float]]:
    del true
    rate = trial.rates[0]
    if len(trial.rates) > 1:
        numbers = class_numbers(train, classes)
        held_out = stratified_folds(numbers, folds=_FOLDS, seed=seed) == 0
        if not held_out.any():
            raise InputError(
                "No training image can be held out to choose a learning rate: every class has a single one; give one "
                "rate, or more images."
            )
        kept, left = train.subset(train.keys[~held_out]), train.subset(train.keys[held_out])
        parts = [
            trial.rank(trial.fit(kept, lot, workdir / f"validation-{number}", None), left)[..., 0]
            for number, lot in enumerate(trial.lots(trial.rates))
        ]
        right = (np.concatenate(parts) == class_numbers(left, classes)).mean(axis=1)
        best = int(np.argmax(right))
        rate = trial.rates[best]
        logger.info("Learning rate %g: %.3f right of %d held-out images.", rate, right[best], len(left))
    return trial.rank(trial.fit(train, (rate,), workdir / "all", None), test)[0], {"learning_rate": float(rate)}


def _published(
    trial: Trial,
    train: ImageStore,
    test: ImageStore,
    *,
    true: np.ndarray,
    classes: Sequence[str],
    seed: int,
    workdir: Path,
) -> tuple[np.ndarray, dict[str, float]]:
    del classes, seed
    found = []
    for number, lot in enumerate(trial.lots(trial.rates)):
        folder = workdir / f"published-{number}"
        best = _Best(folder / "best.npz")

        def watch(classifier: Classifier, *, best: _Best = best, lot: Sequence[float] = lot) -> Mapping[str, float]:
            ranked = trial.rank(classifier, test)
            right = (ranked[..., 0] == true).mean(axis=1)
            best.offer(ranked, right, lot)
            return {f"test_top1_rate_{rate:.3g}": float(value) for rate, value in zip(lot, right, strict=True)}

        trial.fit(train, lot, folder, watch)
        found.append(best.read())
    top = max(found, key=lambda each: each[1]["best_test_top1"])
    return top[0], {"learning_rate": top[1]["learning_rate"]}


class _Best:
    """The best look at the test images so far, kept in a file so that an interrupted run does not lose it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def offer(self, ranked: np.ndarray, right: np.ndarray, rates: Sequence[float]) -> None:
        """Take `ranked` (r, n, k) in, if a row of it is better than what is there; of equals the first stays."""
        row = int(np.argmax(right))
        if self.path.is_file() and self.read()[1]["best_test_top1"] >= right[row]:
            return
        buffer = io.BytesIO()
        np.savez(buffer, ranked=ranked[row], right=right[row], rate=rates[row])
        with atomic_file(self.path) as partial:
            partial.write_bytes(buffer.getvalue())

    def read(self) -> tuple[np.ndarray, dict[str, float]]:
        """Return ranked classes `(n, k)` and what they are."""
        with np.load(self.path, allow_pickle=False) as stored:
            return stored["ranked"], {"best_test_top1": float(stored["right"]), "learning_rate": float(stored["rate"])}
