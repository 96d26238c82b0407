"""Raw pixels as a representation: the row that every encoder has to beat."""

import numpy as np

from simcore.images import ImageStore, eval_pixels


def pixel_features(store: ImageStore, *, image_size: int, resize_ratio: float = 1.0) -> np.ndarray:
    """Return the pixels of all images of `store` as features, float32 in [0, 1].

    Args:
        store: Images by position.
        image_size: Side s of the square crop, in pixels.
        resize_ratio: How much larger than the crop the image is before cropping.

    Returns:
        `(n, s * s)` when every image is grey (three equal channels would only repeat it), else `(n, 3 * s *
        s)`.
    """
    pixels = eval_pixels(store, image_size=image_size, resize_ratio=resize_ratio)
    if store.grey:
        pixels = pixels[:, :1]
    return pixels.reshape(len(pixels), -1).numpy().astype(np.float32) / 255
