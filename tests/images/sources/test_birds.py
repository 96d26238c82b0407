import shutil
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.birds import GREY_REASON, READER, are_grey
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import picture, save_jpeg
from tests.images.sources.miniatures.birds import FOLDER, boxes_of, grey_keys, make_birds, rows


@pytest.mark.parametrize("seed", [0, 1])
def test_the_whole_list_without_the_grey_images(tmp_path: Path, seed: int) -> None:
    expected = make_birds(tmp_path / FOLDER, seed=seed)
    for path in (tmp_path / FOLDER, tmp_path):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    assert {len(images) for images in expected.values()} == {11}


def test_grey_images_are_rejected_so_that_all_add_up(tmp_path: Path) -> None:
    expected = make_birds(tmp_path / FOLDER)
    frame = read(READER, tmp_path)
    left_out = frame[frame["reason"].notna()]
    assert {
        split: list(zip(part["key"], part["label"], strict=True)) for split, part in left_out.groupby("split")
    } == grey_keys()
    assert set(left_out["reason"]) == {"grey image, left out as in the published split"} == {GREY_REASON}
    assert len(frame) == sum(map(len, expected.values())) + 2 == 24


def test_what_is_grey_is_the_number_of_channels_of_the_file(tmp_path: Path) -> None:
    colour = save_jpeg(tmp_path / "colour.jpg", 1)
    grey = save_jpeg(tmp_path / "grey.jpg", 1, mode="L")
    grey_looking = tmp_path / "looks_grey.jpg"
    picture(1, mode="L").convert("RGB").save(grey_looking)
    cmyk = save_jpeg(tmp_path / "cmyk.jpg", 1, mode="CMYK")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(colour.read_bytes()[:7])
    empty = tmp_path / "empty.jpg"
    empty.touch()
    paths = [colour, grey, grey_looking, cmyk, cut, empty, tmp_path / "nowhere.jpg"]
    assert are_grey([str(path) for path in paths]) == [False, True, False, False, False, False, False]


def test_boxes_have_two_corners(tmp_path: Path) -> None:
    make_birds(tmp_path / FOLDER)
    corners = {}
    for number, file, *_ in rows():
        x, y, width, height = boxes_of(number)
        corners[f"images/{file}"] = [[x, y, x + width, y + height]]
    assert column(read(READER, tmp_path), "boxes") == corners
    (tmp_path / FOLDER / "bounding_boxes.txt").unlink()
    assert set(column(read(READER, tmp_path), "boxes").values()) == {None}


@pytest.mark.parametrize("where", ["inside", "beside", None])
def test_masks_wherever_their_archive_was_unpacked(tmp_path: Path, where: str | None) -> None:
    make_birds(tmp_path / FOLDER, segmentations=where)
    assert READER.recognises(tmp_path)
    frame = read(READER, tmp_path)
    if where is None:
        assert frame[["mask", "mask_coding"]].isna().all(axis=None)
        return
    folder = (tmp_path / FOLDER if where == "inside" else tmp_path) / "segmentations"
    assert column(frame, "mask") == {
        f"images/{file}": str(folder / Path(file).with_suffix(".png")) for _, file, *_ in rows()
    }
    assert all(Path(mask).is_file() for mask in frame["mask"])
    assert set(frame["mask_coding"]) == {"probability"}


def test_an_openset_takes_its_train_images_and_labels_can_be_left_out(tmp_path: Path) -> None:
    expected = make_birds(tmp_path / FOLDER)
    frame = read(READER, tmp_path, role="openset", labels="none")
    assert by_split(frame) == {"train": [(key, None) for key, _ in expected["train"]]}
    assert frame["key"][frame["reason"].notna()].tolist() == [key for key, _ in grey_keys()["train"]]


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    save_jpeg(tmp_path / "test" / "b" / "6.jpg", 6, mode="L")
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | {"test": [*FOLDERS_TEST["test"], ("test/b/6.jpg", "b")]}
    assert frame[list(READER.columns)].isna().all(axis=None)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("images.txt", "has no images.txt; download CUB_200_2011.tgz"),
        ("classes.txt", "has no classes.txt; download CUB_200_2011.tgz"),
        ("image_class_labels.txt", "has no image_class_labels.txt; download CUB_200_2011.tgz"),
        ("train_test_split.txt", "has no train_test_split.txt; download CUB_200_2011.tgz"),
        ("images", "has no images; download CUB_200_2011.tgz"),
        ("images/200.Common_Yellowthroat", "is listed but missing, and 7 more of 24 listed; download CUB_200_2011.tgz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    make_birds(tmp_path / FOLDER)
    (tmp_path / FOLDER / removed).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path / FOLDER)


def test_a_missing_part_does_not_make_it_a_folder_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path / FOLDER, save_jpeg)
    make_birds(tmp_path / FOLDER)
    shutil.rmtree(tmp_path / FOLDER / "images")
    with pytest.raises(InputError, match=r"has no images; download"):
        read(READER, tmp_path / FOLDER)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("image_class_labels.txt", "\n7 ", "\n77 ", r"image_class_labels.txt lacks image 7 \("),
        ("train_test_split.txt", "\n7 ", "\n77 ", r"train_test_split.txt lacks image 7 \("),
        ("classes.txt", "36 ", "37 ", "image_class_labels.txt has the value '36', which nothing explains"),
        ("train_test_split.txt", " 0\n", " 2\n", "train_test_split.txt has the value '2', which nothing explains"),
        ("bounding_boxes.txt", " 12.5 30.0", " 12.5", "where 4 numbers belong"),
    ],
)
def test_lists_that_do_not_agree(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    make_birds(tmp_path / FOLDER)
    path = tmp_path / FOLDER / name
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path)
