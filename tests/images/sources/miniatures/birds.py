"""CUB-200-2011 in miniature."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.images.sources.miniatures._pixels import picture, save_jpeg

CLASSES = ("001.Black_footed_Albatross", "036.Northern_Flicker", "200.Common_Yellowthroat")
FOLDER = "CUB_200_2011"
_PER_CLASS = 8


def rows(seed: int = 0) -> list[tuple[int, str, int, bool, bool]]:
    """Return (number from 1, file, class from 0, whether it is test, whether it is grey) of every listed image."""
    listed = []
    for label, name in enumerate(CLASSES):
        for number in range(_PER_CLASS):
            bird = name.partition(".")[2]
            file = f"{name}/{bird}_{number + 1:04d}_{1000 * label + number}.jpg"
            listed.append((file, label, number % 2 == 1, label == 1 and number in (0, 1)))
    order = np.random.default_rng(seed).permutation(len(listed))
    return [(number + 1, *listed[row]) for number, row in enumerate(order)]


def grey_keys(seed: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Return {split: [(key, class name)]} of the grey images, which the published split leaves out."""
    return _by_split([(test, file, label) for _, file, label, test, grey in rows(seed) if grey])


def boxes_of(number: int) -> list[float]:
    """Return x, y, width and height of image `number`; that of the first reaches beyond 48 x 40 pixels."""
    return [60.0, 27.0, 325.0, 304.5] if number == 1 else [1.0 + number, 2.0, 12.5, 30.0]


def make_birds(root: Path, *, seed: int = 0, segmentations: str | None = "inside") -> dict[str, list[tuple[str, str]]]:
    """Write CUB-200-2011 with three species below `root`; return what the published split keeps.

    The masks are in segmentations/ "inside" the root, "beside" it, or nowhere (None).
    """
    listed = rows(seed)
    for number, file, _, _, grey in listed:
        save_jpeg(root / "images" / file, number + 100 * seed, mode="L" if grey else "RGB")
        if segmentations is not None:
            path = (root if segmentations == "inside" else root.parent) / "segmentations" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            values = np.asarray(picture(number + 100 * seed, mode="L")) // 51 * 51
            Image.fromarray(values.astype(np.uint8)).save(path.with_suffix(".png"))
    lists = {
        "images": [file for _, file, _, _, _ in listed],
        "image_class_labels": [f"{int(CLASSES[label][:3])}" for _, _, label, _, _ in listed],
        "train_test_split": ["0" if test else "1" for _, _, _, test, _ in listed],
        "bounding_boxes": [" ".join(f"{each:.1f}" for each in boxes_of(number)) for number, *_ in listed],
    }
    for name, values in lists.items():
        lines = [f"{row[0]} {value}" for row, value in zip(listed, values, strict=True)]
        (root / f"{name}.txt").write_text("\n".join(lines) + ("" if name == "images" else "\n"))
    (root / "classes.txt").write_text("".join(f"{int(name[:3])} {name}\n" for name in CLASSES))
    (root / "README").write_text("Caltech-UCSD Birds-200-2011\n")
    (root / "attributes").mkdir()
    save_jpeg(root / "images" / CLASSES[0] / "unlisted.jpg", 7)
    (root / "images" / CLASSES[0] / "._unlisted.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / "images" / ".DS_Store").write_bytes(b"\x00")
    return _by_split([(test, file, label) for _, file, label, test, grey in listed if not grey])


def _by_split(images: list[tuple[bool, str, int]]) -> dict[str, list[tuple[str, str]]]:
    return {
        split: sorted((f"images/{file}", CLASSES[label]) for test, file, label in images if test == (split == "test"))
        for split in ("train", "test")
    }
