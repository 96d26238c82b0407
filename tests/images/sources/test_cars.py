from pathlib import Path

import pytest
import scipy.io
from torchvision.datasets import StanfordCars

from simcore.errors import InputError
from simcore.images.sources.cars import READER, brand_of, type_of
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.cars import CLASSES, FOLDER, boxes_of, make_cars, rows

RELEASES = ["combined", "devkit"]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("release", RELEASES)
def test_the_whole_list(tmp_path: Path, release: str, seed: int) -> None:
    expected = make_cars(tmp_path / FOLDER, seed=seed, release=release)
    for path in (tmp_path / FOLDER, tmp_path):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    assert {len(images) for images in expected.values()} == {12}


@pytest.mark.parametrize("release", RELEASES)
def test_levels_and_boxes(tmp_path: Path, release: str) -> None:
    listed = make_cars(tmp_path / FOLDER, release=release)
    model_of = dict(listed["train"] + listed["test"])
    names = {model: each for each in CLASSES for model in each[:1]}
    for place, level in enumerate(("model", "brand", "type")):
        frame = read(READER, tmp_path, level=level)
        assert column(frame, "label") == {key: names[model][place] for key, model in model_of.items()}
        for other, name in enumerate(("model", "brand", "type")):
            assert column(frame, name) == {key: names[model][other] for key, model in model_of.items()}
    if release == "combined":
        assert column(frame, "boxes") == {
            f"car_ims/{number + 1:06d}.jpg": [[float(each) for each in boxes_of(number)]] for number, _, _ in rows()
        }
    else:
        numbers = {test: [n for n, _, of in rows() if of == test] for test in (False, True)}
        assert column(frame, "boxes") == {
            f"cars_{'test' if test else 'train'}/{place + 1:05d}.jpg": [[float(each) for each in boxes_of(number)]]
            for test, of in numbers.items()
            for place, number in enumerate(of)
        }


def test_at_the_level_type_images_without_one_are_rejected(tmp_path: Path) -> None:
    expected = make_cars(tmp_path / FOLDER)
    frame = read(READER, tmp_path, level="type")
    without = {key for images in expected.values() for key, model in images if model == "Chevrolet HHR SS 2010"}
    assert set(frame["key"][frame["reason"].notna()]) == without
    assert set(frame["reason"].dropna()) == {"its name tells no body type, left out as in the published protocol"}
    assert len(without) == 4
    assert read(READER, tmp_path, level="brand")["reason"].isna().all()


@pytest.mark.parametrize(
    ("model", "brand", "kind"),
    [
        *CLASSES,
        ("Acura Integra Type R 2001", "Acura", "Coupe"),
        ("Buick Regal GS 2012", "Buick", "Sedan"),
        ("Infiniti G Coupe IPL 2012", "Infiniti", "Coupe"),
        ("Lamborghini Gallardo LP 570-4 Superleggera 2012", "Lamborghini", "Coupe"),
        ("Chevrolet Corvette ZR1 2012", "Chevrolet", None),
        ("Chevrolet Corvette Ron Fellows Edition Z06 2007", "Chevrolet", None),
        ("Chrysler 300 SRT-8 2010", "Chrysler", None),
        ("Dodge Challenger SRT8 2011", "Dodge", None),
        ("FIAT 500 Abarth 2012", "FIAT", None),
        ("Ford F-150 Regular Cab 2012", "Ford", "Cab"),
        ("GMC Savana Van 2012", "GMC", "Van"),
        ("Audi TT Hatchback 2011", "Audi", "Hatchback"),
        ("BMW 6 Series Convertible 2007", "BMW", "Convertible"),
        ("Volvo 240 Sedan 1993", "Volvo", "Sedan"),
        ("Dodge Magnum Wagon 2008", "Dodge", "Wagon"),
        ("Beetle", "Beetle", None),
    ],
)
def test_brand_and_type_of_a_class_name(model: str, brand: str, kind: str | None) -> None:
    assert (brand_of(model), type_of(model)) == (brand, kind)


@pytest.mark.parametrize("release", RELEASES)
def test_an_openset_takes_its_train_images_and_labels_can_be_left_out(tmp_path: Path, release: str) -> None:
    expected = make_cars(tmp_path / FOLDER, release=release)
    frame = read(READER, tmp_path, role="openset", labels="none")
    assert by_split(frame) == {"train": [(key, None) for key, _ in expected["train"]]}


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | FOLDERS_TEST
    assert frame[list(READER.columns)].isna().all(axis=None)
    with pytest.raises(
        InputError, match=r"`level` is 'brand', but .* has only class folders; .* or download car_ims.tgz"
    ):
        read(READER, tmp_path, level="brand")


def test_torchvision_lists_the_same(tmp_path: Path) -> None:
    make_cars(tmp_path / FOLDER, release="devkit")
    frame = read(READER, tmp_path)
    for split in ("train", "test"):
        twin = StanfordCars(tmp_path, split=split)
        listed = {Path(file).relative_to(tmp_path / FOLDER).as_posix(): twin.classes[n] for file, n in twin._samples}
        assert column(frame[frame["split"] == split], "label") == listed


@pytest.mark.parametrize(
    ("release", "removed", "message"),
    [
        ("combined", "cars_annos.mat", "has no cars_annos.mat; download car_ims.tgz and cars_annos.mat"),
        ("combined", "car_ims", "has no car_ims; download car_ims.tgz and cars_annos.mat"),
        ("combined", "car_ims/000001.jpg", "car_ims/000001.jpg is listed but missing; download car_ims.tgz"),
        ("devkit", "devkit/cars_meta.mat", r"cars_meta.mat is missing \(the names of the classes\); download"),
        ("devkit", "devkit/cars_train_annos.mat", r"cars_train_annos.mat is missing \(class and box .*car_devkit"),
        ("devkit", "cars_test_annos_withlabels.mat", "classes of the test images, .*; download that file"),
        ("devkit", "cars_test/00001.jpg", "cars_test/00001.jpg is listed but missing; download"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, release: str, removed: str, message: str) -> None:
    make_cars(tmp_path / FOLDER, release=release)
    (tmp_path / FOLDER / removed).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path / FOLDER)


def test_the_labels_of_the_test_may_lie_in_the_development_kit(tmp_path: Path) -> None:
    expected = make_cars(tmp_path / FOLDER, release="devkit")
    name = "cars_test_annos_withlabels.mat"
    (tmp_path / FOLDER / name).rename(tmp_path / FOLDER / "devkit" / name)
    assert by_split(read(READER, tmp_path)) == expected


@pytest.mark.parametrize(("field", "value"), [("class", 197), ("class", 0), ("test", 2)])
def test_a_class_or_split_that_there_is_not(tmp_path: Path, field: str, value: int) -> None:
    make_cars(tmp_path / FOLDER)
    path = tmp_path / FOLDER / "cars_annos.mat"
    variables = {name: each for name, each in scipy.io.loadmat(path).items() if not name.startswith("__")}
    variables["annotations"][field][0, 4] = [[value]]
    scipy.io.savemat(path, variables)
    with pytest.raises(InputError, match=r"gives 'car_ims/000005.jpg' a class that is not from 1 to 6, or a `test`"):
        read(READER, tmp_path)
