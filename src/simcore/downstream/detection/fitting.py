"""A detector trained on images with boxes, and what it finds in others."""

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from simcore.backbones import Encoder, normalise
from simcore.downstream.detection.annotations import Objects
from simcore.downstream.detection.detector import Detector
from simcore.downstream.detection.views import BoxViews, BoxViewSettings, shown_size
from simcore.downstream.weights import check_weights
from simcore.errors import InputError
from simcore.images import ImageStore
from simcore.images.decode import resize
from simcore.progress import progress
from simcore.training import Reporter, TrainingResult, TrainingSettings, pretrain

logger = logging.getLogger(__name__)

_LEAST = 2


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector found in an image, most certain first.

    Attributes:
        boxes: `(k, 4)` float64: left, top, right, bottom, in pixels of the image as its manifest gives its size.
        scores: `(k,)` float64, between 0 and 1.
        classes: `(k,)` int64.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def fit_detector(
    encoder: Encoder,
    train: ImageStore,
    objects: Mapping[str, Objects],
    *,
    class_count: int,
    view: BoxViewSettings,
    settings: TrainingSettings,
    seed: int,
    workdir: str | Path,
    frozen: bool = True,
    width: int = 256,
    nms_iou: float = 0.2,
    least_score: float = 0.05,
    reporter: Reporter | None = None,
    description: str = "detect",
) -> tuple[Detector, TrainingResult]:
    """Return a detector on a copy of `encoder`, trained on the images of `train`, and how it went.

    It is `simcore.training.pretrain` that trains: bars, curves, checkpoints and exact resumption are its. Before and
    after a training with a frozen encoder all its weights and buffers are compared, key by key.

    Args:
        encoder: Stays as it is.
        train: Images.
        objects: Boxes of each by key.
        class_count: Classes of the data.
        view: Sizes and flip.
        settings: Length and rates; a batch larger than the data is reduced to them. Mean and standard deviation of
            the pixels are those of the encoder's card.
        seed: Of batches, views and initial weights.
        workdir: For checkpoints.
        frozen: Whether the encoder stays as it is.
        width: See `Detector`, as the next two.
        nms_iou: Overlap.
        least_score: Lowest score.
        reporter: Gets the curves.
        description: Of the bar.

    Raises:
        InputError: There are less than 2 images, an image has no boxes given, or the encoder has no pyramid.
        ArtefactError: The frozen encoder did not stay as it was.
    """
    missing = [str(key) for key in train.keys if str(key) not in objects]
    if missing:
        raise InputError(f"`objects` says nothing of image '{missing[0]}'; give its boxes, or leave it out.")
    if len(train) < _LEAST:
        only = f" ('{train.keys[0]}')" if len(train) else ""
        raise InputError(f"There is {len(train)} training image with boxes{only}; a detector needs at least {_LEAST}.")
    if isinstance(settings.batch_size, int) and settings.batch_size > len(train):
        logger.warning("Batches of %d images, since there are no more (%d asked for).", len(train), settings.batch_size)
        settings = settings.model_copy(update={"batch_size": len(train)})
    method = Detector(
        copy.deepcopy(encoder.module),
        class_count=class_count,
        seed=seed,
        frozen=frozen,
        width=width,
        nms_iou=nms_iou,
        least_score=least_score,
    )
    check_weights(method.encoder, encoder, inside="detector")
    card = encoder.card
    result = pretrain(
        method,
        train,
        views=BoxViews(view, {str(key): objects[str(key)] for key in train.keys}, seed=seed),
        settings=settings.model_copy(update={"mean": tuple(card.mean), "std": tuple(card.std)}),
        seed=seed,
        workdir=workdir,
        reporter=reporter,
        description=description,
    )
    if frozen:
        check_weights(method.encoder, encoder, inside="detector")
    return method, result


def find_objects(
    detector: Detector,
    store: ImageStore,
    objects: Mapping[str, Objects],
    *,
    view: BoxViewSettings,
    mean: Sequence[float],
    std: Sequence[float],
    batch_size: int = 16,
) -> list[Found]:
    """Return what `detector` finds in each image of `store`, in store order.

    Args:
        detector: In any mode; it is put back.
        store: Images.
        objects: Sizes of the images by key.
        view: Sizes that images are shown in.
        mean: Of the pixels, as the encoder was trained with.
        std: Likewise.
        batch_size: Images at once.
    """
    device = next(detector.parameters()).device
    found: list[Found] = []
    for start in progress(range(0, len(store), batch_size), description="find", unit="batch"):
        rows = range(start, min(start + batch_size, len(store)))
        images = [_shown(store[row], view) for row in rows]
        given = [normalise(image.to(device)[None], mean=tuple(mean), std=tuple(std))[0] for image in images]
        for row, image, each in zip(rows, images, detector.find(given), strict=True):
            marked = objects[str(store.keys[row])]
            scale = np.tile([marked.width / image.shape[2], marked.height / image.shape[1]], 2)
            found.append(
                Found(
                    each["boxes"].cpu().numpy().astype(np.float64) * scale,
                    each["scores"].cpu().numpy().astype(np.float64),
                    each["labels"].cpu().numpy().astype(np.int64),
                )
            )
    return found


def _shown(image: np.ndarray, view: BoxViewSettings) -> torch.Tensor:
    """Return `(3, h, w)` uint8."""
    size = shown_size(image.shape[1], image.shape[0], settings=view)
    return torch.from_numpy(np.ascontiguousarray(resize(image, size).transpose(2, 0, 1)))
