"""FGVC-Aircraft in miniature."""

from pathlib import Path

import numpy as np

from tests.images.sources.miniatures._pixels import save_jpeg

# (variant, family, manufacturer): a label with a slash, one with blanks, one that is the same on two levels.
CLASSES = (
    ("707-320", "Boeing 707", "Boeing"),
    ("737-700", "Boeing 737", "Boeing"),
    ("A320", "A320", "Airbus"),
    ("DC-9-30", "DC-9", "McDonnell Douglas"),
    ("F/A-18", "F/A-18", "McDonnell Douglas"),
    ("Model B200", "King Air", "Beechcraft"),
)
PARTS = ("train", "val", "test", "test")
FOLDER = "fgvc-aircraft-2013b"


def boxes_of(number: int) -> list[float]:
    """Return the box of image `number`; the first one reaches beyond the image of 48 x 40 pixels."""
    return [3.0, 5.0, 60.0, 41.0] if number == 0 else [2.0 + number, 4.0, 40.0, 30.0 + number % 5]


def rows(seed: int = 0) -> list[tuple[str, int, str, tuple[str, str, str]]]:
    """Return (image, number, part, names of its class) of every listed image."""
    names = [f"{1514522 * (number + 1) % 2999999:07d}" for number in range(len(CLASSES) * len(PARTS))]
    order = np.random.default_rng(seed).permutation(len(names))
    return [(names[number], int(number), PARTS[number % len(PARTS)], CLASSES[number // len(PARTS)]) for number in order]


def make_aircraft(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str]]]:
    """Write FGVC-Aircraft with six variants below `root`, the folder fgvc-aircraft-2013b."""
    data = root / "data"
    listed = rows(seed)
    for image, number, _, _ in listed:
        ending = "JPG" if number == 1 else "jpg"
        save_jpeg(data / "images" / f"{image}.{ending}", number + 100 * seed)
    for level, column in (("variant", 0), ("family", 1), ("manufacturer", 2)):
        names = sorted({each[column] for each in CLASSES})
        plural = {"family": "families"}.get(level, f"{level}s")
        (data / f"{plural}.txt").write_text("".join(f"{name}\n" for name in names))
        for part, of in (("train", ("train",)), ("val", ("val",)), ("trainval", ("train", "val")), ("test", ("test",))):
            lines = [f"{image} {each[column]}" for image, _, where, each in listed if where in of]
            end = "" if part == "test" else "\n"
            (data / f"images_{level}_{part}.txt").write_text("\n".join(lines) + end)
            (data / f"images_{part}.txt").write_text("\n".join(line.split()[0] for line in lines) + "\n")
    (data / "images_box.txt").write_text(
        "".join(f"{image} {' '.join(f'{each:g}' for each in boxes_of(number))}\n" for image, number, _, _ in listed)
    )
    save_jpeg(data / "images" / "9999999.jpg", 7)  # in no list
    (data / "images" / f"._{listed[0][0]}.jpg").write_bytes(b"\x00\x05\x16\x07")
    (data / "images" / ".DS_Store").write_bytes(b"\x00")
    (data / "README").write_text("FGVC-Aircraft Benchmark\n")
    splits = {"train": ("train", "val"), "test": ("test",)}
    return {
        split: sorted((f"data/images/{image}.jpg", each[0]) for image, _, part, each in listed if part in parts)
        for split, parts in splits.items()
    }
