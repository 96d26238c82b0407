from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.dogs import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.dogs import FOLDER, boxes_of, make_dogs, rows


@pytest.mark.parametrize("seed", [0, 1])
def test_the_whole_list(tmp_path: Path, seed: int) -> None:
    expected = make_dogs(tmp_path / FOLDER, seed=seed)
    for path in (tmp_path / FOLDER, tmp_path):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    assert {split: len(images) for split, images in expected.items()} == {"train": 12, "test": 6}
    assert "n02086240-Shih-Tzu" in set(read(READER, tmp_path)["label"])


def test_boxes_of_all_dogs_of_an_image(tmp_path: Path) -> None:
    make_dogs(tmp_path / FOLDER)
    boxes = {f"Images/{file}": boxes_of(number) for number, (file, _, _) in enumerate(rows())}
    assert column(read(READER, tmp_path), "boxes") == boxes
    assert sorted({len(each) for each in boxes.values()}) == [1, 2]


def test_boxes_are_null_where_their_archive_lacks_them(tmp_path: Path) -> None:
    make_dogs(tmp_path / FOLDER)
    first = rows()[0][0]
    (tmp_path / FOLDER / "Annotation" / first.removesuffix(".jpg")).unlink()
    found = column(read(READER, tmp_path), "boxes")
    assert [key for key, boxes in found.items() if boxes is None] == [f"Images/{first}"]
    make_dogs(tmp_path / "without" / FOLDER, annotation=False)
    assert set(column(read(READER, tmp_path / "without"), "boxes").values()) == {None}


def test_a_damaged_annotation_is_named(tmp_path: Path) -> None:
    make_dogs(tmp_path / FOLDER)
    path = tmp_path / FOLDER / "Annotation" / rows()[3][0].removesuffix(".jpg")
    path.write_text(path.read_text().replace("<ymax>35</ymax>", ""))
    with pytest.raises(InputError, match=rf"{path.name} says '4 3 40' where 4 numbers belong"):
        read(READER, tmp_path)


def test_an_openset_takes_its_train_images_and_labels_can_be_left_out(tmp_path: Path) -> None:
    expected = make_dogs(tmp_path / FOLDER)
    frame = read(READER, tmp_path, role="openset", labels="none")
    assert by_split(frame) == {"train": [(key, None) for key, _ in expected["train"]]}


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | FOLDERS_TEST
    assert frame[list(READER.columns)].isna().all(axis=None)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("train_list.mat", "has no train_list.mat; download images.tar and lists.tar"),
        ("test_list.mat", "has no test_list.mat; download images.tar and lists.tar"),
        ("Images", "has no Images; download images.tar and lists.tar"),
        (
            "Images/n02086240-Shih-Tzu/n02086240_2940.jpg",
            "Shih-Tzu/n02086240_2940.jpg is listed but missing; download images.tar",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    make_dogs(tmp_path / FOLDER)
    (tmp_path / FOLDER / removed).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path / FOLDER)


def test_lists_that_overlap(tmp_path: Path) -> None:
    make_dogs(tmp_path / FOLDER)
    (tmp_path / FOLDER / "test_list.mat").write_bytes((tmp_path / FOLDER / "train_list.mat").read_bytes())
    with pytest.raises(InputError, match=r"test_list.mat is in another list as well"):
        read(READER, tmp_path)
