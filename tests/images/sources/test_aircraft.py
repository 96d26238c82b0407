from pathlib import Path

import pytest
from torchvision.datasets import FGVCAircraft

from simcore.errors import InputError
from simcore.images.sources.aircraft import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.aircraft import FOLDER, boxes_of, make_aircraft, rows


@pytest.mark.parametrize("seed", [0, 1])
def test_trainval_is_train_and_labels_stay_as_they_are(tmp_path: Path, seed: int) -> None:
    expected = make_aircraft(tmp_path / FOLDER, seed=seed)
    frame = read(READER, tmp_path / FOLDER)
    assert by_split(frame) == expected
    assert {len(images) for images in expected.values()} == {12}
    assert "F/A-18" in set(frame["label"])


def test_the_folder_above_and_the_folder_data_give_the_same(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    frame = read(READER, tmp_path / FOLDER)
    for path in (tmp_path, tmp_path / FOLDER / "data"):
        assert READER.recognises(path)
        assert read(READER, path).equals(frame)


def test_keys_are_as_listed_and_uris_as_on_the_disk(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    frame = read(READER, tmp_path / FOLDER)
    upper = {key: uri for key, uri in column(frame, "uri").items() if uri.endswith(".JPG")}
    assert len(upper) == 1
    assert all(uri == str(tmp_path / FOLDER / key).replace(".jpg", ".JPG") for key, uri in upper.items())
    assert all(Path(uri).is_file() for uri in frame["uri"])


def test_levels_and_boxes(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    expected = {f"data/images/{image}.jpg": (number, names) for image, number, _, names in rows()}
    for place, level in enumerate(("variant", "family", "manufacturer")):
        frame = read(READER, tmp_path / FOLDER, level=level)
        assert column(frame, "label") == {key: names[place] for key, (_, names) in expected.items()}
        for other, name in enumerate(("variant", "family", "manufacturer")):
            assert column(frame, name) == {key: names[other] for key, (_, names) in expected.items()}
        assert column(frame, "boxes") == {key: [boxes_of(number)] for key, (number, _) in expected.items()}


def test_without_the_file_of_boxes_there_are_none(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    (tmp_path / FOLDER / "data" / "images_box.txt").unlink()
    assert set(column(read(READER, tmp_path), "boxes").values()) == {None}


def test_an_openset_takes_its_train_images(tmp_path: Path) -> None:
    expected = make_aircraft(tmp_path / FOLDER)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}


def test_labels_can_be_left_out(tmp_path: Path) -> None:
    expected = make_aircraft(tmp_path / FOLDER)
    assert by_split(read(READER, tmp_path, labels="none")) == {
        split: [(key, None) for key, _ in images] for split, images in expected.items()
    }


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | FOLDERS_TEST
    assert frame[list(READER.columns)].isna().all(axis=None)
    assert by_split(read(READER, tmp_path, role="openset")) == FOLDERS
    with pytest.raises(
        InputError, match=r"`level` is 'family', but .* has only class folders; .*fgvc-aircraft-2013b.tar"
    ):
        read(READER, tmp_path, level="family")


@pytest.mark.parametrize("level", ["variant", "family", "manufacturer"])
def test_torchvision_lists_the_same(tmp_path: Path, level: str) -> None:
    make_aircraft(tmp_path / FOLDER)
    frame = read(READER, tmp_path, level=level)
    for part, split in (("trainval", "train"), ("test", "test")):
        twin = FGVCAircraft(tmp_path, split=part, annotation_level=level)
        listed = {
            Path(file).relative_to(tmp_path / FOLDER).as_posix(): twin.classes[label]
            for file, label in zip(twin._image_files, twin._labels, strict=True)
        }
        assert column(frame[frame["split"] == split], "label") == listed


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("images_variant_trainval.txt", "has no data/images_variant_trainval.txt; download fgvc-aircraft-2013b.tar.gz"),
        ("images_variant_test.txt", r"images_variant_test.txt is missing \(the variant of each image of test\); down"),
        ("images_family_trainval.txt", "images_family_trainval.txt is missing .* download fgvc-aircraft-2013b.tar.gz"),
        ("images_manufacturer_test.txt", "images_manufacturer_test.txt is missing"),
        ("images/0029045.JPG", "images/0029045.jpg is listed but missing; download fgvc-aircraft-2013b.tar.gz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    make_aircraft(tmp_path / FOLDER)
    (tmp_path / FOLDER / "data" / removed).unlink()
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path)


def test_no_images_at_all(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    (tmp_path / FOLDER / "data" / "images").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"is listed but missing, and 23 more of 24 listed; download"):
        read(READER, tmp_path / FOLDER)


def test_lists_that_disagree(tmp_path: Path) -> None:
    make_aircraft(tmp_path / FOLDER)
    data = tmp_path / FOLDER / "data"
    family = data / "images_family_test.txt"
    whole = family.read_text()
    family.write_text(whole.partition("\n")[2])
    with pytest.raises(InputError, match=r"images_family_test.txt names other images than images_variant_test.txt"):
        read(READER, tmp_path)
    family.write_text(whole)
    test = data / "images_variant_test.txt"
    test.write_text(test.read_text() + "\n" + (data / "images_variant_val.txt").read_text())
    with pytest.raises(InputError, match=r"images_variant_test.txt is in another list as well"):
        read(READER, tmp_path)
