"""A segmentation network trained on images with masks, and what it says about others."""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcore.backbones import Encoder, normalise
from simcore.downstream.segmentation.deeplab import DILATIONS
from simcore.downstream.segmentation.masks import CLASSES, Masks
from simcore.downstream.segmentation.scoring import count_pixels
from simcore.downstream.segmentation.segmenter import HEAD_RATE, Segmenter
from simcore.downstream.segmentation.views import CropSettings, JointViews, centre_view
from simcore.downstream.weights import check_weights
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.images.verify import usable_workers
from simcore.progress import progress
from simcore.training import Reporter, TrainingResult, TrainingSettings, pretrain

logger = logging.getLogger(__name__)

LEARNING_RATES = tuple(float(rate) for rate in np.logspace(-1, -3, 5))

Watch = Callable[[Segmenter], Mapping[str, float]]
"""Gets the network in evaluation mode and returns figures by name."""


@dataclass(frozen=True)
class SegmentationRecipe:
    """How a segmentation network is trained; the defaults are the SimCore paper's (appendix B.5).

    SGD with Nesterov momentum 0.9, the rate falling as (1 - t / E)^0.9 with every step. Left out of an epoch is what
    does not fill a batch, as in the code.

    Attributes:
        crop: Augmentation, and the size of the images.
        epochs: Passes over the training images.
        batch_size: Images a step; less images make one batch.
        learning_rates: To choose from.
        head_rate: Factor of the rate of everything but the encoder.
        weight_decay: Of all parameters that are trained.
        power: Exponent of the schedule.
        output_stride: See `FeaturePyramid`.
        dilations: See `DeepLab`.
        frozen: Whether the encoder stays as it is.
        precision: `float32` or `bfloat16`.
    """

    crop: CropSettings = CropSettings()  # noqa: RUF009 (it is frozen)
    epochs: int = 30
    batch_size: int = 256
    learning_rates: tuple[float, ...] = LEARNING_RATES
    head_rate: float = HEAD_RATE
    weight_decay: float = 1e-4
    power: float = 0.9
    output_stride: int = 16
    dilations: tuple[int, ...] = DILATIONS
    frozen: bool = True
    precision: str = "float32"

    def settings(self, n: int, *, rate: float, machine: Mapping[str, Any]) -> TrainingSettings:
        """Return the settings of a run on `n` images.

        Args:
            n: Images.
            rate: Learning rate.
            machine: Fields of `TrainingSettings` that belong to the machine: device, workers, threads.

        Example:
            >>> SegmentationRecipe().settings(600, rate=0.1, machine={}).resolved_steps(600)
            60
        """
        values: dict[str, Any] = {
            "epochs": self.epochs,
            "batch_size": min(self.batch_size, n),
            "drop_last": True,
            "optimiser": "sgd",
            "learning_rate": rate,
            "schedule": "poly",
            "power": self.power,
            "weight_decay": self.weight_decay,
            "precision": self.precision,
            **machine,
        }
        return TrainingSettings(**values)


def fit_segmenter(
    encoder: Encoder,
    train: ImageStore,
    masks: Masks,
    *,
    recipe: SegmentationRecipe,
    rate: float,
    seed: int,
    workdir: str | Path,
    machine: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "segment",
) -> tuple[Segmenter, TrainingResult]:
    """Return a segmentation network on a copy of `encoder`, trained on images with masks, and how it went.

    `simcore.training.pretrain` trains: bars, curves, checkpoints and exact resumption are its. That the network holds
    all of the encoder's weights is proved before the first step, and with a frozen encoder after the last.

    Args:
        encoder: Stays as it is.
        train: Images; `masks` has one of each.
        masks: By key.
        recipe: Augmentation, length, head.
        rate: Learning rate.
        seed: Of batches, views and the head's first weights.
        workdir: For checkpoints.
        machine: Fields of `TrainingSettings` that change no result: device, workers, threads.
        reporter: Gets the curves.
        watch: Called after every epoch.
        description: Of the bar.

    Raises:
        InputError: There is a single image, or the encoder has no pyramid of maps.
        NonFiniteError: The loss becomes NaN or infinite.
    """
    least = 2
    if len(train) < least:
        raise InputError(
            f"Image '{train.keys[0] if len(train) else '-'}' is all there is to train a segmentation on; batch norm "
            f"needs at least {least} images with masks."
        )
    if len(train) < recipe.batch_size:
        logger.info("There are %d images for batches of %d: all of them make one.", len(train), recipe.batch_size)
    method = Segmenter(
        copy.deepcopy(encoder.module),
        image_size=recipe.crop.image_size,
        seed=seed,
        frozen=recipe.frozen,
        output_stride=recipe.output_stride,
        dilations=recipe.dilations,
        head_rate=recipe.head_rate,
    )
    check_weights(method.encoder, encoder, inside="segmentation network")
    card = encoder.card
    settings = recipe.settings(len(train), rate=rate, machine=machine or {}).model_copy(
        update={"mean": tuple(card.mean), "std": tuple(card.std)}
    )
    if watch is not None:
        settings = settings.model_copy(update={"probe_every_steps": settings.steps_per_epoch(len(train))})
    result = pretrain(
        method,
        train,
        views=JointViews(masks, recipe.crop, seed=seed),
        settings=settings,
        seed=seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=watch,  # type: ignore[arg-type] # `probed` of this method is itself
    )
    if recipe.frozen:
        check_weights(method.encoder, encoder, inside="segmentation network")
    return method, result


def measure_segmenter(
    segmenter: Segmenter,
    store: ImageStore,
    masks: Masks,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    image_size: int,
    shown: Sequence[str] = (),
    batch_size: int = 64,
    description: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the confusion matrix `(2, 2)` of all pixels of the images, and the predicted classes of some.

    Images and masks are seen as `centre_view` cuts them.

    Args:
        segmenter: In any mode; it is put back.
        store: Images.
        masks: By key.
        mean: Of the pixels, as the encoder was trained with.
        std: Likewise.
        image_size: Side, in pixels.
        shown: Keys of the images whose predictions are returned, in this order, `(len(shown), s, s)` uint8.
        batch_size: Images at once.
        description: Of a bar; None shows none.
    """
    device = next(segmenter.parameters()).device
    was_training = segmenter.training
    segmenter.eval()
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    kept: dict[str, np.ndarray] = {}
    try:
        with torch.no_grad():
            for keys, pixels, true in _batches(store, masks, image_size, batch_size, description):
                images = normalise(torch.from_numpy(pixels).to(device), mean=tuple(mean), std=tuple(std))
                predicted = segmenter.predict(images).cpu().numpy()
                confusion += count_pixels(true, predicted)
                kept.update((key, each) for key, each in zip(keys, predicted, strict=True) if key in shown)
    finally:
        segmenter.train(was_training)
    return confusion, np.stack([kept[key] for key in shown]) if len(shown) else np.empty((0, image_size, image_size))


def _batches(
    store: ImageStore, masks: Masks, image_size: int, batch_size: int, description: str | None
) -> Iterator[tuple[list[str], np.ndarray, np.ndarray]]:
    """Yield keys, pixels `(n, 3, s, s)` and classes `(n, s, s)` batch by batch."""

    def view(position: int) -> tuple[np.ndarray, np.ndarray]:
        picture = masks.picture(str(store.keys[position]))
        return centre_view(store.compact(position), picture, image_size=image_size)

    every = range(0, len(store), batch_size)
    starts = progress(every, description=description or "", unit="batch", shown=description is not None)
    with ThreadPoolExecutor(usable_workers(None)) as pool:
        for start in starts:
            positions = range(start, min(start + batch_size, len(store)))
            pixels, classes = zip(*pool.map(view, positions), strict=True)
            yield [str(store.keys[position]) for position in positions], np.stack(pixels), np.stack(classes)
