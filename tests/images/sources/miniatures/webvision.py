"""WebVision 1.0 in miniature: folders of queries of two search engines, and lists of what belongs to the set."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import picture, save_jpeg

SYNSETS = ("n01440764 tench, Tinca tinca", "n02006656 spoonbill", "n02690373 airliner")
QUERIES = {1: 1, 2: 1, 3: 2, 1631: 3}
"""Class, from 1, of each query."""
TRAIN = {
    "google": {1: ("DDa3XV8V0Yl.jpg", "aGx-3Yh_.jpg"), 3: ("x.jpg", "spoon bill.jpg"), 1631: ("KLM.JPG",)},
    "flickr": {1: ("3121500432.jpg", "3121500433.jpg"), 2: ("22.jpg",), 1631: ("1.jpg", "2.jpg", "3.jpg")},
}
PNG = "google/q0003/x.jpg"
NOT_LISTED = "google/q0001/zz.jpg"
VALIDATION = {"val000001.jpg": 2, "val000002.jpg": 0, "val000003.jpg": 1}
"""Class, from 0, of each validation image."""


def make_webvision(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, class)]}, sorted by key.

    Traps: an image on disk that no list names, two queries of one class, classes numbered from 1 in one file and from
    0 in the others, a PNG under .jpg, a name with a blank, hidden files, an ending in upper case.
    """
    info = root / "info"
    info.mkdir(parents=True)
    wordnet_ids = [line.split()[0] for line in SYNSETS]
    number = seed
    train: list[tuple[str, str | None]] = []
    for engine, queries in TRAIN.items():
        lines = []
        for query, names in queries.items():
            for name in names:
                number += 1
                key = f"{engine}/q{query:04d}/{name}"
                save_jpeg(root / key, number)
                lines.append(f"{key} {QUERIES[query] - 1}\n")
                train.append((key, wordnet_ids[QUERIES[query] - 1]))
            (root / engine / f"q{query:04d}" / f"._{names[0]}").write_bytes(b"resource fork")
        (info / f"train_filelist_{engine}.txt").write_text("".join(lines))
    (info / "train_filelist_all.txt").write_text(
        "".join((info / f"train_filelist_{engine}.txt").read_text() for engine in TRAIN)
    )
    picture(number).save(root / PNG, format="PNG")
    save_jpeg(root / NOT_LISTED, number + 1)
    (info / "synsets.txt").write_text("\n".join(SYNSETS) + "\n")
    (info / "queries_synsets_map.txt").write_text("".join(f"{query} {label}\n" for query, label in QUERIES.items()))
    for name in VALIDATION:
        number += 1
        save_jpeg(root / "val_images_256" / name, number)
    (info / "val_filelist.txt").write_text("".join(f"{name} {label}\n" for name, label in VALIDATION.items()))
    test: list[tuple[str, str | None]] = [
        (f"val_images_256/{name}", wordnet_ids[label]) for name, label in VALIDATION.items()
    ]
    return {"train": sorted(train), "test": sorted(test)}
