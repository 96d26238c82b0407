"""All images of a manifest, decoded once where they fit into memory."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from simcore.errors import InputError
from simcore.images.cache import ImageCache
from simcore.images.device_images import DeviceImages
from simcore.images.manifest import check_manifest

_NAMES_SHOWN = 3


class ImageStore:
    """The images of a manifest by position, keys alongside.

    When all pixels fit into `cache_gib`, every image is decoded once, here; a grey one takes one byte a
    pixel. Otherwise images are decoded at each access, and of packed files the encoded bytes are kept where
    these fit. What an access returns does not depend on the cache. Workers of a DataLoader share the cache:
    forked ones as they are, spawned ones through shared memory.

    Attributes:
        keys: (n,) str objects, read-only.
        labels: (n,) str objects, None where unknown, read-only.

    Args:
        manifest: of one source or of several.
        side: reduce the shorter side of larger images to this many pixels.
        cache_gib: memory for decoded images, GiB.
        workers: decoding threads; None takes every usable core.
        show_progress: show a bar while decoding.

    Raises:
        InputError: the manifest breaks its contract, or an image in it cannot be read any more.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from simcore.images import read_source
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("a", "b"):
        ...     Image.new("L", (28, 28), 7).save(root / f"{name}.png")
        >>> store = ImageStore(read_source(root).manifest)
        >>> len(store), store.grey, store[0].shape, store.subset(["b.png"]).keys.tolist()
        (2, True, (28, 28, 3), ['b.png'])
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        *,
        side: int | None = None,
        cache_gib: float = 4.0,
        workers: int | None = None,
        show_progress: bool = False,
    ) -> None:
        check_manifest(manifest)
        if side is not None and side < 1:
            raise InputError(f"`side` is {side}; it must be at least 1 pixel, or None for whole images.")
        self._rows = np.arange(len(manifest))
        self.keys = _read_only(manifest["key"].to_numpy(dtype=object))
        self.labels = _read_only(manifest["label"].astype(object).where(manifest["label"].notna(), None).to_numpy())
        self._images = ImageCache(manifest, side=side)
        self._grey: bool | None = None
        self._images.fill(cache_gib=cache_gib, workers=workers, show_progress=show_progress)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    @property
    def grey(self) -> bool:
        """Whether every image is grey; without a cache, images are decoded up to the first one in colour."""
        if self._grey is None:
            self._grey = self._images.all_grey(self._rows)
        return self._grey

    @property
    def cached(self) -> bool:
        """Whether the decoded pixels are in memory."""
        return self._images.shapes is not None

    def __getitem__(self, position: int) -> np.ndarray:
        """Return image `position`: uint8 of shape (h, w, 3), read-only."""
        image = self.compact(position)
        return image if image.ndim == 3 else np.broadcast_to(image[:, :, None], (*image.shape, 3))  # noqa: PLR2004

    def compact(self, position: int) -> np.ndarray:
        """Return image `position` as uint8, read-only: (h, w) where it is grey, else (h, w, 3)."""
        return self._images.get(int(self._rows[position]))

    def on_device(self, device: str | torch.device) -> DeviceImages:
        """Return the cached pixels as tensors on `device`, copied there once (not at all for the CPU).

        A target of a few thousand images stays on the accelerator this way, and a step of `DeviceViews` copies
        nothing. Takes as much memory there as the cache takes here, that of all images of this store's manifest.

        Raises:
            InputError: the pixels are not in the cache.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> from PIL import Image
            >>> from simcore.images import read_source
            >>> root = Path(tempfile.mkdtemp())
            >>> Image.new("L", (28, 20), 7).save(root / "a.png")
            >>> ImageStore(read_source(root).manifest).on_device("cpu").compact(0).shape
            torch.Size([20, 28])
        """
        if self._images.shapes is None:
            raise InputError(
                f"The {len(self)} images are decoded at each access, so there are no pixels to put on {device}; "
                "raise `cache_gib` until they fit, or reduce them with `side`."
            )
        pixels = torch.from_numpy(self._images.buffer).to(device)
        return DeviceImages(pixels, self._images.bounds[self._rows], self._images.shapes[self._rows])

    def subset(self, keys: Iterable[str]) -> "ImageStore":
        """Return the store of these keys, in their order, over the same cache.

        Raises:
            InputError: a key is not in this store, or comes twice.
        """
        wanted = list(keys)
        positions = pd.Index(self.keys).get_indexer(pd.Index(wanted, dtype=object))
        unknown = [key for key, position in zip(wanted, positions, strict=True) if position < 0]
        if unknown:
            raise InputError(
                f"{len(unknown)} of {len(wanted)} keys are not among the {len(self)} images of the store "
                f"({_some(unknown)}); take keys from its manifest."
            )
        if len(set(wanted)) < len(wanted):
            repeated = pd.Series(wanted)
            raise InputError(
                f"Keys come more than once ({_some(repeated[repeated.duplicated()].unique())}); give each key once."
            )
        part = object.__new__(ImageStore)
        part.__dict__.update(
            self.__dict__,
            _rows=self._rows[positions],
            keys=_read_only(self.keys[positions]),
            labels=_read_only(self.labels[positions]),
            _grey=None,
        )
        return part


def _read_only(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def _some(keys: Iterable[str]) -> str:
    keys = list(keys)
    more = f" and {len(keys) - _NAMES_SHOWN} more" if len(keys) > _NAMES_SHOWN else ""
    return ", ".join(f"'{key}'" for key in keys[:_NAMES_SHOWN]) + more
