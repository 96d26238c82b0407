"""All images of a manifest, decoded once where they fit into memory."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from multiprocessing.context import get_spawning_popen
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.errors import InputError
from simcore.images.decode import decode_compact
from simcore.images.encoded import IMAGE_COLUMN, ByteReader, UnreadableError, reading_lots, split_packed_uri
from simcore.images.manifest import check_manifest
from simcore.images.verify import usable_workers
from simcore.progress import progress

logger = logging.getLogger(__name__)

_GIB = 2**30
_NAMES_SHOWN = 3


class ImageStore:
    """The images of a manifest by position, keys alongside.

    When all pixels fit into `cache_gib`, every image is decoded once, here; a grey one takes one byte a
    pixel. Otherwise images are decoded at each access, and of packed files the encoded bytes are kept where
    these fit. What an access returns does not depend on the cache. Workers of a DataLoader share the cache:
    forked ones as they are, spawned ones through shared memory.

    Args:
        manifest: one or several sources (see `merge_manifests`).
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
        self._keys = manifest["key"].to_numpy(dtype=object)
        self._labels = np.array(
            [None if pd.isna(label) else label for label in manifest["label"]], dtype=object
        )
        self._images = _Images(manifest, side=side)
        self._grey: bool | None = None
        self._images.fill(cache_gib=cache_gib, workers=workers, show_progress=show_progress)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    @property
    def keys(self) -> np.ndarray:
        """Keys in the order of the store: (n,), str objects."""
        return self._keys[self._rows]

    @property
    def labels(self) -> np.ndarray:
        """Labels in the order of the store: (n,), str objects, None where unknown."""
        return self._labels[self._rows]

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
                f"Keys come more than once ({_some(repeated[repeated.duplicated()].unique())}); "
                "give each key once."
            )
        part = object.__new__(ImageStore)
        part.__dict__.update(self.__dict__, _rows=self._rows[positions], _grey=None)
        return part


class _Images:
    """Pixels, or encoded bytes, of all rows in one flat buffer; without a buffer, the uris alone."""

    def __init__(self, manifest: pd.DataFrame, *, side: int | None) -> None:
        # Arrow strings: of ten million uris, Python objects would take twice the memory, copied by each forked
        # worker as it counts references.
        self.uris = pa.array(manifest["uri"], type=pa.large_string())
        self.keys = pa.array(manifest["key"], type=pa.large_string())
        self.side = side
        self.pixels = _count_pixels(manifest, side=side)
        self.buffer = np.empty(0, dtype=np.uint8)
        self.bounds = np.zeros((len(manifest), 2), dtype=np.int64)
        self.shapes: np.ndarray | None = None
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
        rows, size = _packed_size(self.uris.to_pylist())
        if len(rows) and size <= allowed:
            self._load(rows, size, workers=workers, show_progress=show_progress)
        elif len(rows):
            logger.warning(
                "%d packed images take %.1f GiB, more than `cache_gib` = %g: out of order, each access reads a "
                "whole row group; raise `cache_gib`, or unpack them into a folder.",
                len(rows),
                size / _GIB,
                cache_gib,
            )

    def _load(self, rows: np.ndarray, size: int, *, workers: int | None, show_progress: bool) -> None:
        """Fill the buffer with `rows`, in about `size` bytes: pixels where there are shapes, else encoded bytes."""
        buffer = np.empty(size, dtype=np.uint8)
        end = 0
        lots = [rows[lot] for lot in reading_lots(self.uris.take(pa.array(rows)).to_pylist())]
        with ThreadPoolExecutor(usable_workers(workers)) as pool:
            arrays = chain.from_iterable(pool.map(self._load_lot, lots))
            bar = (
                progress(arrays, description="load images", total=len(rows), unit="image")
                if show_progress
                else arrays
            )
            for row, array in zip(chain.from_iterable(lots), bar, strict=True):
                start, end = end, end + array.size
                if end > buffer.size:
                    spare = np.empty(max(array.size, buffer.size // 2), dtype=np.uint8)
                    buffer = np.concatenate([buffer, spare])
                buffer[start:end] = array.reshape(-1)
                self.bounds[row] = start, end
                if self.shapes is not None:
                    self.shapes[row] = (*array.shape, 1)[:3]
        self.buffer = buffer if end == buffer.size else buffer[:end].copy()

    def _load_lot(self, lot: np.ndarray) -> list[np.ndarray]:
        if self.shapes is None:
            return [np.frombuffer(self._read(row), dtype=np.uint8) for row in lot.tolist()]
        return [self._decode(row, self._read(row)) for row in lot.tolist()]

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
        state = self.__dict__ | {"reader": None}
        if get_spawning_popen() is not None and self.buffer.size:
            shared = torch.from_numpy(self.buffer).share_memory_()
            self.buffer = shared.numpy()
            state["buffer"] = shared
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, reader=ByteReader())
        if isinstance(self.buffer, torch.Tensor):
            self.buffer = self.buffer.numpy()


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
        metadata = pq.read_metadata(path)
        column = metadata.schema.to_arrow_schema().get_field_index(IMAGE_COLUMN)
        whole = sum(
            metadata.row_group(group).column(column).total_uncompressed_size
            for group in range(metadata.num_row_groups)
        )
        size += whole * len(members) // max(1, metadata.num_rows)
    return np.asarray(sorted(chain.from_iterable(positions.values())), dtype=np.int64), size


def _some(keys: Iterable[str]) -> str:
    keys = list(keys)
    more = f" and {len(keys) - _NAMES_SHOWN} more" if len(keys) > _NAMES_SHOWN else ""
    return ", ".join(f"'{key}'" for key in keys[:_NAMES_SHOWN]) + more
