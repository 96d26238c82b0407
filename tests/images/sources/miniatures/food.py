"""Food-11 in miniature: as on Kaggle, as EPFL had it, and as the scripts of the paper want it."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import save_jpeg

CLASSES = (
    "Bread",
    "Dairy product",
    "Dessert",
    "Egg",
    "Fried food",
    "Meat",
    "Noodles-Pasta",
    "Rice",
    "Seafood",
    "Soup",
    "Vegetable-Fruit",
)
_PARTS = {
    "kaggle": ("training", "validation", "evaluation"),
    "epfl": ("training", "validation", "evaluation"),
    "paper": ("raw/train", "raw/val", "evaluation"),
}


def make_food(root: Path, *, seed: int = 0, form: str = "kaggle") -> dict[str, list[tuple[str, str | None]]]:
    """Write the three parts below `root` in the `form` "kaggle", "epfl" or "paper"; return {split: [(key, class)]}.

    Traps: the same file names in training and validation, class names with blanks, class 10 next to class 1, endings in
    capitals, files that are no images and those that Finder leaves behind.
    """
    expected: dict[str, list[tuple[str, str | None]]] = {"train": [], "test": []}
    number = seed
    for part, per_class in zip(_PARTS[form], (2, 1, 1), strict=True):
        for index, name in enumerate(CLASSES):
            for image in range(per_class):
                ending = "JPG" if name == "Soup" else "jpg"
                file = f"{index}_{image}.{ending}" if form == "epfl" else f"{name}/{image}.{ending}"
                save_jpeg(root / part / file, number)
                expected["test" if part == "evaluation" else "train"].append((f"{part}/{file}", name))
                number += 1
        (root / part / "._0_0.jpg").write_bytes(b"\x00\x05\x16\x07")
        (root / part / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    if form != "epfl":
        (root / _PARTS[form][0] / "Egg" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    return {split: sorted(images) for split, images in expected.items()}
