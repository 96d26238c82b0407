import re
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.actions import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.actions import make_actions


def test_lists_in_full(tmp_path: Path) -> None:
    expected = make_actions(tmp_path / "Stanford40")
    frame = read(READER, tmp_path / "Stanford40")
    assert by_split(frame) == expected
    assert frame["reason"].isna().all()
    assert ("JPEGImages/looking_through_a_microscope_002.jpg", "looking_through_a_microscope") in expected["train"]
    assert ("JPEGImages/watching_TV_101.jpg", "watching_TV") in expected["test"]


def test_an_ending_in_capitals_is_found_under_the_listed_name(tmp_path: Path) -> None:
    make_actions(tmp_path)
    uris = column(read(READER, tmp_path), "uri")
    assert uris["JPEGImages/watching_TV_003.jpg"] == str(tmp_path / "JPEGImages" / "watching_TV_003.JPG")
    assert all(Path(uri).is_file() for uri in uris.values())


def test_as_an_openset_its_train_images_count(tmp_path: Path) -> None:
    expected = make_actions(tmp_path)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}


def test_without_labels(tmp_path: Path) -> None:
    expected = make_actions(tmp_path)
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in rows] for split, rows in expected.items()}


def test_the_folder_above_will_do(tmp_path: Path) -> None:
    make_actions(tmp_path / "Stanford40")
    (tmp_path / "__MACOSX").mkdir()
    assert READER.recognises(tmp_path) and READER.recognises(tmp_path / "Stanford40")
    assert read(READER, tmp_path).equals(read(READER, tmp_path / "Stanford40"))


def test_folders_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert not READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == FOLDERS | FOLDERS_TEST
    assert by_split(read(READER, tmp_path, role="openset")) == FOLDERS


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("ImageSplits/train.txt", "it has no ImageSplits/train.txt; download Stanford40_JPEGImages.zip and"),
        ("ImageSplits/test.txt", "it has no ImageSplits/test.txt; download Stanford40_JPEGImages.zip and"),
        ("JPEGImages/applauding_012.jpg", "applauding_012.jpg is listed but missing; download Stanford40_JPEGImages"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, message: str) -> None:
    make_actions(tmp_path)
    (tmp_path / gone).unlink()
    assert READER.recognises(tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, tmp_path)


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    make_actions(tmp_path)
    (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
    assert READER.recognises(tmp_path)
    with pytest.raises(InputError, match=r"it has no JPEGImages; download Stanford40_JPEGImages.zip"):
        read(READER, tmp_path)


def test_several_missing_images_are_counted(tmp_path: Path) -> None:
    make_actions(tmp_path)
    for name in ("applauding_001.jpg", "watching_TV_002.jpg", "watching_TV_101.jpg"):
        (tmp_path / "JPEGImages" / name).unlink()
    with pytest.raises(InputError, match=r"applauding_001.jpg is listed but missing, and 2 more of 12 listed"):
        read(READER, tmp_path)


def test_a_name_without_a_number_is_an_error(tmp_path: Path) -> None:
    make_actions(tmp_path)
    with (tmp_path / "ImageSplits" / "test.txt").open("a") as file:
        file.write("\napplauding.jpg")
    with pytest.raises(InputError, match=r"'applauding.jpg' in .*test.txt is not an action with a number"):
        read(READER, tmp_path)


def test_a_list_cannot_lead_out_of_the_set(tmp_path: Path) -> None:
    make_actions(tmp_path / "Stanford40")
    save_jpeg(tmp_path / "applauding_001.jpg", 0)
    (tmp_path / "Stanford40" / "ImageSplits" / "test.txt").write_text("../../applauding_001.jpg")
    with pytest.raises(InputError, match="leads out of that folder"):
        read(READER, tmp_path / "Stanford40")


def test_other_folders_are_not_taken_for_it(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "JPEGImages" / "a_1.jpg", 0)
    (tmp_path / "ImageSets").mkdir()
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match=r"it has no ImageSplits/train.txt"):
        read(READER, tmp_path)


def test_an_image_on_two_lists_is_an_error(tmp_path: Path) -> None:
    make_actions(tmp_path)
    with (tmp_path / "ImageSplits/test.txt").open("a") as file:
        file.write("\napplauding_001.jpg\n")
    with pytest.raises(InputError, match=r"applauding_001.jpg' of .*test.txt is in another list as well"):
        read(READER, tmp_path)
