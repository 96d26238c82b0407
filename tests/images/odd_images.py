"""Bytes of images as they turn up in the wild: those that can be used, with their pixels, and those that cannot."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from tests.images.conftest import encode, noise

WIDTH, HEIGHT = 24, 16


@dataclass(frozen=True)
class Usable:
    """Bytes, and the pixels that are right for them."""

    data: bytes
    pixels: np.ndarray


@dataclass(frozen=True)
class Refused:
    """Bytes, the reason as an expression, and whether the header alone tells it."""

    data: bytes
    reason: str
    by_header: bool


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(width: int, height: int, *, bits: int, colour: int, rows: bytes, before: bytes = b"") -> bytes:
    """Return a PNG of unfiltered `rows`."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + before + body


def make_tiff(values: np.ndarray) -> bytes:
    """Return an uncompressed TIFF of uint16 (h, w, 3)."""
    height, width, channels = values.shape
    data = values.astype("<u2").tobytes()
    extra = 8 + 2 + 10 * 12 + 4
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, extra),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, extra + 2 * channels),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (284, 3, 1, 1),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 10) + directory + bytes(4) + b"\x10\0" * 3 + data


def _deep() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4), dtype=np.uint16)


def _deep_png(channels: int, colour: int) -> bytes:
    rows = b"".join(b"\0" + row[:, :channels].astype(">u2").tobytes() for row in _deep())
    return make_png(WIDTH, HEIGHT, bits=16, colour=colour, rows=rows)


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, None], 3, axis=2)


def _over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[:, :, None] / 255
    return colour * share + 255 * (1 - share)


def _pillow(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(noise(WIDTH, HEIGHT), form="JPEG", exif=exif)


def _palette_with_alpha() -> Usable:
    entries = np.random.default_rng(1).integers(0, 256, (16, 4), dtype=np.uint8)
    indices = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint8) % 16
    extra = chunk(b"PLTE", entries[:, :3].tobytes()) + chunk(b"tRNS", entries[:, 3].tobytes())
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    data = make_png(WIDTH, HEIGHT, bits=8, colour=3, rows=rows, before=extra)
    looked_up = entries[indices]
    return Usable(data, _over_white(looked_up[..., :3].astype(float), looked_up[..., 3].astype(float)))


def _ycck() -> bytes:
    """Return a CMYK JPEG whose Adobe marker says that its colours are turned into luminance and chrominance."""
    data = bytearray(encode(noise(WIDTH, HEIGHT, mode="CMYK"), form="JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def _animated(form: str) -> Usable:
    frames = [noise(WIDTH, HEIGHT, seed=seed).quantize(32).convert("RGB") for seed in range(3)]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(frames[0], form=form, save_all=True, append_images=frames[1:], **options)
    return Usable(data, np.asarray(frames[0]))


def _two_pictures() -> Usable:
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = [noise(WIDTH, HEIGHT, seed=seed) for seed in range(2)]
    data = encode(pictures[0], form="MPO", save_all=True, append_images=pictures[1:], exif=exif)
    return Usable(data, _pillow(data))


def _same(data: bytes) -> Usable:
    return Usable(data, _pillow(data))


def usable() -> dict[str, Usable]:
    """Return {name: image that is decoded to RGB}."""
    colour, grey = noise(WIDTH, HEIGHT), noise(WIDTH, HEIGHT, mode="L")
    bits = colour.convert("1")
    with_alpha = noise(WIDTH, HEIGHT, mode="LA")
    values = np.asarray(with_alpha).astype(float)
    deep = _deep()
    high = (deep >> 8).astype(np.uint8)
    images = {
        "png": Usable(encode(colour), np.asarray(colour)),
        "cmyk": _same(encode(noise(WIDTH, HEIGHT, mode="CMYK"), form="JPEG")),
        "ycck": _same(_ycck()),
        "cmyk tiff": _same(encode(noise(WIDTH, HEIGHT, mode="CMYK"), form="TIFF")),
        "adobe marker": _same(encode(colour, form="JPEG", keep_rgb=True)),
        "progressive": _same(encode(colour, form="JPEG", progressive=True)),
        "16-bit grey": Usable(_deep_png(1, 0), _grey(high[..., 0])),
        "16-bit colour": Usable(_deep_png(3, 2), high[..., :3]),
        "16-bit colour with alpha": Usable(
            _deep_png(4, 6), _over_white(high[..., :3].astype(float), high[..., 3].astype(float))
        ),
        "16-bit grey with alpha": Usable(
            _deep_png(2, 4), _grey(_over_white(high[..., :1].astype(float), high[..., 1].astype(float))[..., 0])
        ),
        "16-bit colour tiff": Usable(make_tiff(deep[..., :3]), high[..., :3]),
        "palette with alpha": _palette_with_alpha(),
        "animated gif": _animated("GIF"),
        "animated png": _animated("PNG"),
        "animated webp": _animated("WEBP"),
        "1-bit": Usable(encode(bits), _grey(np.asarray(bits) * np.uint8(255))),
        "1-bit tiff": Usable(encode(bits, form="TIFF", compression="group4"), _grey(np.asarray(bits) * np.uint8(255))),
        "grey with alpha": Usable(encode(with_alpha), _grey(_over_white(values[..., :1], values[..., 1])[..., 0])),
        "grey with a transparent value": Usable(
            encode(Image.new("L", (WIDTH, HEIGHT), 9), transparency=9), np.full((HEIGHT, WIDTH, 3), 255)
        ),
        "grey jpeg": Usable(encode(grey, form="JPEG"), _pillow(encode(grey, form="JPEG"))),
        "two pictures in one (MPO)": _two_pictures(),
        "one pixel": Usable(encode(Image.new("RGB", (1, 1), (1, 2, 3))), np.array([[[1, 2, 3]]])),
        "a line": Usable(encode(colour.crop((0, 0, WIDTH, 1))), np.asarray(colour)[:1]),
        "data behind the end": Usable(encode(colour) + b"trailing bytes", np.asarray(colour)),
    }
    images |= {f"orientation {number}": _same(_turned(number)) for number in range(1, 9)}
    return images


def _bomb_png() -> bytes:
    return make_png(20_000, 20_000, bits=8, colour=2, rows=b"")


def _bomb_jpeg() -> bytes:
    data = bytearray(encode(noise(WIDTH, HEIGHT), form="JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 20_000, 20_000)
    return bytes(data)


def _bomb_gif() -> bytes:
    data = bytearray(encode(noise(WIDTH, HEIGHT, mode="L"), form="GIF"))
    data[6:10] = struct.pack("<HH", 20_000, 20_000)
    return bytes(data)


def _bomb_bmp() -> bytes:
    data = bytearray(encode(noise(WIDTH, HEIGHT), form="BMP"))
    data[18:26] = struct.pack("<ii", 20_000, 20_000)
    return bytes(data)


def _cut(image: Callable[[], bytes] | bytes, share: float = 0.6) -> bytes:
    data = image if isinstance(image, bytes) else image()
    return data[: int(len(data) * share)]


def refused() -> dict[str, Refused]:
    """Return {name: image that cannot be used}."""
    colour = noise(80, 60)
    wide = Image.fromarray(np.full((HEIGHT, WIDTH), 0.5, np.float32))
    bombs = {"png": _bomb_png, "jpeg": _bomb_jpeg, "gif": _bomb_gif, "bmp": _bomb_bmp}
    images = {
        "zero bytes": Refused(b"", r"empty \(0 bytes\)", True),
        "a web page": Refused(b"<html>not found</html>", "not those of a known image format", True),
        "half a header": Refused(encode(colour)[:20], ".", True),
        "postscript": Refused(encode(colour, form="EPS"), "not those of a known image format", True),
        "floats": Refused(encode(wide, form="TIFF"), "without an agreed white", False),
        "truncated jpeg": Refused(_cut(encode(colour, form="JPEG")), "truncated", False),
        "truncated png": Refused(_cut(encode(colour)), "truncated|broken", False),
        "truncated gif": Refused(_cut(encode(colour, form="GIF")), ".", False),
        "truncated tiff": Refused(_cut(make_tiff(_deep()[..., :3])), ".", False),
        "truncated bmp": Refused(_cut(encode(colour, form="BMP")), "truncated", False),
    }
    for form, make in bombs.items():
        images[f"bomb {form}"] = Refused(make(), r"it has more than the 89,478,485 pixels allowed", True)
    return images
