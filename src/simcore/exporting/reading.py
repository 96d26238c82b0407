"""Encoded images in a given order, each row group of a packed file read once."""

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from simcore.errors import InputError
from simcore.images.encoded import Encoded, UnreadableError, map_images
from simcore.images.verify import usable_workers

_IN_MEMORY = 64 * 2**20

_SUFFIXES = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "DIB": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "JPEG2000": ".jp2",
    "MPO": ".jpg",
    "PNG": ".png",
    "PPM": ".ppm",
    "TIFF": ".tiff",
    "WEBP": ".webp",
}


def read_in_order(
    keys: Sequence[str], uris: Sequence[str], *, spool: Path, workers: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes of the files at `uris`, in that order.

    Files are read ahead by threads. Where another order costs far less (rows of packed files lie many to a row group),
    everything is read in that order, and what is not its turn yet waits in a temporary file, as large as those images
    at most. Memory: a few images a thread, 64 MiB of waiting ones, and 16 bytes an image.

    Args:
        keys: Of the images, for messages.
        uris: As in `simcore.images.encoded`.
        spool: Folder for the temporary file, which nobody else sees.
        workers: Threads; None takes every usable core.

    Raises:
        InputError: If an image cannot be read, in one sentence.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in "ab":
        ...     _ = (folder / name).write_text(name)
        >>> list(read_in_order(["b", "a"], [str(folder / "b"), str(folder / "a")], spool=folder))
        [b'b', b'a']
    """

    def read(position: int, image: Encoded) -> bytes:
        return read_image(image, key=keys[position])

    offsets = np.full(len(uris), -1, dtype=np.int64)
    sizes = np.zeros(len(uris), dtype=np.int64)
    turn = end = 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(spool)) as waiting:
        for position, data in map_images(read, uris, workers=usable_workers(workers)):
            if position != turn:
                waiting.seek(end)
                waiting.write(data)
                offsets[position], sizes[position] = end, len(data)
                end += len(data)
                continue
            yield data
            turn += 1
            while turn < len(uris) and offsets[turn] >= 0:
                waiting.seek(int(offsets[turn]))
                yield waiting.read(int(sizes[turn]))
                turn += 1


def read_image(image: Encoded, *, key: str) -> bytes:
    """Return the bytes of an image.

    Raises:
        InputError: If it cannot be read, in one sentence.
    """
    try:
        return image.read()
    except UnreadableError as error:
        raise InputError(
            f"Image '{key}' at {image.uri} cannot be read ({error}); bring it back, or run the ingestion again."
        ) from error


def image_suffix(source: bytes | Path, *, key: str) -> str:
    """Return the ending that files of the format of `source` have, by its header.

    Raises:
        InputError: If it is no format that images are read from.

    Example:
        >>> buffer = io.BytesIO()
        >>> Image.new("L", (4, 2)).save(buffer, format="PNG")
        >>> image_suffix(buffer.getvalue(), key="a")
        '.png'
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats()) as image:
            return _SUFFIXES[str(image.format)]
    except OSError as error:  # UnidentifiedImageError is one
        raise InputError(
            f"Image '{key}' is in no known format ({' '.join(str(error).split())[:100]}); run the ingestion again."
        ) from error


def _formats() -> list[str]:
    Image.init()
    return [name for name in _SUFFIXES if name in Image.OPEN]
