"""Decoded pixels of many images in one flat buffer, or as much of the way there as memory allows."""

import logging
from collections.abc import Sequence
from itertools import chain
from multiprocessing.context import get_spawning_popen
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from simcore.errors import InputError, in_a_line
from simcore.images.decode import decode_compact
from simcore.images.encoded import ByteReader, Encoded, UnreadableError, map_images
from simcore.images.packed_files import count_image_bytes
from simcore.images.uris import split_packed_uri
from simcore.images.verify import usable_workers
from simcore.progress import progress
from simcore.source_text import is_url

logger = logging.getLogger(__name__)

_GIB = 2**30


class ImageCache:
    """Pixels, or encoded bytes, of all rows in one flat buffer; without a buffer, the uris alone."""

    def __init__(self, manifest: pd.DataFrame, *, side: int | None) -> None:
        # Arrow strings: as Python objects, ten million uris take twice the memory, and forked workers copy
        # their pages as it counts references.
        self.uris = pa.array(manifest["uri"], type=pa.large_string())
        self.keys = pa.array(manifest["key"], type=pa.large_string())
        self.side = side
        self.pixels = _count_pixels(manifest, side=side)
        self.buffer = np.empty(0, dtype=np.uint8)
        self.bounds = np.zeros((len(manifest), 2), dtype=np.int64)
        self.shapes: np.ndarray | None = None
        self.shared: torch.Tensor | None = None
        self.reader = ByteReader()

    def fill(self, *, cache_gib: float, workers: int | None, show_progress: bool) -> None:
        """Take into memory what fits: the pixels, else the bytes of packed images, else nothing."""
        allowed = int(cache_gib * _GIB)
        needed = 3 * self.pixels
        if needed <= allowed:
            self.shapes = np.zeros((len(self.uris), 3), dtype=np.int32)
            self._load(np.arange(len(self.uris)), needed, workers=workers, show_progress=show_progress)
            return
        logger.info(
            "%d images take %.1f GiB decoded, more than `cache_gib` = %g: they are decoded at each access.",
            len(self.uris),
            needed / _GIB,
            cache_gib,
        )
        uris = self.uris.to_pylist()
        n_remote = sum(is_url(uri) for uri in uris)
        if n_remote:
            logger.warning(
                "%d images lie behind URLs and are fetched at each access; raise `cache_gib`, or copy them here.",
                n_remote,
            )
        rows, size = _packed_size(uris)
        if len(rows) and size <= allowed:
            self._load(rows, size, workers=workers, show_progress=show_progress)
        elif len(rows):
            logger.warning(
                "%d packed images take %.1f GiB, more than `cache_gib` = %g: out of order, each access "
                "reads a whole row group; raise `cache_gib`, or unpack them into a folder.",
                len(rows),
                size / _GIB,
                cache_gib,
            )

    def _load(self, rows: np.ndarray, size: int, *, workers: int | None, show_progress: bool) -> None:
        """Fill the buffer with `rows`, about `size` bytes: pixels if there are shapes, else encoded bytes."""
        buffer = np.empty(size, dtype=np.uint8)
        end = 0
        uris = self.uris.take(pa.array(rows)).to_pylist()
        loaded = map_images(
            lambda position, image: self._load_one(int(rows[position]), image),
            uris,
            workers=usable_workers(workers),
        )
        bar = progress(loaded, description="load images", total=len(rows), unit="image", shown=show_progress)
        for position, array in bar:
            start, end = end, end + array.size
            if end > buffer.size:
                spare = np.empty(max(array.size, buffer.size // 2), dtype=np.uint8)
                buffer = np.concatenate([buffer, spare])
            buffer[start:end] = array.reshape(-1)
            self.bounds[rows[position]] = start, end
            if self.shapes is not None:
                self.shapes[rows[position]] = (*array.shape, 1)[:3]
        self.buffer = buffer if end == buffer.size else buffer[:end].copy()

    def _load_one(self, row: int, image: Encoded) -> np.ndarray:
        try:
            data = image.read()
        except UnreadableError as error:
            raise self._gone(row, error) from error
        return np.frombuffer(data, dtype=np.uint8) if self.shapes is None else self._decode(row, data)

    def _read(self, row: int) -> bytes:
        try:
            return self.reader.read(self.uris[row].as_py())
        except UnreadableError as error:
            raise self._gone(row, error) from error

    def _decode(self, row: int, data: bytes) -> np.ndarray:
        try:
            return decode_compact(data, side=self.side)
        except UnreadableError as error:
            raise self._gone(row, error) from error

    def _gone(self, row: int, error: UnreadableError) -> InputError:
        return InputError(
            f"Image '{self.keys[row]}' at {self.uris[row]} cannot be read any more: {error}; "
            "restore it, or read the source again to get a manifest without it."
        )

    def get(self, row: int) -> np.ndarray:
        """Return (h, w) or (h, w, 3), read-only."""
        start, end = self.bounds[row]
        kept = self.buffer[start:end]
        if self.shapes is not None:
            height, width, channels = self.shapes[row].tolist()
            image = kept.reshape((height, width) if channels == 1 else (height, width, channels))
        elif end > start:
            image = self._decode(row, kept.tobytes())
        else:
            image = self._decode(row, self._read(row))
        image.flags.writeable = False
        return image

    def all_grey(self, rows: np.ndarray) -> bool:
        """Return whether all `rows` are grey."""
        if self.shapes is not None:
            return bool((self.shapes[rows, 2] == 1).all())
        return all(self.get(row).ndim == 2 for row in rows.tolist())  # noqa: PLR2004

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__ | {"reader": None, "shared": None}
        if get_spawning_popen() is not None and self.buffer.size:
            if self.shared is None:
                self.shared = torch.from_numpy(self.buffer).share_memory_()
                self.buffer = self.shared.numpy()
            state["buffer"] = state["shared"] = self.shared
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, reader=ByteReader())
        if self.shared is not None:
            self.buffer = self.shared.numpy()


def _count_pixels(manifest: pd.DataFrame, *, side: int | None) -> int:
    """Return how many pixels the images have, once the shorter sides are reduced to `side`."""
    sizes = manifest[["width", "height"]].to_numpy(dtype=np.int64)
    shorter, longer = sizes.min(axis=1), sizes.max(axis=1)
    if side is not None:
        longer = np.where(shorter > side, side * longer // np.maximum(shorter, 1), longer)
        shorter = np.minimum(shorter, side)
    return int((shorter * longer).sum())


def _packed_size(uris: Sequence[str]) -> tuple[np.ndarray, int]:
    """Return the positions of packed images in `uris`, and about how many bytes they take."""
    positions: dict[str, list[int]] = {}
    for position, uri in enumerate(uris):
        packed = split_packed_uri(uri)
        if packed is not None:
            positions.setdefault(packed[0], []).append(position)
    size = 0
    for path, members in positions.items():
        try:
            rows, whole = count_image_bytes(path)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"The packed file {path} cannot be read any more ({in_a_line(error)}); restore it, or read the "
                "source again."
            ) from error
        size += whole * len(members) // max(1, rows)
    return np.asarray(sorted(chain.from_iterable(positions.values())), dtype=np.int64), size
