from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import OxfordIIITPet

from simcore.errors import InputError
from simcore.images.sources.pets import READER
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.pets import CLASSES, FOLDER, make_pets, rows


@pytest.mark.parametrize("seed", [0, 1])
def test_the_whole_list(tmp_path: Path, seed: int) -> None:
    expected = make_pets(tmp_path / FOLDER, seed=seed)
    for path in (tmp_path / FOLDER, tmp_path):
        assert READER.recognises(path)
        assert by_split(read(READER, path)) == expected
    assert {split: len(images) for split, images in expected.items()} == {"train": 12, "test": 8}


def test_species_and_masks(tmp_path: Path) -> None:
    make_pets(tmp_path / FOLDER)
    frame = read(READER, tmp_path)
    names = {f"images/{name}.jpg": (name, CLASSES[label][1]) for name, label, _ in rows()}
    assert column(frame, "species") == {key: species for key, (_, species) in names.items()}
    assert column(read(READER, tmp_path, level="species"), "label") == column(frame, "species")
    trimaps = tmp_path / FOLDER / "annotations" / "trimaps"
    assert column(frame, "mask") == {key: str(trimaps / f"{name}.png") for key, (name, _) in names.items()}
    assert set(frame["mask_coding"]) == {"trimap"}
    assert {*np.unique(np.asarray(Image.open(frame["mask"][0])))} <= {1, 2, 3}


def test_a_mask_that_is_not_there_is_null(tmp_path: Path) -> None:
    make_pets(tmp_path / FOLDER)
    trimaps = tmp_path / FOLDER / "annotations" / "trimaps"
    (trimaps / "Abyssinian_102.png").unlink()
    frame = read(READER, tmp_path).set_index("key")
    assert frame.index[frame["mask"].isna()].tolist() == ["images/Abyssinian_102.jpg"]
    assert frame["mask_coding"].isna().equals(frame["mask"].isna())
    trimaps.rename(tmp_path / "elsewhere")
    frame = read(READER, tmp_path / FOLDER)
    assert frame[["mask", "mask_coding"]].isna().all(axis=None)


def test_an_openset_takes_its_train_images_and_labels_can_be_left_out(tmp_path: Path) -> None:
    expected = make_pets(tmp_path / FOLDER)
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": expected["train"]}
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in images] for split, images in expected.items()}


def test_class_folders(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | FOLDERS_TEST
    assert frame[list(READER.columns)].isna().all(axis=None)
    with pytest.raises(InputError, match=r"`level` is 'species', but .* has only class folders; .* images.tar.gz"):
        read(READER, tmp_path, level="species")


def test_torchvision_lists_the_same(tmp_path: Path) -> None:
    make_pets(tmp_path / FOLDER)
    frame = read(READER, tmp_path)
    for part, split in (("trainval", "train"), ("test", "test")):
        lines = (tmp_path / FOLDER / "annotations" / f"{part}.txt").read_text().splitlines()
        (tmp_path / FOLDER / "annotations" / f"{part}.txt").write_text(  # which its reader cannot take
            "\n".join(line for line in lines if not line.startswith("#"))
        )
        twin = OxfordIIITPet(tmp_path, split=part, target_types=("category", "segmentation"))
        listed = {
            Path(image).relative_to(tmp_path / FOLDER).as_posix(): (twin.classes[label], str(mask))
            for image, label, mask in zip(twin._images, twin._labels, twin._segs, strict=True)
        }
        ours = frame[frame["split"] == split]
        assert column(ours, "mask") == {key: mask for key, (_, mask) in listed.items()}
        titled = {key: label.replace("_", " ").title() for key, label in column(ours, "label").items()}
        assert titled == {key: label for key, (label, _) in listed.items()}


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("annotations/trainval.txt", "has no annotations/trainval.txt; download images.tar.gz and annotations.tar.gz"),
        ("annotations/test.txt", r"test.txt is missing \(the images of test and their classes\); download images.tar"),
        ("annotations", "has no annotations/trainval.txt; download images.tar.gz and annotations.tar.gz"),
        ("images", "is listed but missing, and 19 more of 20 listed; download images.tar.gz"),
        ("images/Abyssinian_103.jpg", "images/Abyssinian_103.jpg is listed but missing; download images.tar.gz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, removed: str, message: str) -> None:
    make_pets(tmp_path / FOLDER)
    (tmp_path / FOLDER / removed).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path / FOLDER)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Bengal_1 5 3 1", "has the line 'Bengal_1 5 3 1'; a line is name, class, species"),
        ("Bengal_1 5", "has the line 'Bengal_1 5'"),
        ("Bengal_1 1 1 1", "gives class 1 to 'Bengal_1', but it is that of 'Abyssinian'"),
        ("Abyssinian_101 1 1 1", "'Abyssinian_101' of .*test.txt is in another list as well"),
    ],
)
def test_a_broken_line(tmp_path: Path, line: str, message: str) -> None:
    make_pets(tmp_path / FOLDER)
    path = tmp_path / FOLDER / "annotations" / "test.txt"
    path.write_text(f"{path.read_text()}\n{line}\n")
    with pytest.raises(InputError, match=message):
        read(READER, tmp_path)
