"""Real pictures for data sets in miniature: the shipped silhouettes, tinted and enlarged."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

_SHIPPED = Path(__file__).parents[4] / "data" / "01_raw" / "quadrupeds_target.parquet"


@cache
def _encoded() -> list[bytes]:
    return pq.read_table(_SHIPPED, columns=["image"]).column("image").to_pylist()


def picture(number: int, *, size: tuple[int, int] = (48, 40), mode: str = "RGB") -> Image.Image:
    """Return shipped picture `number` (modulo their count), tinted by its number, as `size` (width, height) pixels.

    The tint makes it a colour image whatever the number, so that "grey" is true of mode "L" alone.
    """
    encoded = _encoded()
    grey = Image.open(io.BytesIO(encoded[number % len(encoded)])).convert("L").resize(size, Image.Resampling.BICUBIC)
    if mode == "L":
        return grey
    red, green, blue = np.random.default_rng(number).permutation([1.0, 0.75, 0.5])
    values = np.asarray(grey, dtype=np.float32)[..., None] * [red, green, blue] + [0, 20, 40]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8), "RGB").convert(mode)


def save_jpeg(
    path: Path, number: int, *, size: tuple[int, int] = (48, 40), mode: str = "RGB", quality: int = 90
) -> Path:
    """Write `picture(number)` as a JPEG at `path`, whatever its ending, folders made as needed; return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(number, size=size, mode=mode).save(path, format="JPEG", quality=quality)
    return path
