"""How a learning rate and an epoch are chosen: cleanly, or as the published numbers were."""

import hashlib
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
from simcore.evaluation.metrics import accuracy
from simcore.evaluation.outcome import Outcome
from simcore.files import atomic_file
from simcore.images import ImageStore
from simcore.supervised import Classifier
from simcore.supervised.fitting import class_numbers

logger = logging.getLogger(__name__)

Protocol = Literal["clean", "published"]
PROTOCOLS: tuple[Protocol, ...] = ("clean", "published")
_FOLDS = 5
_FEW_HELD_OUT = 10

Watch = Callable[[Classifier], Mapping[str, float]]
Rank = Callable[[Classifier, ImageStore], np.ndarray]
"""From a classifier and images to `(r, n, k)` ranked classes."""
Fit = Callable[[ImageStore, Sequence[float], Path, str, Watch | None], Classifier]
"""Trains on images at these rates, with its checkpoints below a folder, under the name of the training, such as
`held_out/rate-0.1`; the watch is called after every epoch."""


@dataclass(frozen=True)
class Trial:
    """A way of training a classifier, and the images it is judged on.

    Attributes:
        fit: Trains.
        rank: Ranks the classes of images.
        rates: Learning rates to choose from.
        together: Whether `fit` takes all rates at once (frozen encoders); otherwise one after the other.
        fingerprint: What tells this way of training, its encoder included, from others.
    """

    fit: Fit
    rank: Rank
    rates: Sequence[float]
    together: bool
    fingerprint: str

    def lots(self, *, stage: str) -> dict[str, tuple[float, ...]]:
        """Return the rates that are trained at once, by the name of their training."""
        if self.together:
            return {stage: tuple(self.rates)}
        return {f"{stage}/rate-{rate:g}": (rate,) for rate in self.rates}


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
    metric: str = "top1",
) -> Outcome:
    """Return what a trial says about the test images under a protocol.

    `clean`: the rate is the one that is right most often, after the last epoch, on a fifth of the training images of
    each class, held out by seed; of equally good ones the smallest, likewise where every class has a single image so
    that none can be held out; fewer than ten held-out images are warned of. The classifier is then trained on all
    training images with that rate, its last epoch counts, and the test images are looked at once. `published`: all
    rates are trained on all training images, the test images are looked at after every epoch, and the best of all these
    looks by `metric` counts (SimCore paper and its code: selection on the test set, in favour of whatever varies most).

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
        metric: By which `published` chooses, see `headline_metrics`.

    Raises:
        InputError: The protocol is unknown, or labels do not fit.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"`protocol` is '{protocol}'; allowed are {', '.join(PROTOCOLS)}.")
    true = class_numbers(test, classes)
    trained = {classes[number] for number in class_numbers(train, classes)}
    check_trained(trained, test.labels, images=[f"'{key}'" for key in test.keys])
    if protocol == "published":
        ranked, choices = _published(trial, train, test, true=true, classes=classes, metric=metric, workdir=workdir)
    else:
        what = f"{evaluation}{suffix}"
        ranked, choices = _clean(trial, train, test, classes=classes, seed=seed, workdir=workdir, what=what)
    return Outcome(evaluation, protocol + suffix, tuple(classes), true, ranked, choices)


def _clean(
    trial: Trial,
    train: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    seed: int,
    workdir: Path,
    what: str,
) -> tuple[np.ndarray, dict[str, float]]:
    rate = trial.rates[0]
    if len(trial.rates) > 1:
        rate = _choose(trial, train, classes=classes, seed=seed, workdir=workdir, what=what)
    return trial.rank(trial.fit(train, (rate,), workdir, "all", None), test)[0], {"learning_rate": float(rate)}


def _choose(trial: Trial, train: ImageStore, *, classes: Sequence[str], seed: int, workdir: Path, what: str) -> float:
    """Return the rate that is right most often on held-out training images."""
    held_out = stratified_folds(class_numbers(train, classes), folds=_FOLDS, seed=seed) == 0
    n = int(held_out.sum())
    if n < _FEW_HELD_OUT:
        logger.warning(
            "%s: the learning rate is chosen on %d held-out images of %d%s; with so few it is nearly chance: give more "
            "labelled images, or one rate.",
            what,
            n,
            len(train),
            "" if n else ", so the smallest is taken",
        )
    if n == 0:
        return min(trial.rates)
    kept, left = train.subset(train.keys[~held_out]), train.subset(train.keys[held_out])
    parts = [
        trial.rank(trial.fit(kept, lot, workdir, name, None), left)[..., 0]
        for name, lot in trial.lots(stage="held_out").items()
    ]
    right = accuracy(np.concatenate(parts), class_numbers(left, classes), metric="top1")
    best = min(range(len(right)), key=lambda number: (-right[number], trial.rates[number]))
    logger.info("Learning rate %g: %.3f right of %d held-out images.", trial.rates[best], right[best], n)
    return trial.rates[best]


def _published(
    trial: Trial,
    train: ImageStore,
    test: ImageStore,
    *,
    true: np.ndarray,
    classes: Sequence[str],
    metric: str,
    workdir: Path,
) -> tuple[np.ndarray, dict[str, float]]:
    found = []
    # Looks belong to what was trained and looked at: those of another encoder in the same folder are not these. And a
    # training that is finished is not watched again, so that both stand and fall together.
    trained = class_numbers(train, classes).tolist()
    facts = (trial.fingerprint, train.keys.tolist(), trained, test.keys.tolist(), true.tolist(), tuple(classes), metric)
    folder = workdir / hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    for name, lot in trial.lots(stage="published").items():
        best = _Best(folder / name / "best.npz")

        def watch(classifier: Classifier, *, best: _Best = best, lot: Sequence[float] = lot) -> Mapping[str, float]:
            ranked = trial.rank(classifier, test)
            scores = accuracy(ranked[..., 0], true, metric=metric)
            best.offer(ranked, scores, lot)
            return {f"test_{metric}_rate_{rate:.3g}": float(value) for rate, value in zip(lot, scores, strict=True)}

        trial.fit(train, lot, folder, name, watch)
        found.append(best.read())
    top = max(found, key=lambda look: look.score)
    return top.ranked, {"learning_rate": top.rate}


@dataclass(frozen=True, eq=False)
class _Look:
    """What was said of the test images at one rate: ranked classes `(n, k)`."""

    ranked: np.ndarray
    score: float
    rate: float


class _Best:
    """The best look at the test images so far, kept in a file so that an interrupted run does not lose it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def offer(self, ranked: np.ndarray, scores: np.ndarray, rates: Sequence[float]) -> None:
        """Take `ranked` (r, n, k) in, if a row of it is better than what is there; of equals the first stays."""
        row = int(np.argmax(scores))
        if self.path.is_file() and self.read().score >= scores[row]:
            return
        buffer = io.BytesIO()
        np.savez(buffer, ranked=ranked[row], score=scores[row], rate=rates[row])
        with atomic_file(self.path) as partial:
            partial.write_bytes(buffer.getvalue())

    def read(self) -> _Look:
        """Return the look."""
        with np.load(self.path, allow_pickle=False) as stored:
            return _Look(stored["ranked"], float(stored["score"]), float(stored["rate"]))
