"""Stanford Cars in miniature: the combined release, and the one with a development kit."""

from pathlib import Path

import numpy as np
import scipy.io

from tests.images.sources.miniatures._pixels import save_jpeg

# (model, brand, type): a slash, types under other names, one without a type.
CLASSES = (
    ("AM General Hummer SUV 2000", "AM", "SUV"),
    ("Acura TL Type-S 2008", "Acura", "Sedan"),
    ("Chevrolet HHR SS 2010", "Chevrolet", None),
    ("Ford Ranger SuperCab 2011", "Ford", "Cab"),
    ("Jaguar XK XKR 2012", "Jaguar", "Coupe"),
    ("Ram C/V Cargo Van Minivan 2012", "Ram", "Minivan"),
)
FOLDER = "stanford_cars"
_PER_CLASS = 4
_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def boxes_of(number: int) -> list[int]:
    """Return the box of image `number`; the first one reaches beyond the image of 48 x 40 pixels."""
    return [1, 300, 900, 1200] if number == 0 else [2 + number, 4, 40, 30 + number % 5]


def rows(seed: int = 0) -> list[tuple[int, int, bool]]:
    """Return (number of the image from 0, class from 0, whether it is test) of every listed image."""
    order = np.random.default_rng(seed).permutation(len(CLASSES) * _PER_CLASS)
    return [(number, int(which) // _PER_CLASS, int(which) % 2 == 1) for number, which in enumerate(order)]


def _structs(columns: dict[str, list]) -> np.ndarray:
    """Return a struct array of shape (1, n) whose fields hold (1, 1) arrays and texts, as MATLAB writes it."""
    n = len(next(iter(columns.values())))
    structs = np.empty((1, n), dtype=[(name, object) for name in columns])
    for name, values in columns.items():
        for column, value in enumerate(values):
            structs[name][0, column] = value if isinstance(value, str) else np.array([[value]])
    return structs


def _cells(texts: list[str]) -> np.ndarray:
    cells = np.empty((1, len(texts)), dtype=object)
    cells[0, :] = texts
    return cells


def _boxes(numbers: list[int]) -> dict[str, list]:
    return {name: [np.uint16(boxes_of(number)[corner]) for number in numbers] for corner, name in enumerate(_CORNERS)}


def make_cars(root: Path, *, seed: int = 0, release: str = "combined") -> dict[str, list[tuple[str, str]]]:
    """Write Stanford Cars with six models below `root`, as release "combined" or "devkit"."""
    write = _write_combined if release == "combined" else _write_devkit
    keys = write(root, seed)
    listed = zip(keys, rows(seed), strict=True)
    named = [("test" if test else "train", key, CLASSES[label][0]) for key, (_, label, test) in listed]
    return {want: sorted((key, label) for split, key, label in named if split == want) for want in ("train", "test")}


def _write_combined(root: Path, seed: int) -> list[str]:
    listed = rows(seed)
    keys = [f"car_ims/{number + 1:06d}.jpg" for number, _, _ in listed]
    for key, (number, _, _) in zip(keys, listed, strict=True):
        save_jpeg(root / (key.replace(".jpg", ".JPG") if number == 2 else key), number + 100 * seed)
    structs = _structs(
        {
            "relative_im_path": keys,
            **_boxes([number for number, _, _ in listed]),
            "class": [np.uint8(label + 1) for _, label, _ in listed],
            "test": [np.uint8(test) for _, _, test in listed],
        }
    )
    names = _cells([name for name, _, _ in CLASSES])
    scipy.io.savemat(root / "cars_annos.mat", {"annotations": structs, "class_names": names})
    save_jpeg(root / "car_ims" / "016186.jpg", 7)  # in no list
    (root / "car_ims" / "._000001.jpg").write_bytes(b"\x00\x05\x16\x07")
    return keys


def _write_devkit(root: Path, seed: int) -> list[str]:
    (root / "devkit").mkdir(parents=True)
    numbers = {False: 0, True: 0}
    keys, parts = [], {False: [], True: []}
    for number, label, test in rows(seed):
        numbers[test] += 1
        name = f"{numbers[test]:05d}.jpg"
        keys.append(f"cars_{'test' if test else 'train'}/{name}")
        parts[test].append((name, number, np.uint8(label + 1)))
        save_jpeg(root / keys[-1], number + 100 * seed)
    for test, path in ((False, "devkit/cars_train_annos.mat"), (True, "cars_test_annos_withlabels.mat")):
        columns = {
            **_boxes([number for _, number, _ in parts[test]]),
            "class": [label for _, _, label in parts[test]],
            "fname": [name for name, _, _ in parts[test]],
        }
        scipy.io.savemat(root / path, {"annotations": _structs(columns)})
        if test:  # the development kit has the test images without their classes
            del columns["class"]
            scipy.io.savemat(root / "devkit" / "cars_test_annos.mat", {"annotations": _structs(columns)})
    names = _cells([name for name, _, _ in CLASSES])
    scipy.io.savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    (root / "devkit" / "README.txt").write_text("This file gives documentation for the cars 196 dataset.\n")
    (root / "cars_train" / ".DS_Store").write_bytes(b"\x00")
    return keys
