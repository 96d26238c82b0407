"""The pixels of a store on the device that trains, for views made there."""

import numpy as np
import torch
from torch import Tensor


class DeviceImages:
    """Images by position as tensors on a device, where they all lie in one piece; see `ImageStore.on_device`.

    Args:
        pixels: uint8 (number of bytes,), on the device.
        bounds: (n, 2) first byte of each image and the one after its last.
        shapes: (n, 3) height, width and channels.
    """

    def __init__(self, pixels: Tensor, bounds: np.ndarray, shapes: np.ndarray) -> None:
        self._pixels = pixels
        self._bounds = bounds
        self._shapes = shapes

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._bounds)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._pixels.device

    def compact(self, position: int) -> Tensor:
        """Return image `position` as uint8, without a copy: (h, w) where it is grey, else (h, w, 3); do not write."""
        start, end = self._bounds[position].tolist()
        height, width, channels = self._shapes[position].tolist()
        return self._pixels[start:end].view((height, width) if channels == 1 else (height, width, channels))
