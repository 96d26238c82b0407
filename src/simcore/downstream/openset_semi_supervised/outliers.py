"""Which unlabelled images are outliers, by the one-vs-all classifiers of OpenMatch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from simcore.backbones import EncoderCard
from simcore.downstream.network import view_store
from simcore.downstream.openset_semi_supervised.openmatch import OpenMatch
from simcore.images import ImageStore
from simcore.methods import Method

CENTRE_RATIO = 256 / 224
"""Shorter side over crop of the centre view that labelled images are trained in and unlabelled ones are chosen by."""


@dataclass(frozen=True)
class ChooseInliers:
    """Works out what a `simcore.training.Refresh` of OpenMatch puts into its buffers.

    Costs one pass over the unlabelled images.

    Attributes:
        unlabelled: Images, in the order of the positions.
        card: Of the encoder, for mean and standard deviation of the pixels.
        image_size: Side of the square input, in pixels.
    """

    unlabelled: ImageStore
    card: EncoderCard
    image_size: int

    def __call__(self, method: Method, step: int) -> Mapping[str, Tensor]:
        """Return `outlier_score` and `inlier`."""
        del step
        assert isinstance(method, OpenMatch)
        _, scores = score_images(method, self.unlabelled, card=self.card, image_size=self.image_size)
        return {"outlier_score": scores, "inlier": scores < method.outlier_threshold}


def score_images(method: OpenMatch, store: ImageStore, *, card: EncoderCard, image_size: int) -> tuple[Tensor, Tensor]:
    """Return the named class `(n,)` int64 and the outlier score `(n,)` float32 of each image, on the CPU.

    Args:
        method: In any mode; it is put back.
        store: Images.
        card: Of the encoder.
        image_size: Side of the square input, in pixels.
    """
    seen = view_store(
        method,
        store,
        mean=card.mean,
        std=card.std,
        image_size=image_size,
        resize_ratio=CENTRE_RATIO,
    )
    named, scores = zip(*(method.score(images) for images in seen), strict=True)
    return torch.cat(named).cpu(), torch.cat(scores).float().cpu()


def outlier_table(
    method: OpenMatch, store: ImageStore, *, classes: Sequence[str], card: EncoderCard, image_size: int
) -> pd.DataFrame:
    """Return one row an unlabelled image: `key`, `outlier_score`, `named` (the class it would be), `inlier`.

    Args:
        method: Trained.
        store: The unlabelled images.
        classes: Class names.
        card: Of the encoder.
        image_size: Side of the square input, in pixels.
    """
    named, scores = score_images(method, store, card=card, image_size=image_size)
    return pd.DataFrame(
        {
            "key": pd.Series(store.keys.tolist(), dtype="str"),
            "outlier_score": scores.numpy(),
            "named": pd.Series(np.array(classes, dtype=object)[named.numpy()], dtype="str"),
            "inlier": (scores < method.outlier_threshold).numpy(),
        }
    )
