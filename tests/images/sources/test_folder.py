import os
import re
from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images import read_source
from simcore.images.sources import LISTING_COLUMNS, READERS, Request, folder
from simcore.images.sources.folder import list_images


def frame(place: Path | str, *, role: str = "target", labels: str = "auto") -> pd.DataFrame:
    return pd.concat(list_images(place, Request(role=role, labels=labels)), ignore_index=True)


def listed(place: Path | str, **wanted: str) -> list[tuple[str, str | None, str | None]]:
    images = frame(place, **wanted)
    images = images[images["reason"].isna()]
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in images[["key", "label", "split"]].sort_values("key").itertuples(index=False)
    ]


def test_a_flat_folder_is_unlabelled_and_all_train(plant) -> None:
    assert listed(plant("b.png", "a.jpg")) == [("a.jpg", None, "train"), ("b.png", None, "train")]


def test_class_folders_are_classes_whose_split_is_still_open(plant) -> None:
    root = plant("cat/1.png", "cat/more/2.png", "dog/1.png")
    assert listed(root) == [
        ("cat/1.png", "cat", None),
        ("cat/more/2.png", "cat", None),
        ("dog/1.png", "dog", None),
    ]
    assert listed(root, labels="none") == [
        ("cat/1.png", None, "train"),
        ("cat/more/2.png", None, "train"),
        ("dog/1.png", None, "train"),
    ]


def test_a_single_folder_tells_nothing_unless_asked(plant) -> None:
    root = plant("images/1.png", "images/2.png")
    assert listed(root) == [("images/1.png", None, "train"), ("images/2.png", None, "train")]
    assert listed(root, labels="folder") == [
        ("images/1.png", "images", None),
        ("images/2.png", "images", None),
    ]


@pytest.mark.parametrize("train", ["train", "Train", "training"])
@pytest.mark.parametrize("test", ["test", "val", "valid", "TEST", "validation", "testing"])
def test_split_folders(plant, train: str, test: str) -> None:
    root = plant(f"{train}/cat/1.png", f"{train}/dog/1.png", f"{test}/cat/deep/2.png")
    assert set(listed(root)) == {
        (f"{train}/cat/1.png", "cat", "train"),
        (f"{train}/dog/1.png", "dog", "train"),
        (f"{test}/cat/deep/2.png", "cat", "test"),
    }


def test_of_three_official_splits_validation_joins_train(plant) -> None:
    root = plant("train/cat/1.png", "val/cat/1.png", "test/cat/1.png")
    assert [split for _, _, split in listed(root)] == ["test", "train", "train"]


def test_train_alone_leaves_its_split_open(plant) -> None:
    assert listed(plant("train/cat/1.png", "train/dog/1.png")) == [
        ("train/cat/1.png", "cat", None),
        ("train/dog/1.png", "dog", None),
    ]
    assert listed(plant("train/1.png", "train/2.png", root="flat")) == [
        ("train/1.png", None, "train"),
        ("train/2.png", None, "train"),
    ]


def test_a_class_may_be_called_train(plant) -> None:
    root = plant("bus/1.png", "car/1.png", "train/1.png")
    assert [(label, split) for _, label, split in listed(root)] == [
        ("bus", None),
        ("car", None),
        ("train", None),
    ]
    assert {split for _, _, split in listed(root, labels="none")} == {"train"}


def test_flat_splits_stay_splits(plant) -> None:
    root = plant("train/1.png", "test/2.png")
    assert listed(root) == [("test/2.png", None, "test"), ("train/1.png", None, "train")]
    classes = plant("train/cat/1.png", "test/dog/2.png", root="classes")
    assert listed(classes, labels="none") == [
        ("test/dog/2.png", None, "test"),
        ("train/cat/1.png", None, "train"),
    ]


def test_an_openset_may_be_nested_in_any_way(plant) -> None:
    root = plant("1.png", "a/2.png", "a/b/c/3.png", "train/4.png")
    assert listed(root, role="openset") == [
        ("1.png", None, "train"),
        ("a/2.png", "a", "train"),
        ("a/b/c/3.png", "a", "train"),
        ("train/4.png", "train", "train"),
    ]
    assert {label for _, label, _ in listed(root, role="openset", labels="none")} == {None}


def test_an_openset_with_a_train_folder_is_pointed_out(plant, caplog: pytest.LogCaptureFixture) -> None:
    listed(plant("train/a/1.png", "val/a/2.png"), role="openset")
    assert "give the path of train/" in caplog.text


def test_images_outside_the_splits_are_left_out_and_counted(plant, caplog: pytest.LogCaptureFixture) -> None:
    root = plant("train/cat/1.png", "test/cat/1.png", "cover.png", "docs/a.png")
    assert len(listed(root)) == 2
    assert "2 images of" in caplog.text


def test_what_is_no_image_is_not_looked_at(plant) -> None:
    root = plant(
        "cat/1.JPG",
        "cat/2.JpEg",
        "dog/3.TIFF",
        extra=[
            "cat/._1.JPG",
            ".DS_Store",
            "cat/labels.txt",
            ".git/x.png",
            "dog/Thumbs.db",
            "README",
            "train.zip",
        ],
    )
    assert [key for key, _, _ in listed(root)] == ["cat/1.JPG", "cat/2.JpEg", "dog/3.TIFF"]


def test_class_names_stay_as_they_are(plant) -> None:
    root = plant("F A-18/ä b.png", "日本/1.png", "n02110958_pug/1.png")
    assert {label for _, label, _ in listed(root)} == {"F A-18", "日本", "n02110958_pug"}


def test_uris_are_absolute(plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant("cat/1.png", "dog/2.png")
    monkeypatch.chdir(root.parent)
    assert sorted(frame(Path(root.name))["uri"]) == [str(root / "cat/1.png"), str(root / "dog/2.png")]


def test_files_that_cannot_be_opened_are_rejected(plant) -> None:
    root = plant("cat/1.png", "dog/1.png")
    (root / "cat" / "dead.png").symlink_to(root / "nothing")
    os.mkfifo(root / "cat" / "pipe.png")
    Path(os.fsdecode(os.fsencode(root / "dog") + b"/\xff.png")).touch()
    found = frame(root)
    rejected = found[found["reason"].notna()].sort_values("key")
    assert rejected[["key", "reason"]].to_numpy().tolist() == [
        ["cat/dead.png", "it is a link to nothing"],
        ["cat/pipe.png", "it is not a regular file"],
        ["dog/\\udcff.png", "its path is not valid UTF-8"],
    ]


@pytest.mark.parametrize(
    ("files", "directories", "message"),
    [
        ((), (), "it is empty"),
        ((), ("train", "test"), "it is empty"),
        (("train/cat/1.png",), ("test",), "test holds no images"),
        (("train/cat/1.png",), ("test/cat",), "test holds no images"),
        (("train/cat/1.png",), ("val",), "val holds no images"),
        (("test/cat/1.png",), ("train",), "train holds no images"),
        (("train/cat/1.png", "test/cat/1.png"), ("val",), "val holds no images"),
        (("test/cat/1.png",), (), "has test/ but no train/"),
        (
            ("train/cat/1.png", "test/cat/1.png", "test/dog/1.png"),
            (),
            "Test class 'dog' of .* has no train images;",
        ),
        (("train/a/1.png", "test/b/1.png", "test/c/1.png"), (), r"'b' .* \(nor have 1 more test classes\)"),
        (("train/cat/1.png", "train/1.png"), (), "train/1.png lies beside class folders"),
        (("cat/1.png", "dog/1.png", "cover.png"), (), "cover.png lies beside class folders"),
        (("train/cat/1.png", "test/1.png"), (), "'test/1.png' of .* has no class"),
    ],
)
def test_broken_targets(plant, files: tuple[str, ...], directories: tuple[str, ...], message: str) -> None:
    root = plant(*files)
    for directory in directories:
        (root / directory).mkdir(parents=True)
    with pytest.raises(InputError, match=message):
        read_source(root, layout="folder")


def test_train_images_that_somebody_is_about_to_label(plant) -> None:
    found = read_source(plant("train/1.png", "test/cat/1.png"), layout="folder").manifest
    assert found["key"].tolist() == ["test/cat/1.png", "train/1.png"]
    assert found["label"].isna().tolist() == [False, True] and found["label"].iloc[0] == "cat"


def test_no_images_names_what_there_is(plant) -> None:
    root = plant(extra=["a.txt", "b/c.CSV", "README"])
    with pytest.raises(InputError, match=re.escape("its files end in .csv, .txt, while images end in .avif")):
        listed(root, role="openset")


@pytest.mark.parametrize("role", ["target", "openset"])
def test_labels_that_are_insisted_on(plant, role: str) -> None:
    with pytest.raises(InputError, match="has no class folders"):
        listed(plant("1.png"), role=role, labels="folder")


@pytest.mark.parametrize("role", ["target", "openset"])
def test_frames_are_small_and_hold_everything_once(plant, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LISTING_ROWS", 4)
    root = plant(*(f"{label}/{number}.png" for label in "abc" for number in range(3)))
    frames = list(list_images(root, Request(role=role)))
    assert [len(each) for each in frames] == [4, 4, 1]
    assert all(tuple(each.columns) == LISTING_COLUMNS for each in frames)
    assert len(set(pd.concat(frames)["key"])) == 9


@pytest.mark.parametrize("protocol", ["memory", "file"])
@pytest.mark.parametrize("files", [("b.png", "a.jpg"), ("cat/1.png", "dog/x/2.png"), ("train/a/1.png", "test/a/2.png")])
def test_behind_a_url_all_is_the_same(plant, protocol: str, files: tuple[str, ...], memory_copy) -> None:
    root = plant(*files, extra=[".hidden/3.png", "cat.txt", "._1.png"])
    url = memory_copy(root) if protocol == "memory" else f"file://{root}"
    assert READERS["folder"].recognises(url)
    for role in ("target", "openset"):
        assert listed(url, role=role) == listed(root, role=role)
        found = frame(url, role=role)
        assert found["uri"].tolist() == [f"{url}/{key}" for key in found["key"]]


def test_broken_links_behind_a_file_url(plant) -> None:
    root = plant("cat/1.png")
    (root / "cat" / "dead.png").symlink_to(root / "nothing")
    (root / "cat" / "again").symlink_to(root)
    found = frame(f"file://{root}").set_index("key")["reason"]
    assert found.dropna().to_dict() == {"cat/dead.png": "it is a link to nothing"}
    assert set(found.index) == {"cat/1.png", "cat/dead.png"}


@pytest.mark.parametrize(
    ("files", "directories", "message"),
    [
        ((), ("a",), "it is empty"),
        (("train/cat/1.png",), ("test",), "memory://.*/test holds no images"),
        (("test/cat/1.png",), (), "has test/ but no train/"),
        (("cat/1.png", "dog/1.png", "cover.png"), (), "memory://.*/cover.png lies beside class folders"),
    ],
)
def test_broken_targets_behind_a_url(
    plant, memory_copy, files: tuple[str, ...], directories: tuple[str, ...], message: str
) -> None:
    url = memory_copy(plant(*files), folders=directories)
    with pytest.raises(InputError, match=message):
        listed(url)
