"""A classifier trained on labelled images, and what it says about others."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from simcore.backbones import Encoder, normalise
from simcore.errors import InputError
from simcore.images import ImageStore, MultiViews, ViewSettings, eval_batches
from simcore.supervised.classifier import BatchNorm, Classifier, Head
from simcore.supervised.labelled import LabelledViews
from simcore.training import Reporter, TrainingResult, TrainingSettings, pretrain

Watch = Callable[[Classifier], Mapping[str, float]]
"""Gets the classifier in evaluation mode and returns figures by name."""


def class_numbers(store: ImageStore, classes: Sequence[str]) -> np.ndarray:
    """Return the position in `classes` of each image's label, `(n,)` int64.

    Raises:
        InputError: An image has no label, or one that is not among `classes`.
    """
    number = {name: position for position, name in enumerate(classes)}
    found = []
    for key, label in zip(store.keys, store.labels, strict=True):
        if label not in number:
            what = "no label" if label is None else f"the label '{label}', which is none of the {len(classes)} classes"
            raise InputError(f"Image '{key}' has {what}; label it, or leave it out.")
        found.append(number[label])
    return np.array(found, dtype=np.int64)


def fit_classifier(
    encoder: Encoder,
    train: ImageStore,
    *,
    classes: Sequence[str],
    view: ViewSettings,
    settings: TrainingSettings,
    seed: int,
    workdir: str | Path,
    frozen: bool,
    batch_norm: BatchNorm = "eval",
    rates: Sequence[float] = (1.0,),
    head: Head = "linear",
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    description: str = "classify",
) -> tuple[Classifier, TrainingResult]:
    """Return a classifier on a copy of `encoder`, trained on the labelled images of `train`, and how it went.

    It is `simcore.training.pretrain` that trains: bars, curves, checkpoints and exact resumption are its.

    Args:
        encoder: Stays as it is.
        train: Labelled images.
        classes: Class names; the layer's outputs are in this order.
        view: Augmentation.
        settings: Length and rates; mean and standard deviation of the pixels are those of the encoder's card.
        seed: Of batches, views and initial weights.
        workdir: For checkpoints.
        frozen: See `Classifier`, as the next three.
        batch_norm: Mode of a frozen encoder.
        rates: One layer each.
        head: Kind of layer.
        reporter: Gets the curves.
        watch: Called as the `probe` of `pretrain`.
        description: Of the bar.

    Raises:
        InputError: Labels, settings or sizes do not fit.
    """
    numbers = class_numbers(train, classes)
    method = Classifier(
        copy.deepcopy(encoder.module),
        class_count=len(classes),
        seed=seed,
        frozen=frozen,
        batch_norm=batch_norm,
        rates=rates,
        head=head,
    )
    keys = [str(key) for key in train.keys]
    views = LabelledViews(MultiViews(((view, 1),), seed=seed), dict(zip(keys, numbers.tolist(), strict=True)))
    card = encoder.card
    result = pretrain(
        method,
        train,
        views=views,
        settings=settings.model_copy(update={"mean": tuple(card.mean), "std": tuple(card.std)}),
        seed=seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
        probe=watch,  # type: ignore[arg-type] # `probed` of this method is itself
    )
    return method, result


def rank_classes(
    classifier: Classifier,
    store: ImageStore,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    image_size: int,
    resize_ratio: float = 1.0,
    top: int = 5,
    batch_size: int = 256,
) -> np.ndarray:
    """Return the `top` most likely classes of each image for each rate, `(r, n, top)` int64, best first.

    Args:
        classifier: In any mode; it is evaluated in evaluation mode and put back.
        store: Images.
        mean: Of the pixels, as the encoder was trained with.
        std: Likewise.
        image_size: Side of the square input, in pixels.
        resize_ratio: How much larger than the crop the image is.
        top: Classes ranked; at most c.
        batch_size: Images at once.
    """
    device = next(classifier.parameters()).device
    was_training = classifier.training
    classifier.eval()
    bounds = [np.arange(start, min(start + batch_size, len(store))) for start in range(0, len(store), batch_size)]
    parts = []
    try:
        with torch.no_grad():
            for pixels in eval_batches(store, bounds, image_size=image_size, resize_ratio=resize_ratio):
                logits = classifier.logits(normalise(pixels.to(device), mean=tuple(mean), std=tuple(std)))
                # A layer that was left behind names the first classes.
                logits = torch.nan_to_num(logits.float(), nan=0.0)
                parts.append(logits.sort(dim=-1, descending=True, stable=True).indices[..., :top].cpu())
    finally:
        classifier.train(was_training)
    return torch.cat(parts, dim=1).numpy()
