"""Images as a classifier sees them: features and logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from simcore.backbones import normalise
from simcore.images import ImageStore, eval_batches
from simcore.supervised import Classifier

_BATCH = 256


@dataclass(frozen=True, eq=False)
class Seen:
    """What a classifier makes of images.

    Attributes:
        features: `(n, d)` float32, what its layer gets.
        logits: `(n, c)` float32.
    """

    features: Tensor
    logits: Tensor


def look_at(
    classifier: Classifier,
    store: ImageStore,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    image_size: int,
    resize_ratio: float = 1.0,
) -> Seen:
    """Return features and logits of the images of `store`, seen without augmentation, in evaluation mode.

    They lie on the device of the classifier, or on the CPU where that device has no float64 (MPS).

    Args:
        classifier: With one layer; in any mode, which it is put back to.
        store: Images.
        mean: Of the pixels, as the encoder was trained with.
        std: Likewise.
        image_size: Side of the square input, in pixels.
        resize_ratio: How much larger than the crop the image is.
    """
    device = next(classifier.parameters()).device
    kept_on = torch.device("cpu") if device.type == "mps" else device
    was_training = classifier.training
    classifier.eval()
    batches = [np.arange(start, min(start + _BATCH, len(store))) for start in range(0, len(store), _BATCH)]
    weight, bias = classifier.weights[0], classifier.biases[0]
    features, logits = [], []
    try:
        with torch.no_grad():
            for pixels in eval_batches(store, batches, image_size=image_size, resize_ratio=resize_ratio):
                rows = classifier.features(normalise(pixels.to(device), mean=tuple(mean), std=tuple(std)))
                given = classifier.normalise(rows).float()
                features.append(given.to(kept_on))
                logits.append(nn.functional.linear(given, weight, bias).to(kept_on))
    finally:
        classifier.train(was_training)
    if not features:
        return Seen(torch.zeros(0, weight.shape[1], device=kept_on), torch.zeros(0, len(weight), device=kept_on))
    return Seen(torch.cat(features), torch.cat(logits))
