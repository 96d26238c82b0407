"""Evaluations that train on images: a linear layer on a frozen encoder under augmentation, and fine-tuning."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simcore.backbones import Encoder, EncoderCard
from simcore.errors import InputError
from simcore.evaluation.linear import BATCH_SIZE, DECAY_AFTER, EPOCHS, LEARNING_RATES
from simcore.evaluation.outcome import TOP, Outcome
from simcore.evaluation.protocols import Protocol, Trial, Watch, judge
from simcore.images import ImageStore, ViewSettings
from simcore.supervised import Classifier, fit_classifier, rank_classes
from simcore.supervised.classifier import BatchNorm, head_of
from simcore.training import Reporter, TrainingSettings

MakeReporter = Callable[[str], Reporter]
"""Returns what gets the curves of a training, by the training's name."""


@dataclass(frozen=True)
class Sight:
    """How images are seen in an evaluation, and with what they are worked on.

    Attributes:
        image_size: Side of the square input, in pixels.
        resize_ratio: Shorter side of a test image before the centre crop over `image_size`; 256 / 224 in the paper.
        scale: Share of an image's area that a training crop takes; its other augmentation is a flip.
        machine: Fields of `TrainingSettings` that change no result: device, workers, threads.
    """

    image_size: int
    resize_ratio: float = 1.0
    scale: tuple[float, float] = (0.2, 1.0)
    machine: Mapping[str, Any] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Take the defaults of the settings where nothing is said of the machine."""
        object.__setattr__(self, "machine", dict(self.machine or {}))

    @property
    def view(self) -> ViewSettings:
        """The training view: a random resized crop and a flip."""
        return ViewSettings(image_size=self.image_size, scale=self.scale, jitter=0.0, grayscale=0.0)

    def rank(self, classifier: Classifier, store: ImageStore, *, card: EncoderCard, class_count: int) -> np.ndarray:
        """Return the likeliest classes of each image, seen as test images are; see `rank_classes`."""
        return rank_classes(
            classifier,
            store,
            mean=card.mean,
            std=card.std,
            image_size=self.image_size,
            resize_ratio=self.resize_ratio,
            top=min(TOP, class_count),
        )


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        name: Said in the protocol of the records where it is not the only one.
        epochs: Passes over the training images.
        learning_rates: To choose from.
        schedule: `steps` divides the rate by ten after 60 % and 80 % of the epochs; or `cosine`.
        weight_decay: Of all parameters.
        batch_size: Images a step, at most.
        frozen: Whether the encoder stays as it is.
    """

    name: str
    epochs: int
    learning_rates: tuple[float, ...]
    schedule: str
    weight_decay: float
    batch_size: int
    frozen: bool

    def settings(self, n: int, *, rate: float, sight: Sight, look_every_epoch: bool) -> TrainingSettings:
        """Return the settings of a run on `n` images whose rates are multiples of `rate`."""
        marks = {max(1, self.epochs * mark // EPOCHS) for mark in DECAY_AFTER} if self.schedule == "steps" else set()
        values: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": min(self.batch_size, n),
            "drop_last": False,
            "optimiser": "sgd",
            "learning_rate": rate,
            "schedule": self.schedule,
            "decay_after_epochs": tuple(sorted(marks)),
            "weight_decay": self.weight_decay,
            **sight.machine,
        }
        settings = TrainingSettings(**values)
        if not look_every_epoch:
            return settings
        return settings.model_copy(update={"probe_every_steps": settings.steps_per_epoch(n)})


LINEAR = Recipe("linear", EPOCHS, LEARNING_RATES, "steps", 0.0, BATCH_SIZE, frozen=True)
"""Linear evaluation of the SimCore paper: 100 epochs, five rates from 1 to 100, no weight decay (section 5.1)."""

AUTHORS = Recipe("authors", 100, (1e-1, 3e-2, 1e-2), "steps", 1e-4, 256, frozen=False)
"""End-to-end fine-tuning as the authors answered on their repository: three rates, a tenth after epochs 60 and 80."""

LONG = Recipe("long", 200, (3e-2,), "cosine", 1e-4, 256, frozen=False)
"""The supervised rows of table 6 (appendix B.4): 200 epochs, one rate, a cosine."""

RECIPES = {recipe.name: recipe for recipe in (AUTHORS, LONG)}
"""Recipes of fine-tuning by name."""


def train_and_judge(
    encoder: Encoder,
    train: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    recipe: Recipe,
    protocol: Protocol,
    sight: Sight,
    evaluation: str,
    seed: int,
    workdir: str | Path,
    suffix: str = "",
    metric: str = "top1",
    make_reporter: MakeReporter | None = None,
) -> Outcome:
    """Return what a classifier on `encoder` says about the test images; see `judge` for the protocols.

    A frozen encoder is one forward pass for all learning rates (`Classifier`); under `published` its batch norms take
    the statistics of the batch and their running ones drift, as in the paper's runs; under `clean` it is evaluated. A
    MAE encoder gets its own kind of layer (a batch norm without weights before it). Costs `epochs` passes over
    the training images for each rate that cannot be trained together, twice under `clean` where a rate is chosen.

    Args:
        encoder: What is evaluated; stays as it is.
        train: Labelled training images.
        test: Labelled test images.
        classes: Class names, in the order of the classifier's outputs.
        recipe: How it is trained: `LINEAR`, one of `RECIPES`, or another.
        protocol: `clean` or `published`.
        sight: Size, crops, machine.
        evaluation: Name in the records: `linear`, `finetune`, `attributes`.
        seed: Of held-out images, batches, crops and weights.
        workdir: For checkpoints: an interrupted evaluation goes on there.
        suffix: Said after the protocol in the records.
        metric: By which `published` chooses among its looks; see `headline_metrics`.
        make_reporter: Called for every training, with names such as `held_out`, `all` and `published`; where rates are
            trained one after the other, `held_out/rate-0.1` and `published/rate-0.1`.

    Raises:
        InputError: Labels, sizes or settings do not fit.
    """
    card = encoder.card
    published = protocol == "published"
    least = 2
    if len(train) < least:
        raise InputError(f"There is {len(train)} labelled training image; a classifier needs at least {least}.")

    batch_norm: BatchNorm = "train" if published else "eval"
    head = head_of(card)

    def fit(store: ImageStore, rates: Sequence[float], folder: Path, name: str, watch: Watch | None) -> Classifier:
        base = rates[0] if len(rates) == 1 else 1.0
        settings = recipe.settings(len(store), rate=base, sight=sight, look_every_epoch=watch is not None)
        return fit_classifier(
            encoder,
            store,
            classes=classes,
            view=sight.view,
            settings=settings,
            seed=seed,
            workdir=folder / name,
            frozen=recipe.frozen,
            batch_norm=batch_norm,
            rates=[rate / base for rate in rates],
            head=head,
            reporter=None if make_reporter is None else make_reporter(name),
            watch=watch,
            description=f"{evaluation}{suffix}, {name}",
        )[0]

    def rank(classifier: Classifier, store: ImageStore) -> np.ndarray:
        return sight.rank(classifier, store, card=card, class_count=len(classes))

    seen = (sight.view, sight.resize_ratio, tuple(card.mean), tuple(card.std))
    facts = (encoder.fingerprint, recipe, seen, batch_norm, head, seed)
    fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()
    return judge(
        Trial(fit, rank, recipe.learning_rates, together=recipe.frozen, fingerprint=fingerprint),
        train,
        test,
        classes=classes,
        evaluation=evaluation,
        protocol=protocol,
        seed=seed,
        workdir=Path(workdir),
        suffix=suffix,
        metric=metric,
    )


def shortened(recipe: Recipe, *, epochs: int | None) -> Recipe:
    """Return the recipe with another number of epochs, its schedule stretched along; unchanged for None.

    Example:
        >>> shortened(LINEAR, epochs=10).epochs
        10
    """
    return recipe if epochs is None else replace(recipe, epochs=epochs)
