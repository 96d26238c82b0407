"""A small labelled world on disk: shades with noise that any network tells apart."""

from pathlib import Path

import numpy as np
from PIL import Image

from simcore.images import ImageStore, read_source


def make_stores(root: Path, *, classes: int = 2, train: int = 8, test: int = 4) -> tuple[ImageStore, ImageStore]:
    """Return train and test images of so many shades, each class in a folder of its own."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for number in range(classes):
            folder = root / "images" / split / f"class{number}"
            folder.mkdir(parents=True)
            for image in range(count):
                shade = 255 * number / (classes - 1)
                pixels = np.clip(shade + rng.normal(0, 30, (20, 20, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{image}.png")
    manifest = read_source(root / "images").manifest
    found = [ImageStore(manifest[manifest["split"] == split]) for split in ("train", "test")]
    return found[0], found[1]
