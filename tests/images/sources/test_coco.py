"""COCO 2017, which has no labels here."""

import shutil
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.coco import READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.coco import make_coco


@pytest.fixture
def coco(tmp_path: Path):
    root = tmp_path / "coco"
    return root, make_coco(root)


@pytest.mark.parametrize("given", [".", "..", "train2017"])
@pytest.mark.parametrize("annotated", [True, False])
def test_flat_folders_with_and_without_annotations(coco, given: str, annotated: bool) -> None:
    root, expected = coco
    if not annotated:
        shutil.rmtree(root / "annotations")
    path = (root / given).resolve()
    assert READER.recognises(path)
    assert by_split(read(READER, path)) == expected
    frame = read(READER, path, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert frame["uri"].tolist() == [str(root / key) for key in frame["key"]]


def test_a_folder_inside_is_no_class(coco) -> None:
    root, expected = coco
    save_jpeg(root / "train2017" / "cats" / "1.jpg", 1)
    assert by_split(read(READER, root))["train"] == sorted([*expected["train"], ("train2017/cats/1.jpg", None)])


def test_without_validation_all_is_train(coco) -> None:
    root, expected = coco
    shutil.rmtree(root / "val2017")
    assert by_split(read(READER, root)) == {"train": expected["train"]}


@pytest.mark.parametrize("role", ["target", "openset"])
def test_labels_cannot_be_had(coco, role: str) -> None:
    root, _ = coco
    with pytest.raises(InputError, match="COCO labels objects"):
        read(READER, root, role=role, labels="folder")


def test_what_is_not_coco(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "val2017" / "000000000139.jpg", 1)
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match=r"it has no train2017; download train2017.zip"):
        read(READER, tmp_path)


def test_an_empty_train_folder(tmp_path: Path) -> None:
    (tmp_path / "train2017").mkdir()
    with pytest.raises(InputError, match="train2017 holds no images"):
        read(READER, tmp_path)
