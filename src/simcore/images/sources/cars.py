"""Stanford Cars: 196 models of cars, their brands and body types, with a box each; both releases of the set."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, option_of

_LEVELS = ("model", "brand", "type")
_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
_COMBINED = "cars_annos.mat"
_IMAGES = "car_ims"
_DEVKIT = "devkit"
_DEVKIT_TRAIN = "devkit/cars_train_annos.mat"
_DEVKIT_META = "devkit/cars_meta.mat"
_TEST_LABELS = "cars_test_annos_withlabels.mat"

_TYPES = frozenset({"SUV", "Sedan", "Hatchback", "Convertible", "Coupe", "Wagon", "Cab", "Van", "Minivan"})
_SAME_TYPE = {
    "Type-S": "Sedan",
    "GS": "Sedan",
    "R": "Coupe",
    "IPL": "Coupe",
    "XKR": "Coupe",
    "Superleggera": "Coupe",
    "SuperCab": "Cab",
}
_NO_TYPE = "its name tells no body type, left out as in the published protocol"


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images: 8,144 of train and 8,041 of test.

    Reads the combined release (`cars_annos.mat`, `car_ims/`), or the older one (`devkit/cars_meta.mat`,
    `devkit/cars_train_annos.mat`, `cars_test_annos_withlabels.mat` at the root or in devkit/, `cars_train/`,
    `cars_test/`), which torchvision knows, too; their file names, and so the keys, differ. `label` is the model (196,
    year included), the brand (49) or the body type (9), by the option `level`; all three are columns. At the level
    `type` the images without one are rejected. `boxes` holds one [x0, y0, x1, y1] an image as annotated: pixels
    counted from 1, last pixel included; a few reach beyond the image. train/<class>/ and test/<class>/ are read as
    well.

    Own code, since torchvision's reader knows the older release alone, and no boxes.

    Raises:
        InputError: an annotation or an image is missing.
    """
    frames = official.folder_form(path, request, reader=READER)
    if frames is not None:
        yield from frames
        return
    has_devkit = official.find_root(path, _COMBINED, _IMAGES) is None and official.find_root(path, _DEVKIT) is not None
    markers = (_DEVKIT,) if has_devkit else (_IMAGES, _COMBINED)
    root = official.require_root(path, *markers, reader=READER)
    images = _read_devkit(root) if has_devkit else _read_combined(root)
    columns = {
        "model": images["model"].tolist(),
        "brand": [brand_of(model) for model in images["model"]],
        "type": [type_of(model) for model in images["model"]],
    }
    level = option_of(READER.options, request, "level")
    yield official.official_frame(
        root,
        images["key"].tolist(),
        labels=columns[level],
        splits=images["split"].tolist(),
        reasons=[_NO_TYPE if level == "type" and each is None else None for each in columns["type"]],
        request=request,
        reader=READER,
        **columns,
        boxes=images["boxes"].tolist(),
    )


def brand_of(model: str) -> str:
    """Return the brand of a class name, its first word: 49 brands, as in Table 7d of the paper.

    Example:
        >>> brand_of("AM General Hummer SUV 2000")
        'AM'
    """
    return model.split(maxsplit=1)[0]


def type_of(model: str) -> str | None:
    """Return the body type of a class name, None where it tells none: 9 types, as in Table 7d of the paper.

    It is the word before the year. Words such as `Type-S` or `XKR` stand for the type that these cars have; names
    that end in ZR1, Z06, SS, SRT-8, SRT8 or Abarth tell none.

    Example:
        >>> type_of("Ram C/V Cargo Van Minivan 2012"), type_of("Jaguar XK XKR 2012"), type_of("Chevrolet HHR SS 2010")
        ('Minivan', 'Coupe', None)
    """
    words = model.split()
    if len(words) < 2:  # noqa: PLR2004 (a type and a year)
        return None
    word = _SAME_TYPE.get(words[-2], words[-2])
    return word if word in _TYPES else None


def _read_combined(root: Path) -> pd.DataFrame:
    """Return columns key, model, split and boxes of the release in one folder."""
    path = root / _COMBINED
    names = annotations.mat_values(annotations.mat_variable(path, "class_names"))
    fields = ("relative_im_path", *_CORNERS, "class", "test")
    images = annotations.mat_fields(annotations.mat_variable(path, "annotations"), fields, path=path)
    split = images["test"].map({0: "train", 1: "test"})
    return _to_images(images, keys=images["relative_im_path"], split=split, names=names, path=path)


def _read_devkit(root: Path) -> pd.DataFrame:
    """Return columns key, model, split and boxes of the release with a development kit."""
    train = official.require(root / _DEVKIT_TRAIN, what="class and box of each train image", reader=READER)
    meta = official.require(root / _DEVKIT_META, what="the names of the classes", reader=READER)
    names = annotations.mat_values(annotations.mat_variable(meta, "class_names"))
    test = next((each for each in (root / _TEST_LABELS, root / _DEVKIT / _TEST_LABELS) if each.is_file()), None)
    if test is None:
        raise InputError(
            f"{root / _TEST_LABELS} is missing (the classes of the test images, which devkit/cars_test_annos.mat has "
            f"not); download that file from the project page of Stanford Cars and put it there."
        )
    parts = []
    for path, folder, split in ((train, "cars_train", "train"), (test, "cars_test", "test")):
        fields = ("fname", *_CORNERS, "class")
        images = annotations.mat_fields(annotations.mat_variable(path, "annotations"), fields, path=path)
        parts.append(_to_images(images, keys=f"{folder}/" + images["fname"], split=split, names=names, path=path))
    return pd.concat(parts, ignore_index=True)


def _to_images(
    images: pd.DataFrame, *, keys: pd.Series, split: pd.Series | str, names: list[str], path: Path
) -> pd.DataFrame:
    numbers = pd.to_numeric(images["class"], errors="coerce")
    unknown = ~numbers.between(1, len(names)) | pd.Series(split, index=images.index).isna()
    if unknown.any():
        raise InputError(
            f"{path} gives '{keys[unknown].iloc[0]}' a class that is not from 1 to {len(names)}, or a `test` that is "
            "neither 0 nor 1; download the official file again."
        )
    corners = zip(*(images[corner] for corner in _CORNERS), strict=True)
    return pd.DataFrame(
        {
            "key": keys,
            "model": [names[int(number) - 1] for number in numbers],
            "split": split,
            "boxes": [[annotations.to_box(each, path=path)] for each in corners],
        }
    )


READER = Reader(
    takes="Stanford Cars as it comes off the archive",
    recognises=official.recognised_by(_COMBINED, _DEVKIT_TRAIN, _TEST_LABELS),
    list_images=list_images,
    options=(Option("level", _LEVELS, _LEVELS[0], "what the label is, from fine to coarse"),),
    columns=(*_LEVELS, "boxes"),
    left_out=(_NO_TYPE,),
    official=Official(
        title="Stanford Cars",
        folder="stanford_cars",
        download="car_ims.tgz and cars_annos.mat (or cars_train.tgz, cars_test.tgz, car_devkit.tgz and "
        "cars_test_annos_withlabels.mat) from the project page of Stanford Cars",
        signs=(
            Sign(("car_ims",), missing=_COMBINED),
            Sign(
                ("cars_train/00001.jpg", "cars_test/00001.jpg", _DEVKIT_META, "devkit/cars_test_annos.mat"),
                missing=f"{_DEVKIT_TRAIN} or {_COMBINED}",
            ),
        ),
    ),
)
