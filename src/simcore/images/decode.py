"""Bytes of an image file in, three channels of uint8 out."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from simcore.images.encoded import UnreadableError

MAX_PIXELS = 89_478_485
"""More pixels than this are refused: Pillow's own limit, about 256 MiB as RGB."""

_TOO_LARGE = f"it has more than the {MAX_PIXELS:,} pixels allowed"
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "MPO", "DIB")
_COLOUR_AXES = 3
_STRIP_PIXELS = 2**20
_PROBE = 16
_ORIENTATION_TAG = 0x0112
_UPRIGHT = 1
_SWAPPING_ORIENTATIONS = frozenset({5, 6, 7, 8})
_RIGHT_TO_LEFT = frozenset({2, 3, 6, 7})
_BOTTOM_UP = frozenset({3, 4, 7, 8})
_JPEG_FORMATS = frozenset({"JPEG", "MPO"})
_FAST_DRAFT = 4
_WIDE_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})


def decode(data: bytes, *, side: int | None = None) -> np.ndarray:
    """Return the image in `data` as uint8 of shape (h, w, 3), upright.

    Everything takes the same road to three channels: grey is repeated, palettes are looked up, CMYK is
    converted, transparency is laid over white, 16-bit grey keeps its high byte (as Pillow does with 16-bit
    colour). The EXIF orientation is applied, colour profiles are not; of an animation the first
    frame counts.

    Which decoder reads a file depends on the file and on `side` alone. JPEGs in colour: torchvision, since it took
    0.6 of Pillow's time (500 x 375 and 2000 x 1500, one thread) for the same pixels to the bit. Where a quarter or an
    eighth of the size is still 2 x `side`, Pillow decodes that directly, in 0.55 of torchvision's time (2000 x 1500
    to 56); at a half there is nothing to be gained in colour. Everything else, and what torchvision cannot read, is
    Pillow's to read or to refuse: CMYK, grey (no slower there, and at a half twice as fast), other formats.

    Args:
        data: the encoded file.
        side: reduce the shorter side to this many pixels when it is larger (bilinear, antialiased). Colour is resized
            by torch, in a fifth of Pillow's time, within a level of its pixels (two in less than one of a million).

    Raises:
        UnreadableError: the data are no image, are truncated, or have more than `MAX_PIXELS` pixels.

    Example:
        >>> buffer = io.BytesIO()
        >>> Image.new("L", (4, 2), 128).save(buffer, format="PNG")
        >>> decode(buffer.getvalue()).shape
        (2, 4, 3)
    """
    compact = decode_compact(data, side=side)
    return compact if compact.ndim == _COLOUR_AXES else np.repeat(compact[:, :, None], 3, axis=2)


def decode_compact(data: bytes, *, side: int | None = None) -> np.ndarray:
    """Return the image in `data` as `decode` does, but as (h, w) where its three channels are equal.

    A grey image takes a third of the memory this way, and every further step about a third of the time.

    Raises:
        UnreadableError: as in `decode`.
    """
    image = _open(data)
    try:
        full = _upright_size(image)
        size = full if side is None else reduced_size(*full, side=side)
        array = _decode_colour_jpeg(image, data, reduction=min(full) // (2 * min(size)))
        if array is None:
            if size != full:
                image.draft(None, (2 * min(size), 2 * min(size)))
            array = np.array(_to_grey_or_rgb(image))
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableError(_reason(error)) from error
    array = resize(_turn(array, _orientation(image)), size)
    return array[..., 0].copy() if array.ndim == _COLOUR_AXES and _is_grey(array) else array


def resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return uint8 (h, w) or (h, w, 3) resized to `size`, (width, height): bilinear, antialiased.

    Example:
        >>> resize(np.zeros((9, 12, 3), dtype=np.uint8), (4, 3)).shape
        (3, 4, 3)
    """
    if (array.shape[1], array.shape[0]) == size:
        return array
    # torch 2.15 takes a side of one pixel for another memory layout and fails: such images are Pillow's, too.
    if array.ndim != _COLOUR_AXES or min(*array.shape[:2], *size) == 1:
        return np.array(Image.fromarray(array).resize(size, Image.Resampling.BILINEAR))
    # Strides of a batch in channels-last order: with any others the kernel is three times slower.
    pixels = torch.from_numpy(np.require(array, requirements=("C", "W")))[None].permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(pixels, size=size[::-1], mode="bilinear", antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).numpy())


def measure(source: bytes | Path) -> tuple[int, int]:
    """Return (width, height) in pixels after the EXIF orientation, from the header of a file or of its bytes.

    Raises:
        UnreadableError: the header is no image's, or announces more than `MAX_PIXELS` pixels.
    """
    image = _open(source)
    try:
        # Pillow decodes a whole PNG to look for an orientation behind the pixels; it belongs before them.
        return image.size if image.format == "PNG" and "exif" not in image.info else _upright_size(image)
    except Exception as error:
        raise UnreadableError(_reason(error)) from error
    finally:
        image.close()


def reduced_size(width: int, height: int, *, side: int) -> tuple[int, int]:
    """Return (width, height) with the shorter side at most `side`, the longer one rounded down.

    Example:
        >>> reduced_size(500, 375, side=256)
        (341, 256)
        >>> reduced_size(28, 28, side=256)
        (28, 28)
    """
    if min(width, height) <= side:
        return width, height
    return (side, side * height // width) if width <= height else (side * width // height, side)


def _open(source: bytes | Path) -> Image.Image:
    if (isinstance(source, bytes) and not source) or (isinstance(source, Path) and source.stat().st_size == 0):
        raise UnreadableError("the file is empty (0 bytes)")
    try:
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats())
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableError(_reason(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise UnreadableError(_TOO_LARGE)
    return image


@cache
def _formats() -> list[str]:
    """Return the formats to try: no others, since Pillow hands some (EPS) to programs outside."""
    Image.init()
    return [form for form in _FORMATS if form in Image.OPEN]


def _orientation(image: Image.Image) -> int:
    return image.getexif().get(_ORIENTATION_TAG, _UPRIGHT)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if _orientation(image) in _SWAPPING_ORIENTATIONS else (width, height)


def _decode_colour_jpeg(image: Image.Image, data: bytes, *, reduction: int) -> np.ndarray | None:
    """Return (h, w, 3) as stored, or None where Pillow is to decode: no JPEG in colour, or quicker, or unreadable."""
    if image.format not in _JPEG_FORMATS or image.mode != "RGB" or reduction >= _FAST_DRAFT:
        return None
    try:
        decoded = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
    except RuntimeError:
        return None
    return np.ascontiguousarray(decoded.permute(1, 2, 0).numpy())


def _turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """Return the stored pixels upright."""
    if orientation in _SWAPPING_ORIENTATIONS:
        array = array.swapaxes(0, 1)
    if orientation in _RIGHT_TO_LEFT:
        array = array[:, ::-1]
    if orientation in _BOTTOM_UP:
        array = array[::-1]
    return np.ascontiguousarray(array)


def _to_grey_or_rgb(image: Image.Image) -> Image.Image:
    """Return `image`, decoded, in mode L or RGB."""
    image.load()
    if image.mode in _WIDE_MODES:
        return _high_byte(image)
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Return `image` in mode RGB, what is transparent being white.

    Strip by strip: at once, the largest image allowed would take 20 bytes a pixel, 1.7 GB, instead of 10.
    """
    width, height = image.size
    flat = Image.new("RGB", image.size)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows))).convert("RGBA")
        white = Image.new("RGBA", strip.size, (255, 255, 255, 255))
        flat.paste(Image.alpha_composite(white, strip).convert("RGB"), (0, top))
    return flat


def _high_byte(image: Image.Image) -> Image.Image:
    values = np.array(image)
    if image.mode == "F" or values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise UnreadableError(
            f"its pixels are {values.dtype} from {values.min():g} to {values.max():g}, a range without an "
            "agreed white: save it with 8 or 16 bits a channel"
        )
    return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))


def _is_grey(array: np.ndarray) -> bool:
    """Return whether the three channels are equal; a thin grid rules out most colour images at once."""
    for pixels in (array[::_PROBE, ::_PROBE], array):
        if (pixels[..., 0] != pixels[..., 1]).any() or (pixels[..., 0] != pixels[..., 2]).any():
            return False
    return True


def _reason(error: Exception) -> str:
    """Return one line on what Pillow met; its decoders raise almost any class on damaged data."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "the data are not those of a known image format"
    if isinstance(error, Image.DecompressionBombError):
        return _TOO_LARGE
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
