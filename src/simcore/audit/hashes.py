"""Hashes of all images of a manifest: made in parts that survive a kill, read lazily."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.audit.perceptual_hash import THUMB_SIDE, hash_pictures, is_flat, small_picture, thumbs
from simcore.embeddings.shards import existing_shards, shard_name
from simcore.errors import ArtefactError, InputError, reading
from simcore.files import atomic_file
from simcore.images.decode import decode_compact
from simcore.images.encoded import Encoded, UnreadableError, map_images
from simcore.images.verify import usable_workers
from simcore.progress import progress
from simcore.tables import read_table

DIGEST_BYTES = 16
_VERSION = 1
_THUMB_BYTES = THUMB_SIDE**2
_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("bytes", pa.binary(DIGEST_BYTES), nullable=False),
        pa.field("pixels", pa.binary(DIGEST_BYTES), nullable=False),
        pa.field("phash", pa.uint64(), nullable=False),
        pa.field("mirrored", pa.uint64(), nullable=False),
        pa.field("flat", pa.bool_(), nullable=False),
        pa.field("thumb", pa.binary(_THUMB_BYTES), nullable=False),
    ]
)
_HEADER = b"simcore"
_AGAIN = "remove the folder and run the same command again"


def digest_bytes(data: bytes) -> bytes:
    """Return the 128-bit BLAKE2 hash of an encoded image: equal for the same file, whatever it is called."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def digest_pixels(array: np.ndarray) -> bytes:
    """Return the 128-bit BLAKE2 hash of decoded pixels: equal for the same picture in another lossless file.

    Metadata, the container and lossless compression do not count; an image stored in colour of which all pixels are
    grey equals the grey one.

    Args:
        array: uint8 (h, w) where grey, else (h, w, 3), as `decode_compact` gives it.

    Example:
        >>> wide, high = np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)
        >>> digest_pixels(wide) == digest_pixels(high)
        False
    """
    digest = hashlib.blake2b(str(array.shape).encode(), digest_size=DIGEST_BYTES)
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


class Hashes:
    """Hashes of images in a directory of Parquet parts, in key order; made by `hash_images`.

    Columns: `key`; `bytes` and `pixels` (16-byte digests of the file and of the decoded pixels); `phash` and
    `mirrored` (64-bit perceptual hashes of the image and of its mirror image); `flat` (whether these mean nothing);
    `thumb` (16 x 16 grey levels).

    Attributes:
        directory: where the parts are.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._parts = existing_shards(self.directory)
        if not self._parts:
            raise InputError(f"`{directory}` holds no `{shard_name(0)}`; make it with `hash_images`.")
        with reading(self.directory, advice=_AGAIN):
            footers = [pq.read_metadata(part) for part in self._parts]
            header = dict(json.loads((footers[0].metadata or {}).get(_HEADER, b"{}")))
        counts = [footer.num_rows for footer in footers]
        if header.get("version") != _VERSION or sum(counts) != header.get("n_images"):
            raise ArtefactError(
                f"`{directory}` holds {sum(counts):,} hashed images (version {header.get('version')}) where "
                f"{header.get('n_images', 0):,} (version {_VERSION}) should be; run the same command again."
            )
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._starts[-1])

    def keys(self) -> np.ndarray:
        """Return every key, (n,) str objects."""
        return np.concatenate([block.column("key") for block in self.blocks()])

    def keys_at(self, rows: np.ndarray) -> np.ndarray:
        """Return the keys at increasing positions `rows`."""
        return self.take(rows, "key")[0]

    def positions(self, keys: Iterable[str]) -> np.ndarray:
        """Return the increasing positions of the images with these keys; unknown keys have none."""
        wanted = pa.array(keys, type=pa.string())
        found = [np.empty(0, dtype=np.int64)]
        for block in self.blocks():
            with reading(block.path, advice=_AGAIN):
                known = read_table(block.path, columns=["key"])["key"]
            found.append(block.start + np.flatnonzero(pc.is_in(known, value_set=wanted).to_numpy()))
        return np.concatenate(found)

    def blocks(self) -> Iterator["HashBlock"]:
        """Yield the parts, one after the other; their columns are read as they are asked for."""
        for part, start in zip(self._parts, self._starts, strict=False):
            yield HashBlock(part, int(start), pq.read_metadata(part).num_rows)

    def take(self, rows: np.ndarray, *columns: str) -> tuple[np.ndarray, ...]:
        """Return columns at increasing positions `rows`; reads one part at a time.

        Digests come as bytes of dtype S16, thumbs as uint8 (n, 256).
        """
        pieces: list[list[np.ndarray]] = [[] for _ in columns]
        for block in self.blocks():
            inside = rows[(rows >= block.start) & (rows < block.start + len(block))] - block.start
            for piece, column in zip(pieces, columns, strict=True):
                piece.append(block.column(column)[inside])
        return tuple(np.concatenate(piece) for piece in pieces)


@dataclass(frozen=True)
class HashBlock:
    """Some consecutive images of `Hashes`: `start` is the position of the first."""

    path: Path
    start: int
    count: int

    def __len__(self) -> int:
        """Return the number of images."""
        return self.count

    def column(self, name: str) -> np.ndarray:
        """Return one column, read now: digests as S16, thumbs as (n, 256) uint8, the others by their type."""
        with reading(self.path, advice=_AGAIN):
            return self._column(name)

    def _column(self, name: str) -> np.ndarray:
        column = read_table(self.path, columns=[name])[name].combine_chunks()
        if not pa.types.is_fixed_size_binary(column.type):
            return column.to_numpy(zero_copy_only=False)
        width = column.type.byte_width
        flat = np.frombuffer(column.buffers()[1], dtype=np.uint8)[column.offset * width :][: len(column) * width]
        return flat.reshape(-1, width) if name == "thumb" else flat.view(f"S{width}")


def read_image(image: Encoded, *, key: str) -> tuple[bytes, np.ndarray]:
    """Return an image's bytes, and its pixels as `decode_compact` gives them.

    Raises:
        InputError: If it cannot be read any more; names `key`.
    """
    try:
        data = image.read()
        return data, decode_compact(data)
    except UnreadableError as error:
        raise InputError(
            f"Image '{key}' at {image.uri} cannot be read any more: {error}; restore it, or read the source again to "
            "get a manifest without it."
        ) from error


def hash_images(
    manifest: pd.DataFrame,
    directory: str | Path,
    *,
    rows_per_part: int = 16_384,
    workers: int | None = None,
    show_progress: bool = False,
) -> Hashes:
    """Return the hashes of all images of `manifest`, written into `directory`.

    Every image is read and decoded once, in threads. Memory holds one part (1.4 KB an image) and a few images a
    worker, however many there are. An interrupted run goes on at the first missing part. The hashes do not depend on
    the number of workers or of rows a part.

    Args:
        manifest: Images by key, see `check_manifest`.
        directory: Where the parts go; must not hold those of other images.
        rows_per_part: Images a part: what a kill can lose at most.
        workers: Threads; None takes every usable core.
        show_progress: Whether a bar is shown.

    Raises:
        InputError: If there is no image, `directory` holds hashes of others, or an image cannot be read any more.

    Example:
        >>> import tempfile
        >>> from simcore.images import read_source
        >>> from PIL import Image
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("a.png", "b.bmp"):
        ...     Image.new("L", (28, 28), 7).save(root / name)
        >>> hashes = hash_images(read_source(root).manifest, root / "hashes")
        >>> files, pixels = hashes.take(np.arange(2), "bytes", "pixels")
        >>> bool(files[0] == files[1]), bool(pixels[0] == pixels[1])
        (False, True)
    """
    if len(manifest) == 0:
        raise InputError("There are no images to hash; give a manifest with at least one row.")
    if rows_per_part < 1:
        raise InputError(f"`rows_per_part` is {rows_per_part}; a part has at least 1 image.")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    header = _header(manifest, rows_per_part=rows_per_part)
    for part in existing_shards(directory):
        if (pq.read_metadata(part).metadata or {}).get(_HEADER) != header:
            raise InputError(f"`{directory}` holds hashes of other images or parts of another size; remove it.")
    done = min(len(existing_shards(directory)) * rows_per_part, len(manifest))
    with progress((), description="hash images", total=len(manifest), unit="image", shown=show_progress) as bar:
        bar.update(done)
        for start in range(done, len(manifest), rows_per_part):
            rows = manifest.iloc[start : start + rows_per_part]
            with atomic_file(directory / shard_name(start // rows_per_part)) as partial:
                table = _hash_part(rows, workers=usable_workers(workers), on_image=bar.update)
                pq.write_table(table.replace_schema_metadata({_HEADER: header}), partial, compression="zstd")
    return Hashes(directory)


def _header(manifest: pd.DataFrame, *, rows_per_part: int) -> bytes:
    """Return what every part says of the whole: its images and how many stand in a part."""
    digest = hashlib.sha256()
    for column in ("key", "uri"):
        for value in manifest[column]:
            digest.update(value.encode("utf-8", "surrogateescape") + b"\0")
    facts = {"version": _VERSION, "images": digest.hexdigest(), "n_images": len(manifest), "rows": rows_per_part}
    return json.dumps(facts, sort_keys=True).encode()


def _hash_part(rows: pd.DataFrame, *, workers: int, on_image: Callable[[int], object]) -> pa.Table:
    keys = rows["key"].tolist()
    files, pixels = [b""] * len(rows), [b""] * len(rows)
    pictures = np.empty((len(rows), 32, 32), dtype=np.uint8)

    def hash_one(position: int, image: Encoded) -> None:
        data, array = read_image(image, key=keys[position])
        files[position], pixels[position] = digest_bytes(data), digest_pixels(array)
        pictures[position] = small_picture(array)

    for _ in map_images(hash_one, rows["uri"].tolist(), workers=workers):
        on_image(1)
    columns = {
        "key": keys,
        "bytes": files,
        "pixels": pixels,
        "phash": hash_pictures(pictures),
        "mirrored": hash_pictures(pictures[:, :, ::-1]),
        "flat": is_flat(pictures),
        "thumb": [row.tobytes() for row in thumbs(pictures)],
    }
    return pa.table([pa.array(columns[field.name], type=field.type) for field in _SCHEMA], schema=_SCHEMA)
