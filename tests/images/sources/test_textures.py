import re
from pathlib import Path

import pytest
from torchvision.datasets import DTD

from simcore.errors import InputError
from simcore.images.sources.textures import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.textures import make_textures


def test_lists_in_full(tmp_path: Path) -> None:
    expected = make_textures(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    assert frame["reason"].isna().all()
    assert all(Path(uri).is_file() for uri in frame["uri"])
    assert {label for _, label in expected["test"]} == {"banded", "polka-dotted", "zigzagged"}


def test_the_same_as_torchvision(tmp_path: Path) -> None:
    make_textures(tmp_path / "dtd" / "dtd")
    frame = read(READER, tmp_path / "dtd")
    for split, parts in {"train": ("train", "val"), "test": ("test",)}.items():
        theirs = []
        for part in parts:
            dataset = DTD(tmp_path, split=part, partition=1)
            theirs += [
                (str(path), dataset.classes[label])
                for path, label in zip(dataset._image_files, dataset._labels, strict=True)
            ]
        ours = frame[frame["split"] == split]
        assert sorted(theirs) == sorted(zip(ours["uri"], ours["label"], strict=True))


def test_as_an_openset_its_train_images_count(tmp_path: Path) -> None:
    expected = make_textures(tmp_path)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}


def test_without_labels(tmp_path: Path) -> None:
    expected = make_textures(tmp_path)
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in rows] for split, rows in expected.items()}


def test_the_folder_above_will_do(tmp_path: Path) -> None:
    make_textures(tmp_path / "dtd")
    assert READER.recognises(tmp_path) and READER.recognises(tmp_path / "dtd")
    assert read(READER, tmp_path).equals(read(READER, tmp_path / "dtd"))


def test_folders_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert not READER.recognises(tmp_path)
    assert by_split(read(READER, tmp_path)) == FOLDERS | FOLDERS_TEST


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("labels/train1.txt", "it has no labels/train1.txt; download dtd-r1.0.1.tar.gz"),
        ("labels/val1.txt", "it has no labels/val1.txt; download dtd-r1.0.1.tar.gz"),
        ("labels/test1.txt", "it has no labels/test1.txt; download dtd-r1.0.1.tar.gz"),
        ("images", "it has no images; download dtd-r1.0.1.tar.gz"),
        ("images/zigzagged/zigzagged_0041.jpg", "zigzagged_0041.jpg is listed but missing; download dtd-r1.0.1"),
        ("images/zigzagged", "zigzagged_0040.jpg is listed but missing, and 2 more of 12 listed; download"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, message: str) -> None:
    make_textures(tmp_path / "dtd")
    (tmp_path / "dtd" / gone).rename(tmp_path / "gone")
    assert READER.recognises(tmp_path / "dtd")
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, tmp_path / "dtd")


def test_a_line_without_a_texture_is_an_error(tmp_path: Path) -> None:
    make_textures(tmp_path)
    (tmp_path / "labels" / "val1.txt").write_text("banded_0002.jpg\n")
    with pytest.raises(InputError, match=r"'banded_0002.jpg' in .*val1.txt is not <texture>/<file>"):
        read(READER, tmp_path)


def test_an_image_on_two_lists_is_an_error(tmp_path: Path) -> None:
    make_textures(tmp_path)
    with (tmp_path / "labels/val1.txt").open("a") as file:
        file.write("\nbanded/banded_0002.jpg\n")
    with pytest.raises(InputError, match=r"banded/banded_0002.jpg' of .*val1.txt is in another list as well"):
        read(READER, tmp_path)
