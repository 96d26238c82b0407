"""Oxford-IIIT Pet in miniature."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.images.sources.miniatures._pixels import picture, save_jpeg

# (breed as the files spell it, species): cats begin with a capital; a breed of three words.
CLASSES = (
    ("Abyssinian", "cat"),
    ("american_bulldog", "dog"),
    ("Egyptian_Mau", "cat"),
    ("staffordshire_bull_terrier", "dog"),
)
FOLDER = "oxford-iiit-pet"
_PER_CLASS = 5
_COMMENTS = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n#SPECIES: 1:Cat 2:Dog\n"


def rows(seed: int = 0) -> list[tuple[str, int, bool]]:
    """Return (name, class from 0, whether it is test) of every listed image."""
    listed = [
        (f"{breed}_{101 + number}", label, number >= 3)
        for label, (breed, _) in enumerate(CLASSES)
        for number in range(_PER_CLASS)
    ]
    return [listed[row] for row in np.random.default_rng(seed).permutation(len(listed))]


def make_pets(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Write Oxford-IIIT Pet with four breeds below `root`."""
    listed = rows(seed)
    trimaps = root / "annotations" / "trimaps"
    trimaps.mkdir(parents=True)
    for number, (name, _, _) in enumerate(listed):
        save_jpeg(root / "images" / f"{name}.jpg", number + 100 * seed)
        grey = np.asarray(picture(number + 100 * seed, mode="L"))
        Image.fromarray((1 + (grey > 85) + (grey > 170)).astype(np.uint8)).save(trimaps / f"{name}.png")
        (trimaps / f"._{name}.png").write_bytes(b"\x00\x05\x16\x07")
    picture(1, mode="RGBA").save(root / "images" / f"{listed[0][0]}.jpg", format="PNG")  # as some of the official ones
    (root / "images" / "Abyssinian_101.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    save_jpeg(root / "images" / "Abyssinian_999.jpg", 7)  # in no list
    for part, tests in (("list", (False, True)), ("trainval", (False,)), ("test", (True,))):
        lines = [
            f"{name} {label + 1} {1 if CLASSES[label][1] == 'cat' else 2} {label // 2 + 1}"
            for name, label, test in listed
            if test in tests
        ]
        (root / "annotations" / f"{part}.txt").write_text(_COMMENTS + "\n".join(lines))
    named = [("test" if test else "train", f"images/{name}.jpg", CLASSES[label][0]) for name, label, test in listed]
    return {want: sorted((key, label) for split, key, label in named if split == want) for want in ("train", "test")}
