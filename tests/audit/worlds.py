"""Images, copies of them, and slow twins of the searches."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from simcore.images import read_source


def photo(seed: int, *, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """Return smoothed noise on three scales in colour: no two seeds look alike."""
    draw = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), 128.0)
    for scale, strength in ((40, 60), (15, 30), (5, 15)):
        coarse = draw.standard_normal((size[1] // scale + 2, size[0] // scale + 2, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(coarse[..., channel]).resize(size, Image.Resampling.BICUBIC)
            pixels[..., channel] += strength * np.asarray(layer)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def crop(image: Image.Image, side: float, *, x: float = 0.5, y: float = 0.5) -> Image.Image:
    """Return `side` of the width and height, at the place (x, y) from 0 to 1."""
    width, height = round(image.width * side), round(image.height * side)
    left, top = round((image.width - width) * x), round((image.height - height) * y)
    return image.crop((left, top, left + width, top + height))


def recompress(image: Image.Image, quality: int = 50) -> Image.Image:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


COPIES = {
    "resized": lambda image: image.resize((image.width // 2, image.height // 2)),
    "recompressed": recompress,
    "flipped": ImageOps.mirror,
    "cropped": lambda image: crop(image, 0.9, x=0.2, y=0.7),
    "grey": lambda image: image.convert("L"),
}


def save_images(folder: Path, images: Mapping[str, Image.Image]) -> pd.DataFrame:
    """Write images as files (by their ending), return their manifest."""
    for key, image in images.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return read_source(folder, role="openset").manifest
