"""A nearest-neighbour look at an encoder while it trains."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from simcore.backbones import IMAGENET_MEAN, IMAGENET_STD, normalise
from simcore.evaluation.knn import vote
from simcore.images import ImageStore, eval_pixels

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class OnlineKnn:
    """Measures the leave-one-out accuracy of a network on labelled images.

    Each image is classified by its k nearest others, weighted as in `simcore.evaluation.knn`. No test image is
    touched, so the curve may be looked at while settings are chosen. Costs one pass over the images and O(n^2 d).

    Attributes:
        store: Labelled images.
        image_size: Side of the square input, in pixels.
        resize_ratio: How much larger than the crop the image is.
        mean: Per-channel mean taken out of the pixels.
        std: Per-channel standard deviation that they are divided by.
        k: Neighbours; at most all other images.
        batch_size: Images encoded at once.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from simcore.images import read_source
        >>> root = Path(tempfile.mkdtemp())
        >>> for number, name in enumerate(("dark", "light")):
        ...     (root / name).mkdir()
        ...     for shade in (0, 9):
        ...         Image.new("RGB", (8, 8), (200 * number + shade, 90, 255 - 200 * number)).save(
        ...             root / name / f"{shade}.png"
        ...         )
        >>> store = ImageStore(read_source(root).manifest)
        >>> OnlineKnn(store, image_size=8, k=1)(nn.Flatten())
        {'knn_top1': 1.0}
    """

    store: ImageStore
    image_size: int
    resize_ratio: float = 1.0
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    k: int = 20
    batch_size: int = 256

    def __call__(self, network: nn.Module) -> Mapping[str, float]:
        """Return the share of images whose class their neighbours name, as `knn_top1`."""
        features = nn.functional.normalize(self._features(network), dim=1)
        _, classes = np.unique(np.asarray(self.store.labels, dtype=str), return_inverse=True)
        true = torch.from_numpy(classes).to(features.device)
        predicted = predict_left_out(features, true, k=self.k)
        return {"knn_top1": (predicted == true).double().mean().item()}

    def _features(self, network: nn.Module) -> Tensor:
        parameter = next(network.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        parts = []
        with torch.no_grad():
            for start in range(0, len(self.store), self.batch_size):
                rows = np.arange(start, min(start + self.batch_size, len(self.store)))
                pixels = eval_pixels(self.store, image_size=self.image_size, resize_ratio=self.resize_ratio, rows=rows)
                parts.append(network(normalise(pixels.to(device), mean=self.mean, std=self.std)).float())
        return torch.cat(parts)


def predict_left_out(features: Tensor, classes: Tensor, *, k: int) -> Tensor:
    """Return for each row the class that the k nearest other rows vote for, `(n,)`; of equal votes the first class.

    Args:
        features: `(n, d)`, unit rows.
        classes: `(n,)`, int64.
        k: Neighbours; at most all others.

    Example:
        >>> unit = torch.eye(2).repeat_interleave(2, dim=0)
        >>> predict_left_out(unit, torch.tensor([0, 0, 1, 1]), k=1).tolist()
        [0, 0, 1, 1]
    """
    n, count = len(features), int(classes.max()) + 1
    k = min(k, n - 1)
    predicted = []
    for rows in torch.arange(n, device=features.device).split(max(1, _BLOCK_BYTES // (4 * n))):
        similarities = features[rows] @ features.T
        similarities[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        near, nearest = similarities.topk(k, dim=1)
        predicted.append(vote(near, classes[nearest], class_count=count))
    return torch.cat(predicted)
