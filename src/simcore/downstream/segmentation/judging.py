"""How the learning rate of a segmentation is chosen: cleanly, or as the published numbers were."""

import hashlib
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simcore.backbones import Encoder
from simcore.downstream.segmentation.fitting import SegmentationRecipe, Watch, fit_segmenter, measure_segmenter
from simcore.downstream.segmentation.masks import Masks
from simcore.downstream.segmentation.scoring import SegmentationOutcome, mean_iou
from simcore.downstream.segmentation.segmenter import Segmenter
from simcore.errors import InputError
from simcore.files import atomic_file
from simcore.images import ImageStore
from simcore.supervised import draw_share
from simcore.training import NonFiniteError, Reporter

logger = logging.getLogger(__name__)

PROTOCOLS = ("clean", "published")
MakeReporter = Callable[[str], Reporter]
"""Returns what gets the curves of a training, by the training's name."""

_HELD_OUT = 0.2
_LEAST_TO_CHOOSE = 3


@dataclass(frozen=True)
class _Look:
    """What was seen of some images: pixels by class, predictions of those that are shown, at which rate."""

    confusion: np.ndarray
    predicted: np.ndarray
    rate: float

    @property
    def score(self) -> float:
        return mean_iou(self.confusion)


@dataclass(frozen=True)
class _Trial:
    """A training that can be repeated at other rates and on other images."""

    encoder: Encoder
    masks: Masks
    recipe: SegmentationRecipe
    seed: int
    machine: Mapping[str, Any]
    make_reporter: MakeReporter | None
    description: str

    def fingerprint(self, *stores: ImageStore, shown: Sequence[str]) -> str:
        """Return what tells this trial on these images from others, by 16 hexadecimal digits."""
        keys = [key for store in stores for key in store.keys.tolist()]
        facts = (self.encoder.fingerprint, self.recipe, self.masks.digest, self.seed, keys, list(shown))
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def fit(self, store: ImageStore, rate: float, workdir: Path, *, name: str, watch: Watch | None = None) -> Segmenter:
        name = f"{name}/rate-{rate:.3g}"
        return fit_segmenter(
            self.encoder,
            store,
            self.masks,
            recipe=self.recipe,
            rate=rate,
            seed=self.seed,
            workdir=workdir / name,
            machine=self.machine,
            reporter=None if self.make_reporter is None else self.make_reporter(name),
            watch=watch,
            description=f"{self.description}, {name}",
        )[0]

    def look(
        self, network: Segmenter, store: ImageStore, rate: float, *, shown: Sequence[str] = (), bar: bool = False
    ) -> _Look:
        card = self.encoder.card
        confusion, predicted = measure_segmenter(
            network,
            store,
            self.masks,
            mean=card.mean,
            std=card.std,
            image_size=self.recipe.crop.image_size,
            shown=shown,
            description=f"{self.description}, measure" if bar else None,
        )
        return _Look(confusion, predicted, rate)


def train_and_segment(
    encoder: Encoder,
    train: ImageStore,
    test: ImageStore,
    masks: Masks,
    *,
    recipe: SegmentationRecipe,
    protocol: str,
    seed: int,
    workdir: str | Path,
    machine: Mapping[str, Any] | None = None,
    shown: Sequence[str] = (),
    make_reporter: MakeReporter | None = None,
    description: str = "segment",
) -> SegmentationOutcome:
    """Return how well foreground is told from background on the test images, with the encoder under DeepLabV3+.

    `clean`: the learning rate is the one with the best mean IoU after the last epoch on a fifth of the training images,
    held out by seed; the network is then trained on all training images with that rate, its last epoch counts, and the
    test images are looked at once. `published`: all rates are trained on all training images, the test images are
    looked at after every epoch, and the best of all these looks by mean IoU counts. A rate at which the loss is no
    longer finite is left behind; when all are, the last error is raised.

    Costs `epochs` passes over the training images for each rate, and under `clean` once more.

    Args:
        encoder: What is evaluated; stays as it is.
        train: Training images with masks.
        test: Test images with masks.
        masks: Of both.
        recipe: How it is trained.
        protocol: `clean` or `published`.
        seed: Of held-out images, batches, views and weights.
        workdir: For checkpoints: an interrupted evaluation goes on there.
        machine: Fields of `TrainingSettings` that change no result: device, workers, threads.
        shown: Keys of test images whose predictions are kept.
        make_reporter: Called for every training, with names such as `held_out/rate-0.1`, `all/rate-0.1` and
            `published/rate-0.1`.
        description: Of the bars.

    Raises:
        InputError: The protocol is unknown, there are too few images, or the encoder has no pyramid of maps.
        NonFiniteError: No rate leads to a finite loss.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"`protocol` is '{protocol}'; allowed are {', '.join(PROTOCOLS)}.")
    trial = _Trial(encoder, masks, recipe, seed, machine or {}, make_reporter, description)
    judge = _published if protocol == "published" else _clean
    look = judge(trial, train, test, shown=shown, workdir=Path(workdir))
    return SegmentationOutcome(
        protocol,
        look.confusion,
        n=len(test),
        choices={"learning_rate": look.rate},
        keys=tuple(shown),
        predicted=look.predicted,
    )


def _clean(trial: _Trial, train: ImageStore, test: ImageStore, *, shown: Sequence[str], workdir: Path) -> _Look:
    rates = trial.recipe.learning_rates
    rate = _choose(trial, train, workdir=workdir) if len(rates) > 1 else rates[0]
    network = trial.fit(train, rate, workdir, name="all")
    return trial.look(network, test, rate, shown=shown, bar=True)


def _choose(trial: _Trial, train: ImageStore, *, workdir: Path) -> float:
    """Return the rate that is best on held-out training images; of equally good ones the smallest."""
    if len(train) < _LEAST_TO_CHOOSE:
        raise InputError(
            f"There are {len(train)} training images with masks, from '{train.keys[0]}' on; choosing a learning rate "
            f"on held-out ones needs at least {_LEAST_TO_CHOOSE}: give one rate, or more images."
        )
    keys = pd.DataFrame({"key": train.keys.astype(str), "label": "any"})
    held_out = np.isin(train.keys.astype(str), draw_share(keys, share=_HELD_OUT, seed=trial.seed)["key"])
    kept, left = train.subset(train.keys[~held_out]), train.subset(train.keys[held_out])
    found: dict[float, float] = {}
    failure: NonFiniteError | None = None
    for rate in sorted(trial.recipe.learning_rates):
        try:
            network = trial.fit(kept, rate, workdir, name="held_out")
        except NonFiniteError as error:
            failure = _leave_behind(rate, error)
            continue
        found[rate] = trial.look(network, left, rate).score
    if not found:
        assert failure is not None
        raise failure
    best = max(found, key=lambda rate: found[rate])
    logger.info("Learning rate %g: mean IoU %.3f on %d held-out images.", best, found[best], len(left))
    return best


def _published(trial: _Trial, train: ImageStore, test: ImageStore, *, shown: Sequence[str], workdir: Path) -> _Look:
    looks = []
    failure: NonFiniteError | None = None
    # Looks of another encoder or recipe in the same folder are not these.
    folder = workdir / f"best-{trial.fingerprint(train, test, shown=shown)}"
    for rate in trial.recipe.learning_rates:
        best = _Best(folder / f"rate-{rate:.3g}.npz")

        def watch(network: Segmenter, *, best: _Best = best, rate: float = rate) -> Mapping[str, float]:
            look = trial.look(network, test, rate, shown=shown)
            best.offer(look)
            return {"test_miou": look.score}

        try:
            trial.fit(train, rate, workdir, name="published", watch=watch)
        except NonFiniteError as error:
            failure = _leave_behind(rate, error)
        if best.path.is_file():
            looks.append(best.read())
    if not looks:
        assert failure is not None
        raise failure
    return max(looks, key=lambda look: look.score)


def _leave_behind(rate: float, error: NonFiniteError) -> NonFiniteError:
    logger.warning("Learning rate %g is left behind: %s", rate, error)
    return error


class _Best:
    """The best look at the test images so far, kept in a file so that an interrupted run does not lose it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def offer(self, look: _Look) -> None:
        """Take `look` in if it is better than what is there; of equals the first stays."""
        if self.path.is_file() and self.read().score >= look.score:
            return
        buffer = io.BytesIO()
        np.savez(buffer, confusion=look.confusion, predicted=look.predicted, rate=look.rate)
        with atomic_file(self.path) as partial:
            partial.write_bytes(buffer.getvalue())

    def read(self) -> _Look:
        """Return the look."""
        with np.load(self.path, allow_pickle=False) as stored:
            return _Look(stored["confusion"], stored["predicted"], float(stored["rate"]))
