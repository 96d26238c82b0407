"""Data sets with a part missing are named, and what anybody may have is left alone."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simcore.errors import InputError
from simcore.images import read_source
from simcore.images.sources import READERS
from simcore.images.sources.spec import find_reader, parse_sources
from simcore.images.sources.unfinished import check_finished
from tests.images.sources.listings import make_folders
from tests.images.sources.miniatures._pixels import save_jpeg

OFFICIAL = [name for name, reader in READERS.items() if reader.official is not None]


def make(name: str, root: Path, **options: str) -> Path:
    module = importlib.import_module(f"tests.images.sources.miniatures.{name}")
    getattr(module, f"make_{name}")(root, **options)
    return root


def remove(root: Path, *patterns: str) -> None:
    for pattern in patterns:
        found = list(root.glob(pattern))
        assert found, pattern
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


CASES = [
    ("aircraft", ["data/images_variant_*"], "data/images_variant_trainval.txt", {}),
    ("cars", ["cars_annos.mat"], "cars_annos.mat", {}),
    (
        "cars",
        ["devkit/cars_train_annos.mat", "**/cars_test_annos_withlabels.mat"],
        "devkit/cars_train_annos.mat",
        {"release": "devkit"},
    ),
    ("pets", ["annotations"], "annotations/trainval.txt", {}),
    ("birds", ["image_class_labels.txt", "train_test_split.txt", "segmentations"], "images.txt and image_class", {}),
    ("dogs", ["*.mat"], "train_list.mat and test_list.mat", {}),
    ("flowers", ["*.mat"], "imagelabels.mat and setid.mat", {}),
    ("actions", ["ImageSplits"], "ImageSplits/train.txt and ImageSplits/test.txt", {}),
    ("indoor", ["*Images.txt"], "TrainImages.txt and TestImages.txt", {}),
    ("textures", ["labels", "imdb"], "labels/train1.txt and labels/val1.txt and labels/test1.txt", {}),
    ("faces", ["*.txt"], "CelebA-HQ-to-CelebA-mapping.txt", {}),
    ("food", ["training", "validation"], "one of training/, validation/ and evaluation/", {}),
    ("food", ["validation", "evaluation"], "one of training/, validation/ and evaluation/", {"form": "epfl"}),
    ("imagenet", ["ILSVRC/Data/CLS-LOC/train"], "Data/CLS-LOC/train/", {}),
    ("coco", ["train2017"], "train2017/", {}),
    ("inaturalist", ["train_mini"], "train_mini/", {}),
    ("places365", ["data_256"], "data_256/ with folders a/ to z/", {}),
    ("webvision", ["google", "flickr"], "google/ and flickr/ with folders q####/", {}),
    ("webfg", ["web-*/train"], "web-aircraft/train/", {}),
]


@pytest.mark.parametrize(("name", "gone", "missing", "options"), CASES)
@pytest.mark.parametrize("above", [False, True])
def test_a_part_that_is_missing_is_named(  # noqa: PLR0917 pytest passes them by name
    name: str, gone: list[str], missing: str, options: dict[str, str], above: bool, tmp_path: Path
) -> None:
    official = READERS[name].official
    assert official is not None
    root = make(name, tmp_path / official.folder, **options)
    remove(root, *gone)
    place = tmp_path if above else root
    assert not READERS[name].recognises(place)
    for role in ("target", "openset"):
        with pytest.raises(InputError) as caught:
            read_source(place, role=role)
        sentence = str(caught.value)
        assert sentence.startswith(str(tmp_path)) and f" looks like {official.title}: it has " in sentence
        assert str(root) in sentence or above
        assert f", but not {missing}" in sentence and f"; download {official.download}" in sentence
        assert sentence.endswith(f"or give it as `folder:{place}` to read it as a plain folder of images.")
        assert "\n" not in sentence
    # The way out that the sentence names is one.
    assert find_reader(parse_sources(f"folder:{place}", root=tmp_path)[0])[0] == "folder"
    if any(path.suffix.lower() in (".jpg", ".jpeg") for path in root.rglob("[!.]*.*")):
        assert len(read_source(f"folder:{place}", role="openset", max_rejected=0.9).manifest) > 0


def test_every_set_has_signs_and_every_sign_a_case() -> None:
    assert {name for name, *_ in CASES} == set(OFFICIAL)
    for name in OFFICIAL:
        official = READERS[name].official
        assert official is not None and official.signs


def test_a_web_set_given_by_itself(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "web-bird" / "val" / "wren" / "1.jpg", 1)
    with pytest.raises(InputError, match="looks like WebFG-496: it has val, but not train/; download"):
        find_reader(parse_sources(str(tmp_path / "web-bird"), root=tmp_path)[0])


@pytest.mark.parametrize("name", OFFICIAL)
def test_class_folders_beside_what_is_left_of_a_set_are_class_folders(name: str, tmp_path: Path) -> None:
    folder = {"cars": "car_ims", "faces": "CelebA-HQ-img", "coco": "annotations"}.get(name, "images")
    make_folders(tmp_path / "set", save_jpeg)
    save_jpeg(tmp_path / "set" / folder / "000001.jpg", 1)
    assert find_reader(parse_sources(str(tmp_path / "set"), root=tmp_path)[0])[0] == "folder"


WORDS = st.sampled_from(
    [
        "train",
        "training",
        "test",
        "testing",
        "val",
        "valid",
        "validation",
        "images",
        "Images",
        "image",
        "img",
        "imgs",
        "jpg",
        "data",
        "raw",
        "annotations",
        "Annotations",
        "labels",
        "lists",
        "info",
        "cat",
        "dog",
        "horse",
        "cars",
        "birds",
        "food",
        "flowers",
        "faces",
        "actions",
        "indoor",
        "textures",
        "a",
        "b",
        "z",
        "001",
        "n01440764",
        "google",
        "web",
        "masks",
        "photos",
        "2017",
        "pool",
        "JPEGImages",
        "evaluation",
    ]
)
FILES = st.sampled_from(
    [
        "1.jpg",
        "0001.jpg",
        "image_1.jpg",
        "image_00001.jpg",
        "000001.jpg",
        "cat_001.jpg",
        "IMG_1234.JPG",
        "train.txt",
        "val.txt",
        "labels.csv",
        "classes.txt",
        "README.md",
        "annotations.json",
        "0_1.jpg",
        "list.mat",
    ]
)


@settings(deadline=None, max_examples=150)
@given(
    files=st.lists(
        st.tuples(st.lists(st.one_of(WORDS, st.text("abcxyz019_-", min_size=1, max_size=6)), max_size=4), FILES),
        min_size=1,
        max_size=12,
    )
)
def test_plain_folders_are_never_claimed(files: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Law: whatever the folders and files of an ordinary source are called, it is read."""
    root = tmp_path_factory.mktemp("pool")
    for folders, name in files:
        above = root.joinpath(*folders)
        if any(path.is_file() for path in (above, *above.parents)):
            continue
        above.mkdir(parents=True, exist_ok=True)
        (above / name).touch()
    check_finished(root)
    shutil.rmtree(root)


@pytest.mark.parametrize(
    "files",
    [
        ["images/001.Dog/1.jpg", "images/002.Cat/1.jpg"],
        ["jpg/image_00001.jpg", "jpg/image_00002.jpg"],
        ["JPEGImages/2007_000027.jpg", "Annotations/2007_000027.xml", "ImageSets/Main/train.txt"],
        ["Images/kitchen/1.jpg", "Images/bedroom/1.jpg"],
        ["images/striped/1.jpg", "images/dotted/1.jpg", "labels/train.txt"],
        ["Images/n01440764/1.JPEG"],
        ["training/3_1.jpg", "training/4_1.jpg"],
        ["val/ILSVRC2012_val_00000001.JPEG", "train/n01440764/1.JPEG"],
        ["images/beagle_1.jpg", "images/pug_2.jpg"],
        ["val_images/1.jpg", "info/readme.txt"],
        ["data_256/own/1.jpg"],
    ],
)
def test_near_names_are_not_claimed(files: list[str], tmp_path: Path, plant: Callable[..., Path]) -> None:
    root = tmp_path / "own"
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(root / name, format="PNG")
    assert find_reader(parse_sources(str(root), root=tmp_path)[0])[0] == "folder"
