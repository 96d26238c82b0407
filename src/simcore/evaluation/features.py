"""Features of a whole image store in memory."""

import numpy as np
import torch

from simcore.backbones import Encoder
from simcore.errors import SimCoreError
from simcore.images import ImageStore, eval_pixels
from simcore.progress import progress


def encode_store(
    encoder: Encoder,
    store: ImageStore,
    *,
    image_size: int,
    resize_ratio: float = 1.0,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Return the features of all images of `store`, `(n, d)` float32, in store order.

    The shorter side is resized to `image_size * resize_ratio`, the centre cropped and encoded in evaluation
    mode.

    Args:
        encoder: Maps uint8 images to features; its module is moved to `device`.
        store: Images by position.
        image_size: Side of the square input, in pixels.
        resize_ratio: How much larger than the crop the image is; 256 / 224 in the paper.
        batch_size: Images encoded at once.
        device: Where the encoder runs.

    Raises:
        SimCoreError: If a feature is NaN or infinite; the message names the image.
    """
    encoder.module.to(device)
    features = np.empty((len(store), encoder.dim), dtype=np.float32)
    for start in progress(range(0, len(store), batch_size), description="encode", unit="batch"):
        rows = np.arange(start, min(start + batch_size, len(store)))
        pixels = eval_pixels(store, image_size=image_size, resize_ratio=resize_ratio, rows=rows)
        features[rows] = encoder.encode(pixels, output="features").cpu().numpy()
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise SimCoreError(
            f"The features of {np.count_nonzero(~finite)} image(s) are NaN or infinite, the first is "
            f"`{store.keys[np.argmin(finite)]}`; the encoder's weights are damaged or its training diverged."
        )
    return features
