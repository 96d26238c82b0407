"""Oxford 102 Flower in miniature."""

from pathlib import Path

import numpy as np
import scipy.io

from tests.images.sources.miniatures._pixels import save_jpeg

CLASSES = (1, 2, 77, 102)
FOLDER = "flowers-102"
_SETS = ("trnid", "valid", "tstid", "tstid")


def rows(seed: int = 0) -> list[tuple[int, int, str]]:
    """Return (number of the image from 1, class, set) of every image."""
    listed = [(label, name) for label in CLASSES for name in _SETS]
    order = np.random.default_rng(seed).permutation(len(listed))
    return [(number + 1, *listed[row]) for number, row in enumerate(order)]


def make_flowers(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Write Oxford 102 Flower with four classes below `root`."""
    listed = rows(seed)
    for number, _, _ in listed:
        ending = "JPG" if number == 3 else "jpg"
        save_jpeg(root / "jpg" / f"image_{number:05d}.{ending}", number + 100 * seed)
    labels = np.array([[label for _, label, _ in listed]], dtype=np.uint8)
    scipy.io.savemat(root / "imagelabels.mat", {"labels": labels})
    sets = {
        name: np.array([[n for n, _, of in listed if of == name]], dtype=np.uint16) for name in dict.fromkeys(_SETS)
    }
    scipy.io.savemat(root / "setid.mat", sets)
    save_jpeg(root / "jpg" / "image_99999.jpg", 7)  # in no list
    (root / "jpg" / "._image_00001.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / "jpg" / ".DS_Store").write_bytes(b"\x00")
    keys = [
        (f"jpg/image_{number:05d}.jpg", f"{label:03d}", "test" if of == "tstid" else "train")
        for number, label, of in listed
    ]
    return {want: sorted((key, label) for key, label, split in keys if split == want) for want in ("train", "test")}
