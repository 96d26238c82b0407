import re
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.food import CLASSES, READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.food import make_food

FORMS = ("kaggle", "epfl", "paper")


@pytest.mark.parametrize("form", FORMS)
def test_lists_in_full(tmp_path: Path, form: str) -> None:
    expected = make_food(tmp_path, form=form)
    assert READER.recognises(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    assert frame["reason"].isna().all() and frame["key"].is_unique
    assert all(Path(uri).is_file() for uri in frame["uri"])


def test_the_forms_agree(tmp_path: Path) -> None:
    labels = []
    for form in FORMS:
        make_food(tmp_path / form, form=form)
        labels.append([sorted(label for _, label in rows) for rows in by_split(read(READER, tmp_path / form)).values()])
    assert labels[0] == labels[1] == labels[2]
    assert set(labels[0][0]) == set(CLASSES)


def test_class_ten_is_not_class_one(tmp_path: Path) -> None:
    make_food(tmp_path, form="epfl")
    labels = column(read(READER, tmp_path), "label")
    assert (labels["training/10_1.jpg"], labels["training/1_0.jpg"]) == ("Vegetable-Fruit", "Dairy product")


@pytest.mark.parametrize("form", FORMS)
def test_as_an_openset_its_train_images_count(tmp_path: Path, form: str) -> None:
    expected = make_food(tmp_path, form=form)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}


@pytest.mark.parametrize("form", FORMS)
def test_without_labels(tmp_path: Path, form: str) -> None:
    expected = make_food(tmp_path, form=form)
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in rows] for split, rows in expected.items()}


@pytest.mark.parametrize("form", FORMS)
def test_the_folder_above_will_do(tmp_path: Path, form: str) -> None:
    make_food(tmp_path / "Food-11", form=form)
    assert READER.recognises(tmp_path)
    assert read(READER, tmp_path).equals(read(READER, tmp_path / "Food-11"))


@pytest.mark.parametrize("names", [("train", "val", "test"), ("training", "valid", "evaluation")])
def test_parts_under_other_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    expected = make_food(tmp_path)
    renamed = {"training": names[0], "validation": names[1], "evaluation": names[2]}
    for old, new in renamed.items():
        if old != new:
            (tmp_path / old).rename(tmp_path / new)
    assert READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == {
        split: sorted((f"{renamed[key.split('/')[0]]}/{key.partition('/')[2]}", label) for key, label in rows)
        for split, rows in expected.items()
    }


def test_raw_beside_the_tree_that_was_made_of_it(tmp_path: Path) -> None:
    make_food(tmp_path, form="paper")
    (tmp_path / "evaluation").rename(tmp_path / "test")
    save_jpeg(tmp_path / "train" / "Egg" / "val_0.jpg", 0)
    keys = set(read(READER, tmp_path)["key"])
    assert {"raw/train/Egg/0.jpg", "raw/val/Egg/0.jpg", "test/Egg/0.jpg"} < keys
    assert "train/Egg/val_0.jpg" not in keys


def test_folders_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert not READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == FOLDERS | FOLDERS_TEST


def test_class_folders_of_food_are_class_folders(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "train" / "Egg" / "train_0.jpg", 0)
    save_jpeg(tmp_path / "train" / "Egg" / "val_0.jpg", 1)
    save_jpeg(tmp_path / "test" / "Egg" / "0.jpg", 2)
    assert not READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == {
        "train": [("train/Egg/train_0.jpg", "Egg"), ("train/Egg/val_0.jpg", "Egg")],
        "test": [("test/Egg/0.jpg", "Egg")],
    }


def test_own_splits_of_other_things_are_not_taken_for_it(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        save_jpeg(tmp_path / part / "Bread" / "0.jpg", 0)
        save_jpeg(tmp_path / part / "Bicycle" / "0.jpg", 1)
    assert not READER.recognises(tmp_path)


@pytest.mark.parametrize(
    ("form", "gone", "missing"),
    [
        ("kaggle", "training", "training"),
        ("kaggle", "validation", "validation"),
        ("epfl", "evaluation", "evaluation"),
        ("paper", "raw/train", "raw/training"),
        ("paper", "raw/val", "raw/validation"),
        ("paper", "evaluation", "raw/evaluation"),
    ],
)
def test_a_missing_part_is_named(tmp_path: Path, form: str, gone: str, missing: str) -> None:
    make_food(tmp_path / "Food-11", form=form)
    (tmp_path / "Food-11" / gone).rename(tmp_path / "gone")
    assert READER.recognises(tmp_path / "Food-11")
    message = f"{tmp_path / 'Food-11' / missing} is missing (the {Path(missing).name} images); download Food-11.zip"
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, tmp_path / "Food-11")


def test_nothing_at_all(tmp_path: Path) -> None:
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'training'} is missing (the training images)")):
        read(READER, tmp_path)


def test_an_empty_part_is_an_error(tmp_path: Path) -> None:
    make_food(tmp_path / "Food-11", form="epfl")
    (tmp_path / "Food-11" / "validation").rename(tmp_path / "gone")
    (tmp_path / "Food-11" / "validation").mkdir()
    with pytest.raises(InputError, match="validation holds no images"):
        read(READER, tmp_path / "Food-11")


@pytest.mark.parametrize("name", ["11_0.jpg", "0.jpg", "bread_1.jpg", "1_a.jpg"])
def test_a_file_of_no_class_is_an_error(tmp_path: Path, name: str) -> None:
    make_food(tmp_path, form="epfl")
    save_jpeg(tmp_path / "evaluation" / name, 0)
    with pytest.raises(InputError, match=re.escape(f"evaluation/{name} is neither in a class folder nor called")):
        read(READER, tmp_path)
    assert f"evaluation/{name}" in set(read(READER, tmp_path, labels="none")["key"])


def test_a_link_to_nothing_is_rejected(tmp_path: Path) -> None:
    make_food(tmp_path)
    (tmp_path / "training" / "Rice" / "9.jpg").symlink_to(tmp_path / "nowhere.jpg")
    frame = read(READER, tmp_path)
    reasons = {key: reason for key, reason in column(frame, "reason").items() if reason is not None}
    assert reasons == {"training/Rice/9.jpg": "it is a link to nothing"}
