"""What holds for the reader of every published data set, whatever its layout."""

import importlib
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from simcore.errors import InputError
from simcore.images.sources import LISTING_COLUMNS, LISTING_ROWS, READERS, Reader
from tests.images.sources.listings import by_split, none, read

NAMES = [name for name, reader in READERS.items() if reader.official is not None]
OF_LISTS = [
    "actions",
    "aircraft",
    "birds",
    "cars",
    "dogs",
    "faces",
    "flowers",
    "indoor",
    "pets",
    "textures",
    "webvision",
]
"""Sets whose annotation names every image."""

each = pytest.mark.parametrize("name", NAMES)


@dataclass(frozen=True)
class Miniature:
    """A set as its official download: where it is, and {split: [(key, class)]}."""

    root: Path
    expected: dict[str, list[tuple[str, str | None]]]


def make(name: str, above: Path) -> Miniature:
    """Write the miniature of a set below `above`, in a folder called as the unpacked download."""
    official = READERS[name].official
    assert official is not None
    module = importlib.import_module(f"tests.images.sources.miniatures.{name}")
    root = above / official.folder
    return Miniature(root=root, expected=getattr(module, f"make_{name}")(root))


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Miniature]:
    """A function that gives the miniature of a set, made once; tests must not write to it."""
    return cache(lambda name: make(name, tmp_path_factory.mktemp(name)))


def rows(frame: pd.DataFrame) -> list[list[Any]]:
    return [[none(value) for value in row] for row in frame.itertuples(index=False)]


class Shuffled:
    """What os.scandir gives, in another order."""

    def __init__(self, entries: Iterator[os.DirEntry[str]], draw: random.Random) -> None:
        self.entries = list(entries)
        draw.shuffle(self.entries)

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(self.entries)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entries = []

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(self.entries)


@pytest.fixture
def shuffle(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function after which directories are listed in the order that its seed gives."""
    scandir, listdir = os.scandir, os.listdir

    def shuffle(seed: int) -> None:
        draw = random.Random(seed)

        def shuffled_names(path: Any = ".") -> list[str]:
            return draw.sample(names := listdir(path), len(names))

        monkeypatch.setattr(os, "scandir", lambda path=".": Shuffled(scandir(path), draw))
        monkeypatch.setattr(os, "listdir", shuffled_names)

    return shuffle


def test_all_sets_of_the_paper_have_a_reader() -> None:
    assert set(NAMES) == {
        "aircraft",
        "cars",
        "pets",
        "birds",
        "dogs",
        "flowers",
        "actions",
        "indoor",
        "textures",
        "faces",
        "food",
        "imagenet",
        "coco",
        "inaturalist",
        "places365",
        "webvision",
        "webfg",
    }


@each
@pytest.mark.parametrize("role", ["target", "openset"])
def test_the_order_of_directories_does_not_matter(
    name: str, role: str, miniature: Callable[[str], Miniature], shuffle: Callable[[int], None]
) -> None:
    reader, root = READERS[name], miniature(name).root
    usual = rows(read(reader, root, role=role))
    for seed in range(3):
        shuffle(seed)
        assert reader.recognises(root)
        assert rows(read(reader, root, role=role)) == usual
        assert rows(read(reader, root.parent, role=role)) == usual


@each
def test_what_is_listed_is_there_once_and_visible(name: str, miniature: Callable[[str], Miniature]) -> None:
    root = miniature(name).root
    for role in ("target", "openset"):
        frame = read(READERS[name], root, role=role)
        usable = frame[frame["reason"].isna()]
        assert len(usable) > 0 and frame["key"].is_unique and frame["uri"].is_unique
        for key, uri in zip(usable["key"], usable["uri"], strict=True):
            assert not any(part.startswith((".", "/")) or part == "__MACOSX" for part in key.split("/"))
            assert Path(uri).is_absolute() and Path(uri).is_file()
            assert Path(uri).resolve().is_relative_to(root.resolve())
            assert Path(uri).with_suffix("").as_posix().endswith("/" + Path(key).with_suffix("").as_posix())


@each
def test_frames_keep_to_the_protocol(name: str, miniature: Callable[[str], Miniature]) -> None:
    reader, root = READERS[name], miniature(name).root
    for role in ("target", "openset"):
        frame = read(reader, root, role=role)
        assert len(frame) <= LISTING_ROWS
        assert {str(frame[column].dtype) for column in LISTING_COLUMNS} == {"str"}
        assert set(frame["split"].dropna()) <= {"train", "test"}
    assert set(frame["split"].dropna()) <= {"train"}


@each
def test_labels_can_be_left_out(name: str, miniature: Callable[[str], Miniature]) -> None:
    reader, root = READERS[name], miniature(name).root
    for role in ("target", "openset"):
        with_labels, without = read(reader, root, role=role), read(reader, root, role=role, labels="none")
        assert without["label"].isna().all()
        assert without["key"].tolist() == with_labels["key"].tolist()
        assert without["split"].equals(with_labels["split"])


@each
def test_an_openset_is_the_train_part_of_the_set(name: str, miniature: Callable[[str], Miniature]) -> None:
    listed = by_split(read(READERS[name], miniature(name).root, role="openset"))
    assert [key for key, _ in listed["train"]] == [key for key, _ in miniature(name).expected["train"]]


@each
def test_miniatures_hold_real_images(name: str, miniature: Callable[[str], Miniature]) -> None:
    uris = read(READERS[name], miniature(name).root)["uri"]
    damaged = 0
    for uri in uris:
        try:
            with Image.open(uri) as image:
                image.load()
                assert min(image.size) >= 16
        except OSError:
            damaged += 1
    assert damaged <= 1 < len(uris)


@each
def test_no_other_reader_takes_it(name: str, miniature: Callable[[str], Miniature]) -> None:
    root = miniature(name).root
    for path in (root, root.parent):
        assert [other for other in NAMES if READERS[other].recognises(path)] == [name]
        assert next(other for other, reader in READERS.items() if reader.recognises(path)) == name


@each
def test_what_is_no_data_set_is_not_recognised(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    (tmp_path / "own" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "own" / "val" / "cat").mkdir(parents=True)
    (tmp_path / "own" / "test" / "cat").mkdir(parents=True)
    foreign = [tmp_path / "empty", tmp_path / "file.jpg", tmp_path / "nothing", tmp_path / "own"]
    assert not any(READERS[name].recognises(path) for path in foreign)


@each
def test_an_empty_folder_is_an_error_that_says_what_to_download(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    assert reader.official is not None
    with pytest.raises(InputError, match=re.escape(reader.official.download)) as caught:
        read(reader, tmp_path)
    assert str(tmp_path) in str(caught.value)


@each
def test_an_image_that_is_gone_is_never_listed(name: str, tmp_path: Path) -> None:
    reader, root = READERS[name], make(name, tmp_path).root
    frame = read(reader, root)
    usable = frame[frame["reason"].isna()]
    key, uri = usable[["key", "uri"]].iloc[len(usable) // 2]
    Path(uri).unlink()
    if name in OF_LISTS:
        with pytest.raises(InputError, match=re.escape(Path(key).name)) as caught:
            read(reader, root)
        assert reader.official is not None and reader.official.download in str(caught.value)
    else:
        left = read(reader, root)
        assert [none(reason) for reason in left["reason"][left["key"] == key]] != [None]
        assert set(frame["key"]) - {key} <= set(left["key"])


@each
def test_every_option_has_a_default_that_is_allowed_and_the_others_work(
    name: str, miniature: Callable[[str], Miniature]
) -> None:
    reader, root = READERS[name], miniature(name).root
    usual = read(reader, root)
    for option in reader.options:
        assert option.default in option.allowed and option.help
        assert rows(read(reader, root, **{option.name: option.default})) == rows(usual)
        for value in option.allowed:
            assert len(read(reader, root, **{option.name: value})) > 0


@each
def test_a_reader_says_what_it_takes(name: str) -> None:
    reader: Reader = READERS[name]
    assert reader.official is not None
    assert reader.official.title and reader.official.folder and reader.official.download
    assert not reader.takes.endswith(".") and not reader.official.download.endswith(".")
    assert not set(reader.columns) & set(LISTING_COLUMNS)


@each
def test_a_folder_of_several_sources_is_not_the_set(name: str, tmp_path: Path) -> None:
    make(name, tmp_path)
    assert READERS[name].recognises(tmp_path)
    own = tmp_path / "own" / "wren.jpg"
    own.parent.mkdir()
    Image.new("RGB", (8, 8)).save(own)
    assert not READERS[name].recognises(tmp_path)
