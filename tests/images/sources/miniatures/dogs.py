"""Stanford Dogs in miniature."""

from pathlib import Path

import numpy as np
import scipy.io

from tests.images.sources.miniatures._pixels import picture, save_jpeg

# Breeds with a hyphen and with an underscore.
CLASSES = ("n02085620-Chihuahua", "n02086240-Shih-Tzu", "n02105855-Shetland_sheepdog")
FOLDER = "stanford_dogs"
_PER_CLASS = 6
_XML = """<annotation>
	<folder>%s</folder>
	<filename>%%s</filename>
	<size><width>48</width><height>40</height><depth>3</depth></size>
%s</annotation>
"""
_OBJECT = """	<object>
		<name>%s</name>
		<bndbox>
			<xmin>%d</xmin>
			<ymin>%d</ymin>
			<xmax>%d</xmax>
			<ymax>%d</ymax>
		</bndbox>
	</object>
"""


def rows(seed: int = 0) -> list[tuple[str, int, bool]]:
    """Return (file below Images/, class from 0, whether it is test) of every listed image."""
    listed = [
        (f"{name}/{name.partition('-')[0]}_{2933 + 7 * number}.jpg", label, number >= 4)
        for label, name in enumerate(CLASSES)
        for number in range(_PER_CLASS)
    ]
    return [listed[row] for row in np.random.default_rng(seed).permutation(len(listed))]


def boxes_of(number: int) -> list[list[float]]:
    """Return the boxes of listed image `number`: the first shows two dogs, and one reaches beyond 48 x 40 pixels."""
    second = [[30.0, 2.0, 500.0, 375.0]] if number == 0 else []
    return [[1.0 + number, 3.0, 40.0, 35.0], *second]


def make_dogs(root: Path, *, seed: int = 0, annotation: bool = True) -> dict[str, list[tuple[str, str]]]:
    """Write Stanford Dogs with three breeds below `root`, with or without the archive of boxes."""
    listed = rows(seed)
    for number, (file, label, _) in enumerate(listed):
        path = save_jpeg(root / "Images" / file, number + 100 * seed)
        if file.endswith("n02105855_2933.jpg"):  # as in ImageNet, where this one is a PNG
            picture(number, mode="RGB").save(path, format="PNG")
        if annotation:
            folder, name = CLASSES[label].split("-", 1)
            objects = "".join(_OBJECT % (name, *box) for box in boxes_of(number))
            where = root / "Annotation" / file.removesuffix(".jpg")
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(_XML % (folder.removeprefix("n"), objects))
    for list_name, tests in (("file_list", (False, True)), ("train_list", (False,)), ("test_list", (True,))):
        chosen = [(file, label) for file, label, test in listed if test in tests]
        files = [file for file, _ in chosen]
        scipy.io.savemat(
            root / f"{list_name}.mat",
            {
                "file_list": _cells(files),
                "annotation_list": _cells([file.removesuffix(".jpg") for file in files]),
                "labels": np.array([[label + 1.0] for _, label in chosen]),
            },
        )
    save_jpeg(root / "Images" / CLASSES[0] / "n02085620_1.jpg", 7)  # in no list
    (root / "Images" / CLASSES[0] / "._n02085620_2933.jpg").write_bytes(b"\x00\x05\x16\x07")
    (root / "Images" / ".DS_Store").write_bytes(b"\x00")
    named = [("test" if test else "train", f"Images/{file}", CLASSES[label]) for file, label, test in listed]
    return {want: sorted((key, label) for split, key, label in named if split == want) for want in ("train", "test")}


def _cells(texts: list[str]) -> np.ndarray:
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells
