"""From what was typed to what is read, or one sentence."""

import re
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources import READERS
from simcore.images.sources.spec import EVERYTHING, SourceSpec, find_reader, official_names, parse_sources

TARGETS = ["aircraft", "cars", "pets", "birds", "dogs", "flowers", "actions", "indoor", "textures", "faces", "food"]
OPENSETS = ["imagenet", "coco", "inaturalist", "places365", "webvision", "webfg"]
PAPER = [*TARGETS, *OPENSETS]


def test_every_data_set_of_the_paper_has_a_reader() -> None:
    assert official_names() == PAPER
    # Special layouts are asked before general ones: a folder is last, or nothing else would ever be found.
    assert list(READERS) == [*PAPER, "packed", "listed", "tar", "folder"]


def test_names_are_looked_up_in_either_folder(tmp_path: Path) -> None:
    official = READERS["aircraft"].official
    assert official is not None
    (tmp_path / "aircraft").mkdir()
    assert parse_sources("aircraft", root=tmp_path)[0].path == str(tmp_path / "aircraft")
    (tmp_path / official.folder).mkdir()
    assert parse_sources("aircraft@5", root=tmp_path) == (
        SourceSpec("aircraft", str(tmp_path / official.folder), "aircraft", 5),
    )


@pytest.mark.parametrize("name", PAPER)
def test_a_data_set_that_is_not_there_says_what_to_download(name: str, tmp_path: Path) -> None:
    official = READERS[name].official
    assert official is not None
    with pytest.raises(InputError) as caught:
        parse_sources(name, root=tmp_path)
    sentence = str(caught.value)
    assert str(tmp_path / official.folder) in sentence and str(tmp_path / name) in sentence
    assert official.download in sentence and f"{name}:<path>" in sentence
    assert "\n" not in sentence


def test_all_is_the_four_open_sets(tmp_path: Path) -> None:
    for name in EVERYTHING:
        (tmp_path / name).mkdir()
    assert [spec.label for spec in parse_sources("all", root=tmp_path)] == list(EVERYTHING)
    assert parse_sources("all", root=tmp_path) == parse_sources("+".join(EVERYTHING), root=tmp_path)
    with pytest.raises(InputError, match=re.escape("give each its own: coco@9+inaturalist@9+imagenet@9+places365@9.")):
        parse_sources("all@9", root=tmp_path)


def test_labels_are_told_apart(tmp_path: Path) -> None:
    names = ("one/pool", "two/pool", "pool-2", "three/pool")
    for name in names:
        (tmp_path / name).mkdir(parents=True)
    typed = [str(tmp_path / name) for name in names]
    labels = [spec.label for spec in parse_sources(typed, root=tmp_path)]
    assert labels[0] == "pool" and labels[2] == "pool-2" and len(set(labels)) == 4
    given = parse_sources([{"path": typed[0], "label": "mine"}], root=tmp_path)
    assert [spec.label for spec in given] == ["mine"]


def test_a_label_that_is_given_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("one/pool", "two/pool"):
        (tmp_path / name).mkdir(parents=True)
    one, two = (str(tmp_path / name / "pool") for name in ("one", "two"))
    mixed = parse_sources([{"path": one}, {"path": two, "label": "pool"}], root=tmp_path)
    assert [spec.label for spec in mixed] == ["pool-2", "pool"]
    with pytest.raises(InputError, match=re.escape(f"The label 'x' is given to {one} and {two}; give each source a")):
        parse_sources([{"path": one, "label": "x"}, {"path": two, "label": "x"}], root=tmp_path)


def test_the_same_place_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    (tmp_path / "list.csv").write_text("uri\na.jpg\n")
    (tmp_path / "link").symlink_to(tmp_path / "coco")
    coco = tmp_path / "coco"
    for typed in (
        f"{coco}+{coco}",
        f"coco+{coco}/",
        f"folder:{coco}@5+coco:{tmp_path / 'link'}",
        f"{tmp_path}/list.csv+{tmp_path}/coco/../list.csv",
        "memory://pool+memory://pool/",
        [{"path": str(coco), "label": "a"}, {"path": str(coco), "label": "b"}],
    ):
        with pytest.raises(InputError, match=r"is among the sources more than once.*; name it once\.") as caught:
            parse_sources(typed, root=tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("memory://lake/birds", "birds"),
        ("memory://lake/birds/", "birds"),
        ("s3://lake/pool.parquet", "pool"),
        ("zip://birds::file:///x.zip", "birds"),
        ("memory://", "memory"),
    ],
)
def test_labels_of_urls(path: str, label: str, tmp_path: Path) -> None:
    assert parse_sources(path, root=tmp_path)[0].label == label


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "aircrafts",
            "no folder or file called 'aircrafts' here, and no data set called 'aircrafts'; did you mean `airc",
        ),
        ("zebras", "no data set called 'zebras'; data sets are aircraft, cars,"),
        ("brds:/data/cub", "There is no data set called 'brds'; did you mean `birds`"),
        ("folder", "`folder` is a layout, not a data set; say where it lies: folder:<path>."),
    ],
)
def test_unknown_names(typed: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_sources(typed, root=tmp_path)


def test_the_reader_of_a_path(plant, pack, memory_copy, tmp_path: Path) -> None:
    folder = plant("cat/1.png")
    packed = pack({"key": ["a"]})
    for path, layout in ((folder, "folder"), (packed, "packed"), (memory_copy(folder), "folder")):
        spec = parse_sources(str(path), root=tmp_path)[0]
        assert find_reader(spec)[0] == layout


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("{here}/gone", "gone does not exist; give the path of"),
        ("memory://gone", "memory://gone does not exist"),
        ("{here}/a.zip", "a.zip is neither a packed"),
        ("packed:{here}", "is not a packed"),
        ("aircraft:memory://copies", "a URL, and FGVC-Aircraft as it comes off the archive is read from a disk"),
        ("nope://x", "nope://x cannot be opened: "),
    ],
)
def test_paths_that_cannot_be_read(typed: str, message: str, tmp_path: Path, plant, memory_copy) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    memory_copy(plant("a.png"))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        find_reader(parse_sources(typed.format(here=tmp_path), root=tmp_path)[0])
    assert "\n" not in str(caught.value)
