from pathlib import Path

import numpy as np
import pytest
import scipy.io
from torchvision.datasets import Flowers102

from simcore.errors import InputError
from simcore.images.sources.flowers import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.flowers import FOLDER, make_flowers


@pytest.mark.parametrize("seed", [0, 1])
def test_train_and_valid_are_train(tmp_path: Path, seed: int) -> None:
    expected = make_flowers(tmp_path / FOLDER, seed=seed)
    for path in (tmp_path / FOLDER, tmp_path):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    assert {len(images) for images in expected.values()} == {8}
    assert set(read(READER, tmp_path)["label"]) == {"001", "002", "077", "102"}


def test_an_openset_takes_its_train_images_and_labels_can_be_left_out(tmp_path: Path) -> None:
    expected = make_flowers(tmp_path / FOLDER)
    frame = read(READER, tmp_path, role="openset", labels="none")
    assert by_split(frame) == {"train": [(key, None) for key, _ in expected["train"]]}


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert by_split(read(READER, tmp_path)) == FOLDERS | FOLDERS_TEST


def test_torchvision_lists_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_flowers(tmp_path / FOLDER)
    monkeypatch.setattr(Flowers102, "_check_integrity", lambda _: True)  # it knows the sums of the official files
    frame = read(READER, tmp_path)
    for parts, split in ((("train", "val"), "train"), (("test",), "test")):
        listed = {}
        for part in parts:
            twin = Flowers102(tmp_path, split=part)
            for file, label in zip(twin._image_files, twin._labels, strict=True):
                listed[Path(file).relative_to(tmp_path / FOLDER).as_posix()] = f"{label + 1:03d}"
        assert column(frame[frame["split"] == split], "label") == listed


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("jpg", "has no jpg; download 102flowers.tgz, imagelabels.mat and setid.mat"),
        ("imagelabels.mat", "has no imagelabels.mat; download 102flowers.tgz, imagelabels.mat and setid.mat"),
        ("setid.mat", "has no setid.mat; download 102flowers.tgz, imagelabels.mat and setid.mat"),
        ("jpg/image_00002.jpg", "jpg/image_00002.jpg is listed but missing; download 102flowers.tgz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    make_flowers(tmp_path / FOLDER)
    (tmp_path / FOLDER / removed).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path / FOLDER)


def test_an_image_without_a_class(tmp_path: Path) -> None:
    make_flowers(tmp_path / FOLDER)
    scipy.io.savemat(tmp_path / FOLDER / "imagelabels.mat", {"labels": np.ones((1, 15), dtype=np.uint8)})
    with pytest.raises(InputError, match=r"names image 16, but imagelabels.mat has 15 classes of images"):
        read(READER, tmp_path)


def test_sets_that_overlap(tmp_path: Path) -> None:
    make_flowers(tmp_path / FOLDER)
    sets = {"trnid": [[1, 2]], "valid": [[3]], "tstid": [[2, 4]]}
    scipy.io.savemat(tmp_path / FOLDER / "setid.mat", {name: np.uint16(ids) for name, ids in sets.items()})
    with pytest.raises(InputError, match=r"'2' of .*setid.mat is in another list as well"):
        read(READER, tmp_path)
