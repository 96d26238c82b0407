"""WebVision 1.0, with and without its lists."""

import shutil
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.webvision import READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.webvision import NOT_LISTED, make_webvision


@pytest.fixture
def webvision(tmp_path: Path):
    root = tmp_path / "webvision"
    return root, make_webvision(root)


@pytest.mark.parametrize("given", [".", ".."])
def test_the_lists_say_what_belongs(webvision, given: str) -> None:
    root, expected = webvision
    path = (root / given).resolve()
    assert READER.recognises(path)
    assert by_split(read(READER, path)) == expected
    frame = read(READER, path, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert frame["uri"].tolist() == [str(root / key) for key in frame["key"]]
    assert read(READER, path, labels="none")["label"].isna().all()


def test_one_list_of_both_engines_will_do(webvision) -> None:
    root, expected = webvision
    for engine in ("google", "flickr"):
        (root / "info" / f"train_filelist_{engine}.txt").unlink()
    assert by_split(read(READER, root)) == expected


def test_without_lists_all_that_is_there_is_taken(webvision) -> None:
    root, expected = webvision
    for path in (root / "info").glob("train_filelist_*"):
        path.unlink()
    train = sorted([*expected["train"], (NOT_LISTED, "n01440764")])
    assert by_split(read(READER, root)) == {"train": train, "test": expected["test"]}


def test_without_info_the_label_is_the_query(webvision) -> None:
    root, expected = webvision
    shutil.rmtree(root / "info")
    frame = read(READER, root)
    keys = sorted([*(key for key, _ in expected["train"]), NOT_LISTED])
    assert list(zip(frame["key"], frame["label"], strict=True)) == [(key, "_".join(key.split("/")[:2])) for key in keys]
    assert frame["split"].isna().all()


def test_without_synsets_the_label_is_the_query(webvision) -> None:
    root, expected = webvision
    (root / "info" / "synsets.txt").unlink()
    frame = read(READER, root, role="openset")
    assert list(zip(frame["key"], frame["label"], strict=True)) == [
        (key, "_".join(key.split("/")[:2])) for key, _ in expected["train"]
    ]


def test_without_validation_the_split_is_open(webvision) -> None:
    root, expected = webvision
    shutil.rmtree(root / "val_images_256")
    frame = read(READER, root)
    assert frame["key"].tolist() == [key for key, _ in expected["train"]]
    assert frame["split"].isna().all()


def test_the_original_validation_images(webvision) -> None:
    root, expected = webvision
    (root / "val_images_256").rename(root / "val_images")
    test = [(key.replace("_256", ""), label) for key, label in expected["test"]]
    assert by_split(read(READER, root))["test"] == test


def test_a_listed_image_that_is_missing(webvision) -> None:
    root, _ = webvision
    (root / "flickr/q0002/22.jpg").unlink()
    with pytest.raises(InputError, match=r"flickr/q0002/22.jpg is listed but missing; download the Google and Flickr"):
        read(READER, root)


def test_half_of_the_set_is_an_error(webvision) -> None:
    root, _ = webvision
    (root / "info" / "train_filelist_flickr.txt").unlink()
    with pytest.raises(InputError, match=r"train_filelist_flickr.txt is missing \(the train images of one search"):
        read(READER, root)
    shutil.rmtree(root / "flickr")
    assert READER.recognises(root)
    with pytest.raises(InputError, match="it has no flickr; download the Google and Flickr train images"):
        read(READER, root)


@pytest.mark.parametrize("line", ["4 3", "3 9", "x"])
def test_a_query_of_no_class(webvision, line: str) -> None:
    root, _ = webvision
    for path in (root / "info").glob("train_filelist_*"):
        path.unlink()
    (root / "info" / "queries_synsets_map.txt").write_text(f"1 1\n2 1\n1631 3\n{line}\n")
    with pytest.raises(InputError, match=r"queries_synsets_map.txt"):
        read(READER, root)


def test_a_class_that_has_no_synset(webvision) -> None:
    root, _ = webvision
    (root / "info" / "synsets.txt").write_text("n01440764 tench, Tinca tinca\n")
    with pytest.raises(InputError, match=r"'google/q0003/x.jpg' is listed with class 1, but .* 0 to below 1;"):
        read(READER, root)


def test_what_is_not_webvision(tmp_path: Path) -> None:
    for logo in ("google", "flickr"):
        save_jpeg(tmp_path / logo / "1.jpg", 1)
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match="it has no google; download"):
        read(READER, tmp_path / "google")
