"""iNaturalist 2021-mini, under the names of its archives and those of torchvision."""

import shutil
from pathlib import Path

import pytest
from torchvision.datasets import INaturalist

from simcore.errors import InputError
from simcore.images.sources.inaturalist import READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.inaturalist import SPECIES, make_inaturalist


@pytest.fixture
def inaturalist(tmp_path: Path):
    root = tmp_path / "inaturalist"
    return root, make_inaturalist(root)


@pytest.mark.parametrize("given", [".", "..", "train_mini"])
def test_the_archives_as_they_come(inaturalist, given: str) -> None:
    root, expected = inaturalist
    path = (root / given).resolve()
    assert READER.recognises(path)
    assert by_split(read(READER, path)) == expected
    frame = read(READER, path, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert frame["uri"].tolist() == [str(root / key) for key in frame["key"]]
    assert read(READER, path, role="openset", labels="none")["label"].isna().all()


def test_without_validation_the_split_is_open(inaturalist) -> None:
    root, expected = inaturalist
    shutil.rmtree(root / "val")
    frame = read(READER, root)
    assert list(zip(frame["key"], frame["label"], strict=True)) == expected["train"]
    assert frame["split"].isna().all()


def test_classes_as_torchvision_has_them(inaturalist) -> None:
    root, expected = inaturalist
    (root / "train_mini").rename(root / "2021_train_mini")
    (root / "val").rename(root / "2021_valid")
    for hidden in root.rglob(".*"):
        hidden.unlink()
    theirs = INaturalist(str(root), version="2021_train_mini", target_type="full")
    ours = read(READER, root)
    assert by_split(ours) == {
        "train": [(f"2021_{key}", label) for key, label in expected["train"]],
        "test": [(key.replace("val/", "2021_valid/"), label) for key, label in expected["test"]],
    }
    train = ours[ours["split"] == "train"]
    labels = {f"2021_train_mini/{theirs.all_categories[label]}/{name}": label for label, name in theirs.index}
    assert dict(zip(train["key"], train["label"], strict=True)) == {
        key: theirs.all_categories[label] for key, label in labels.items()
    }


def test_the_full_train_set_is_not_the_mini_one(inaturalist) -> None:
    root, _ = inaturalist
    (root / "train_mini").rename(root / "train")
    assert not READER.recognises(root)
    with pytest.raises(InputError, match=r"no train_mini/ \(train/ there is the full .*; download train_mini.tar.gz"):
        read(READER, root)


def test_what_is_not_inaturalist(tmp_path: Path) -> None:
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match=r"it has no train_mini/; download train_mini.tar.gz"):
        read(READER, tmp_path)


@pytest.mark.parametrize("name", ["birds", SPECIES[0].rpartition("_")[0], f"{SPECIES[0]}_x", "stray.jpg"])
def test_a_folder_that_is_no_species(inaturalist, name: str) -> None:
    root, _ = inaturalist
    save_jpeg(root / "train_mini" / name if name.endswith(".jpg") else root / "train_mini" / name / "1.jpg", 1)
    with pytest.raises(InputError, match=f"train_mini/{name} is not named as a species"):
        read(READER, root)
