"""Images with bright ellipses on dark noise, their masks beside them."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from simcore.images import build_manifest


def ellipse(width: int, height: int, *, seed: int) -> np.ndarray:
    """Return whether each pixel is inside an ellipse that touches no border, `(h, w)` bool."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    centre, radii = rng.uniform(-0.2, 0.2, 2), rng.uniform(0.5, 0.75, 2)
    return ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1


def paint(inside: np.ndarray, *, seed: int) -> np.ndarray:
    """Return an image, uint8 `(h, w, 3)`, that is bright inside."""
    noise = np.random.default_rng(seed).integers(0, 80, (*inside.shape, 3))
    return (noise + 150 * inside[..., None]).astype(np.uint8)


def make_manifest(root: Path, *, train: int = 8, test: int = 4, coding: str = "trimap") -> pd.DataFrame:
    """Write images and masks below `root`; return their manifest."""
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for number in range(train + test):
        split = "train" if number < train else "test"
        width, height = 40 + number % 3, 36
        inside = ellipse(width, height, seed=number)
        name = f"{split}-{number:02d}"
        Image.fromarray(paint(inside, seed=number)).save(root / f"{name}.png")
        values = np.where(inside, 1, 2) if coding == "trimap" else np.where(inside, 255, 0)
        if coding == "trimap":
            values[0] = 3
        Image.fromarray(values.astype(np.uint8)).save(root / f"{name}-mask.png")
        records.append(
            {
                "key": f"{name}.png",
                "uri": str(root / f"{name}.png"),
                "label": None,
                "split": split,
                "width": width,
                "height": height,
                "source": "ellipses",
                "mask": str(root / f"{name}-mask.png"),
                "mask_coding": coding,
            }
        )
    return build_manifest(records)
