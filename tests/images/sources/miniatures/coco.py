"""COCO 2017 in miniature: flat folders of images, and annotations that nobody needs."""

import json
from pathlib import Path

from tests.images.sources.miniatures._pixels import save_jpeg

TRAIN = ("000000000009.jpg", "000000000025.jpg", "000000000030.jpg", "000000262145.JPG", "000000581929.jpg")
VALIDATION = ("000000000139.jpg", "000000581781.jpg")
GREY = "000000000030.jpg"


def make_coco(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, None)]}, sorted by key.

    Traps: a grey image, hidden files, an ending in upper case, an archive left beside, unlabelled test images.
    """
    for number, name in enumerate(TRAIN, start=seed):
        save_jpeg(root / "train2017" / name, number, mode="L" if name == GREY else "RGB")
    for number, name in enumerate(VALIDATION, start=seed + len(TRAIN)):
        save_jpeg(root / "val2017" / name, number)
    save_jpeg(root / "test2017" / "000000000001.jpg", seed)
    (root / "train2017" / "._000000000009.jpg").write_bytes(b"resource fork")
    (root / ".DS_Store").write_bytes(b"\0")
    (root / "train2017.zip").write_bytes(b"PK")
    (root / "annotations").mkdir()
    objects = {"images": [{"id": 9, "file_name": TRAIN[0]}], "annotations": [{"image_id": 9, "category_id": 51}]}
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(objects))
    return {
        "train": [(f"train2017/{name}", None) for name in sorted(TRAIN)],
        "test": [(f"val2017/{name}", None) for name in sorted(VALIDATION)],
    }
