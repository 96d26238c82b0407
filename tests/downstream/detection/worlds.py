"""Images with one bright rectangle each, its colour being its class, and where it is."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from simcore.images import ImageStore, build_manifest

COLOURS = ((230, 40, 40), (40, 60, 230), (40, 220, 60))
WIDTH, HEIGHT = 48, 48


def make_manifest(root: Path, *, classes: int = 2, train: int = 8, test: int = 4) -> pd.DataFrame:
    """Write images below `root`; return their manifest with boxes."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for number in range(train + test):
        pixels = rng.integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        width, height = rng.integers(22, 39, 2)
        left, top = int(rng.integers(1, WIDTH - width)), int(rng.integers(1, HEIGHT - height))
        box = [left, top, left + int(width), top + int(height)]
        label = number % classes
        pixels[box[1] : box[3], box[0] : box[2]] = COLOURS[label]
        Image.fromarray(pixels).save(root / f"{number:02d}.png")
        records.append(
            {
                "key": f"{number:02d}.png",
                "uri": str(root / f"{number:02d}.png"),
                "label": f"class{label}",
                "split": "train" if number < train else "test",
                "width": WIDTH,
                "height": HEIGHT,
                "source": "drawn",
                "boxes": [[float(value) for value in box]],
            }
        )
    return build_manifest(records)


def open_split(manifest: pd.DataFrame, split: str) -> ImageStore:
    """Return the images of a split."""
    return ImageStore(manifest[manifest["split"] == split])
