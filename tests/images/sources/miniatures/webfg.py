"""WebFG-496 in miniature: three sets of web images, each with train/ and val/."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import save_jpeg

CLASSES = {
    "web-aircraft": ("737-200", "F-16AB", "FA-18"),
    "web-bird": ("001.Black_footed_Albatross", "200.Common_Yellowthroat"),
    "web-car": ("Acura Integra Type R 2001", "Ram C-V Cargo Van Minivan 2012"),
}
PER_CLASS = {"train": 3, "val": 1}
EMPTY = "web-bird/train/200.Common_Yellowthroat/200.Common_Yellowthroat_99.jpg"


def make_webfg(root: Path, *, seed: int = 0, damaged: bool = False) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, class)]}, sorted by key.

    Traps: blanks and dots in names, hidden files, endings in upper case. Where it is `damaged`, an image of no bytes
    as well, which is not in the answer: seven images of the real archives are said to be damaged.
    """
    expected: dict[str, list[tuple[str, str | None]]] = {"train": [], "test": []}
    number = seed
    for folder, classes in CLASSES.items():
        for part, count in PER_CLASS.items():
            for name in classes:
                for position in range(count):
                    number += 1
                    ending = "JPG" if position else "jpg"
                    key = f"{folder}/{part}/{name}/{name}_{position}.{ending}"
                    save_jpeg(root / key, number)
                    expected["train" if part == "train" else "test"].append((key, name))
                (root / folder / part / name / "._0.jpg").write_bytes(b"resource fork")
        (root / folder / ".DS_Store").write_bytes(b"\0")
    if damaged:
        (root / EMPTY).write_bytes(b"")
    return {split: sorted(images) for split, images in expected.items()}
