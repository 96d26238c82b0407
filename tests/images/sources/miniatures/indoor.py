"""MIT-67, Indoor Scene Recognition, in miniature."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import picture, save_jpeg

TRAIN = {
    "airport_inside": ("airport_inside_0001.jpg", "airport_inside_0010.jpg"),
    "inside_bus": ("bus_interior (3), rear.jpg", "inside_bus_12_flickr.jpg"),
    "kitchen": ("int474.jpg", "cdmc1154.JPG", "palette.jpg"),
}
TEST = {
    "airport_inside": ("airport_inside_0002.jpg",),
    "inside_bus": ("greyhound_bus.jpg",),
    "kitchen": ("int6.jpg", "gallerylarge_k.jpg"),
}
ON_NO_LIST = ("airport_inside/airport_inside_0003.jpg", "kitchen/int475.jpg", "warehouse/a7_en.jpg")


def make_indoor(root: Path, *, seed: int = 0, images: str = "Images") -> dict[str, list[tuple[str, str | None]]]:
    """Write `images`/, TrainImages.txt and TestImages.txt below `root`; return {split: [(key, class)]}.

    Traps: images and a whole class on neither list, lists without a last newline, one with a byte order mark, names
    with blanks and brackets, an ending in capitals, a palette PNG called .jpg, files that Finder leaves behind.
    """
    expected: dict[str, list[tuple[str, str | None]]] = {}
    number = seed
    for split, scenes in (("train", TRAIN), ("test", TEST)):
        lines = [f"{scene}/{name}" for scene, names in scenes.items() for name in names]
        for line in lines:
            path = save_jpeg(root / images / line, number)
            if path.name == "palette.jpg":
                picture(number, mode="P").save(path, format="PNG")
            number += 1
        (root / f"{split.capitalize()}Images.txt").write_text(
            "\n".join(lines), encoding="utf-8-sig" if split == "test" else "utf-8"
        )
        expected[split] = sorted((f"{images}/{line}", line.split("/")[0]) for line in lines)
    for line in ON_NO_LIST:
        save_jpeg(root / images / line, number)
        number += 1
    (root / images / "kitchen" / "._int474.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / images / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    return expected
