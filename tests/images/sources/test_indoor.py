import re
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.indoor import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.indoor import ON_NO_LIST, make_indoor


def test_lists_in_full(tmp_path: Path) -> None:
    expected = make_indoor(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    assert frame["reason"].isna().all()
    assert all(Path(uri).is_file() for uri in frame["uri"])
    for image in ON_NO_LIST:
        assert (tmp_path / "Images" / image).is_file() and f"Images/{image}" not in set(frame["key"])


def test_images_one_folder_deeper(tmp_path: Path) -> None:
    expected = make_indoor(tmp_path, images="indoorCVPR_09/Images")
    (tmp_path / "indoorCVPR_09annotations").mkdir()
    assert READER.recognises(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    uri = column(frame, "uri")["indoorCVPR_09/Images/kitchen/int6.jpg"]
    assert uri == str(tmp_path / "indoorCVPR_09" / "Images" / "kitchen" / "int6.jpg")


def test_as_an_openset_its_train_images_count(tmp_path: Path) -> None:
    expected = make_indoor(tmp_path)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}


def test_without_labels(tmp_path: Path) -> None:
    expected = make_indoor(tmp_path)
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in rows] for split, rows in expected.items()}


def test_the_folder_above_will_do(tmp_path: Path) -> None:
    make_indoor(tmp_path / "mit67")
    assert READER.recognises(tmp_path) and READER.recognises(tmp_path / "mit67")
    assert read(READER, tmp_path).equals(read(READER, tmp_path / "mit67"))


def test_folders_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert not READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == FOLDERS | FOLDERS_TEST


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("TrainImages.txt", "it has no TrainImages.txt; download indoorCVPR_09.tar, TrainImages.txt and"),
        ("TestImages.txt", "it has no TestImages.txt; download indoorCVPR_09.tar, TrainImages.txt and"),
        ("Images", "it has no Images; download indoorCVPR_09.tar, TrainImages.txt and"),
        ("Images/kitchen/int6.jpg", "int6.jpg is listed but missing; download indoorCVPR_09.tar"),
        ("Images/kitchen", "int474.jpg is listed but missing, and 4 more of 11 listed"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, message: str) -> None:
    lines = make_indoor(tmp_path / "indoorCVPR_09")["train"]
    assert len(lines) == 7
    (tmp_path / "indoorCVPR_09" / gone).rename(tmp_path / "gone")
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, tmp_path / "indoorCVPR_09")


def test_a_line_without_a_scene_is_an_error(tmp_path: Path) -> None:
    make_indoor(tmp_path)
    (tmp_path / "TestImages.txt").write_text("kitchen/int6.jpg\nint474.jpg\n")
    with pytest.raises(InputError, match=r"'int474.jpg' in .*TestImages.txt is not <scene>/<file>"):
        read(READER, tmp_path)


def test_lists_alone_are_recognised_but_not_enough(tmp_path: Path) -> None:
    (tmp_path / "TrainImages.txt").write_text("kitchen/int6.jpg")
    assert READER.recognises(tmp_path)
    with pytest.raises(InputError, match="it has no Images"):
        read(READER, tmp_path)


def test_an_image_on_two_lists_is_an_error(tmp_path: Path) -> None:
    make_indoor(tmp_path)
    with (tmp_path / "TestImages.txt").open("a") as file:
        file.write("\nkitchen/palette.jpg\n")
    with pytest.raises(InputError, match=r"kitchen/palette.jpg' of .*TestImages.txt is in another list as well"):
        read(READER, tmp_path)
