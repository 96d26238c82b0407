"""ImageNet in miniature, as Kaggle packs it: ILSVRC/Data/CLS-LOC, with LOC_val_solution.csv beside ILSVRC/."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import picture, save_jpeg

IMAGES = "ILSVRC/Data/CLS-LOC"
TRAIN = {
    "n01440764": ("n01440764_10026.JPEG", "n01440764_10027.JPEG", "n01440764_18.JPEG"),
    "n02009912": ("n02009912_1000.JPEG", "n02009912_10014.jpeg"),
    "n02105855": ("n02105855_2933.JPEG", "n02105855_3.JPEG"),
}
VALIDATION = {
    "ILSVRC2012_val_00000001": "n02105855",
    "ILSVRC2012_val_00000002": "n01440764",
    "ILSVRC2012_val_00000003": "n02009912",
}
PNG = "n02105855_2933.JPEG"
CMYK = "n01440764_10027.JPEG"
GREY = "n02009912_1000.JPEG"


def make_imagenet(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, class)]}, sorted by key.

    Traps: a PNG under .JPEG and a CMYK JPEG, as in the real set, a grey image, hidden files, an ending in lower case,
    unlabelled test images.
    """
    images = root / IMAGES
    number = seed
    expected: dict[str, list[tuple[str, str | None]]] = {"train": [], "test": []}
    for wordnet_id, names in TRAIN.items():
        for name in names:
            number += 1
            path = images / "train" / wordnet_id / name
            mode = {CMYK: "CMYK", GREY: "L"}.get(name, "RGB")
            if name == PNG:
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(number).save(path, format="PNG")
            else:
                save_jpeg(path, number, mode=mode)
            expected["train"].append((f"train/{wordnet_id}/{name}", wordnet_id))
        (images / "train" / wordnet_id / f"._{names[0]}").write_bytes(b"resource fork")
    (images / "train" / ".DS_Store").write_bytes(b"\0")
    for name, wordnet_id in VALIDATION.items():
        number += 1
        save_jpeg(images / "val" / f"{name}.JPEG", number)
        expected["test"].append((f"val/{name}.JPEG", wordnet_id))
    save_jpeg(images / "test" / "ILSVRC2012_test_00000001.JPEG", number + 1)
    lines = [f"{name},{wordnet_id} 111 108 441 193 {wordnet_id} 1 2 3 4 " for name, wordnet_id in VALIDATION.items()]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines]))
    return {split: sorted(images) for split, images in expected.items()}
