"""Places365 in miniature: the challenge images of 256 pixels, in folders two and three deep, and the file lists."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import save_jpeg

CATEGORIES = ("/a/airfield", "/a/apartment_building/outdoor", "/b/bus_station/indoor", "/z/zen_garden")
PER_CATEGORY = 4
DAMAGED = "a/airfield/00021054.jpg"


def make_places365(
    root: Path, *, seed: int = 0, folder: str = "data_256", lists: bool = False
) -> dict[str, list[tuple[str, str | None]]]:
    """Write the set below `root` and return {split: [(key, class)]}, sorted by key.

    Traps: categories of two and of three levels, one of the eight images that are damaged in the real archive and must
    be rejected (`DAMAGED`, not in the answer), hidden files, an ending in upper case, the large images beside.

    Args:
        root: where.
        seed: of the pictures.
        folder: what the folder of train images is called.
        lists: write places365_train_challenge.txt as well.
    """
    number = seed
    train: list[tuple[str, str]] = []
    for category in CATEGORIES:
        for position in range(1, PER_CATEGORY + 1):
            number += 1
            ending = "JPG" if (category, position) == (CATEGORIES[3], 2) else "jpg"
            name = f"{category}/{position:08d}.{ending}"
            save_jpeg(root / f"{folder}{name}", number)
            train.append((f"{folder}{name}", category))
        (root / f"{folder}{category}" / "._00000001.jpg").write_bytes(b"resource fork")
    whole = (root / train[0][0]).read_bytes()
    (root / folder / DAMAGED).write_bytes(whole[: len(whole) // 2])
    (root / folder / ".DS_Store").write_bytes(b"\0")
    save_jpeg(root / "data_large" / "a" / "airfield" / "00000001.jpg", seed)

    numbers = {category: position for position, category in enumerate(CATEGORIES)}
    (root / "categories_places365.txt").write_text("".join(f"{category} {n}\n" for category, n in numbers.items()))
    test: list[tuple[str, str | None]] = []
    for position, category in enumerate(reversed(CATEGORIES), start=1):
        name = f"Places365_val_{position:08d}.jpg"
        save_jpeg(root / "val_256" / name, number + position)
        test.append((f"val_256/{name}", category))
    lines = [f"{key.removeprefix('val_256/')} {numbers[str(category)]}" for key, category in test]
    (root / "places365_val.txt").write_text("\n".join(lines) + "\n")
    if lists:
        listed = sorted([*train, (f"{folder}/{DAMAGED}", CATEGORIES[0])])
        lines = [f"{key.removeprefix(folder)} {numbers[category]}" for key, category in listed]
        (root / "places365_train_challenge.txt").write_text("\n".join(lines) + "\n")
    return {"train": sorted(train), "test": sorted(test)}
