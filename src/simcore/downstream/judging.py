"""Methods that learn classes from few or noisy labels, judged on the test images as other classifiers are."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcore.backbones import Encoder
from simcore.evaluation import Outcome, Sight
from simcore.evaluation.protocols import Protocol, Trial, Watch, judge
from simcore.images import ImageStore

Fit = Callable[[Path, str, Watch | None], Any]
"""Trains with its checkpoints below a folder, under the name of the training; the watch is called after every epoch.
The method that it returns has `logits(images)`, `(r, n, c)`."""


@dataclass(frozen=True)
class Setting:
    """Who is judged, on what terms.

    Attributes:
        encoder: What the method starts from.
        classes: Class names, in the order of the outputs.
        sight: Size, crops, machine.
        protocol: `clean` or `published`.
        evaluation: Name in the records.
        suffix: Said after the protocol in the records.
        metric: By which `published` chooses among its looks.
        seed: Of the evaluation.
    """

    encoder: Encoder
    classes: Sequence[str]
    sight: Sight
    protocol: Protocol
    evaluation: str
    suffix: str
    metric: str
    seed: int


def judge_method(
    fit: Fit,
    train: ImageStore,
    test: ImageStore,
    setting: Setting,
    *,
    rate: float,
    facts: object,
    workdir: Path,
    rows: Mapping[str, int] | None = None,
) -> tuple[list[Outcome], Any]:
    """Return what a method says of the test images, an outcome for each of `rows`, and the trained method.

    `clean`: the last epoch counts and the test images are looked at once. `published`: they are looked at after every
    epoch, and the best look counts; see `simcore.evaluation.judge`. Of several rows only the first is judged then, as
    in the paper's runs of two networks.

    Args:
        fit: Trains.
        train: Images with the labels that are trained on.
        test: Labelled test images.
        setting: Who is judged.
        rate: Learning rate; there is nothing to choose.
        facts: What else tells this training from others, with a `repr` that says so.
        workdir: For checkpoints.
        rows: Places in the method's logits, by what is said at the end of the suffix; None judges the first.

    Raises:
        InputError: Labels do not fit.
    """
    card, sight = setting.encoder.card, setting.sight
    fitted: dict[str, Any] = {}

    def fit_once(store: ImageStore, rates: Sequence[float], folder: Path, name: str, watch: Watch | None) -> Any:
        del store, rates
        if name not in fitted:
            fitted[name] = fit(folder / name, name, watch)
        return fitted[name]

    def ranking(row: int) -> Callable[[Any, ImageStore], np.ndarray]:
        def rank(method: Any, store: ImageStore) -> np.ndarray:
            ranked = sight.rank(method, store, card=card, class_count=len(setting.classes))
            return ranked[row : row + 1]

        return rank

    seen = (sight.view, sight.resize_ratio, tuple(card.mean), tuple(card.std))
    fingerprint = hashlib.sha256(repr((setting.encoder.fingerprint, facts, seen, setting.seed)).encode()).hexdigest()
    places = list((rows or {"": 0}).items())
    if setting.protocol == "published":
        places = places[:1]
    outcomes = [
        judge(
            Trial(fit_once, ranking(row), (rate,), together=True, fingerprint=fingerprint),
            train,
            test,
            classes=setting.classes,
            evaluation=setting.evaluation,
            protocol=setting.protocol,
            seed=setting.seed,
            workdir=workdir,
            suffix=setting.suffix + said,
            metric=setting.metric,
        )
        for said, row in places
    ]
    return outcomes, next(iter(fitted.values()))
