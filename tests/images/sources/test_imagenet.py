"""ImageNet in every form in which it lies on disks."""

import shutil
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from simcore.errors import InputError
from simcore.images.sources.imagenet import READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.imagenet import IMAGES, VALIDATION, make_imagenet


@pytest.fixture
def imagenet(tmp_path: Path):
    root = tmp_path / "ILSVRC2015"
    return root, make_imagenet(root)


def _make_plain(root: Path) -> Path:
    """Leave what people keep: train/ and val/ in a folder of any name."""
    plain = root.parent / "imagenet"
    shutil.move(root / IMAGES, plain)
    shutil.rmtree(root)
    return plain


def test_a_target_has_the_validation_images_as_test(imagenet) -> None:
    root, expected = imagenet
    for path in (root, root.parent, root / "ILSVRC", root / "ILSVRC" / "Data", root / IMAGES):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    (root / "LOC_val_solution.csv").rename(root / "ILSVRC" / "LOC_val_solution.csv")
    assert by_split(read(READER, root)) == expected


def test_an_openset_is_the_train_images(imagenet) -> None:
    root, expected = imagenet
    frame = read(READER, root, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert frame["uri"].tolist() == [str(root / IMAGES / key) for key in frame["key"]]
    unlabelled = read(READER, root, role="openset", labels="none")
    assert unlabelled["label"].isna().all()
    assert unlabelled["key"].tolist() == frame["key"].tolist()


@pytest.mark.parametrize("given", [".", "train", ".."])
def test_plain_folders_have_the_same_keys(imagenet, given: str) -> None:
    root, expected = imagenet
    plain = _make_plain(root)
    frame = read(READER, plain / given, role="openset")
    assert by_split(frame) == {"train": expected["train"]}


def test_validation_images_in_class_folders(imagenet) -> None:
    root, expected = imagenet
    plain = _make_plain(root)
    for name, wordnet_id in VALIDATION.items():
        (plain / "val" / wordnet_id).mkdir()
        (plain / "val" / f"{name}.JPEG").rename(plain / "val" / wordnet_id / f"{name}.JPEG")
    test = sorted((f"val/{wordnet_id}/{name}.JPEG", wordnet_id) for name, wordnet_id in VALIDATION.items())
    assert by_split(read(READER, plain)) == {"train": expected["train"], "test": test}


def test_validation_classes_from_annotations(imagenet) -> None:
    root, expected = imagenet
    (root / "LOC_val_solution.csv").unlink()
    folder = root / "ILSVRC" / "Annotations" / "CLS-LOC" / "val"
    folder.mkdir(parents=True)
    for name, wordnet_id in VALIDATION.items():
        objects = "".join(f"<object><name>{each}</name></object>" for each in (wordnet_id, wordnet_id))
        (folder / f"{name}.xml").write_text(f"<annotation><filename>{name}</filename>{objects}</annotation>")
    (folder / "._hidden.xml").write_bytes(b"\0")
    assert by_split(read(READER, root)) == expected
    (folder / "ILSVRC2012_val_00000001.xml").write_text("<annotation>")
    with pytest.raises(InputError, match=r"ILSVRC2012_val_00000001.xml is not whole"):
        read(READER, root)


def test_a_flat_plain_validation_folder_with_the_solution_beside_it(imagenet) -> None:
    root, expected = imagenet
    shutil.move(root / "LOC_val_solution.csv", root / IMAGES)
    assert by_split(read(READER, _make_plain(root))) == expected


def test_unknown_validation_classes_leave_the_split_open(imagenet, caplog: pytest.LogCaptureFixture) -> None:
    root, expected = imagenet
    (root / "LOC_val_solution.csv").unlink()
    frame = read(READER, root)
    assert list(zip(frame["key"], frame["label"], strict=True)) == expected["train"]
    assert frame["split"].isna().all()
    assert "the validation images are left out" in caplog.text
    assert read(READER, root, labels="none")["split"].tolist() == ["train"] * len(frame)


def test_a_validation_image_without_a_class(imagenet) -> None:
    root, _ = imagenet
    solution = root / "LOC_val_solution.csv"
    solution.write_text("\n".join(solution.read_text().splitlines()[:-1]))
    with pytest.raises(InputError, match=r"val_00000003.JPEG has no class in .*LOC_val_solution.csv"):
        read(READER, root)


def test_some_classes_are_class_folders_unless_called_imagenet(imagenet, tmp_path: Path) -> None:
    root, expected = imagenet
    plain = _make_plain(root)
    assert not READER.recognises(plain)
    for number in range(1000):
        (plain / "train" / f"n{90_000_000 + number}").mkdir()
    assert READER.recognises(plain)
    assert by_split(read(READER, plain, role="openset")) == {"train": expected["train"]}


def test_what_is_not_imagenet(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "own" / "train" / "n01440764_tench" / "1.jpg", 1)
    for path in (tmp_path / "own", tmp_path / "nothing"):
        assert not READER.recognises(path)
        with pytest.raises(InputError, match=r"neither Data/CLS-LOC/train/ nor train/ .*; download the classification"):
            read(READER, path)


def test_classes_as_torchvision_has_them(imagenet) -> None:
    root, _ = imagenet
    theirs = ImageFolder(str(root / IMAGES / "train"))
    ours = read(READER, root, role="openset")
    assert dict(zip(ours["uri"], ours["label"], strict=True)) == {
        path: theirs.classes[label] for path, label in theirs.samples if not Path(path).name.startswith(".")
    }
