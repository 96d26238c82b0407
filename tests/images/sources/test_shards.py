import re
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources import Request
from simcore.images.sources.shards import (
    Shard,
    expand_braces,
    find_shards,
    last_name,
    recognises_shards,
    splits_by_name,
)

TARGET, OPENSET = Request(role="target"), Request(role="openset")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for name in ("train-0.tar", "b/test-1.TAR", "README.md", "LICENSE", ".hidden.tar", "_SUCCESS", "_old/x.tar"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_a_folder_of_shards(folder: Path, memory_copy) -> None:
    for place in (folder, memory_copy(folder), f"file://{folder}"):
        assert recognises_shards(place, suffixes=[".tar"])
        assert not recognises_shards(place, suffixes=[".parquet"])
        shards = find_shards(place, suffixes=[".tar"])
        assert [shard.name for shard in shards] == ["b/test-1", "train-0"]
        assert [shard.path for shard in shards] == [f"{place}/b/test-1.TAR", f"{place}/train-0.tar"]


def test_anything_else_beside_them_is_another_layout(folder: Path, tmp_path: Path, memory_copy) -> None:
    (folder / "b" / "wren.jpg").write_bytes(b"x")
    for place in (folder, memory_copy(folder)):
        assert not recognises_shards(place, suffixes=[".tar"])
        assert recognises_shards(place, suffixes=[".tar"], beside=[".jpg"])
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "nothing", folder / "train-0.tar", memory_copy(folder) + "/gone"):
        assert not recognises_shards(place, suffixes=[".tar"])


def test_a_single_file(folder: Path, memory_copy) -> None:
    for place in (folder / "train-0.tar", memory_copy(folder) + "/train-0.tar"):
        assert find_shards(place, suffixes=[".tar"]) == [Shard("train-0", str(place))]


def test_a_folder_without_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no files that end in \.tar or \.tgz"):
        find_shards(tmp_path, suffixes=[".tar", ".tgz"])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{8..11}.tar", ["a-8.tar", "a-9.tar", "a-10.tar", "a-11.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{7..7}", ["7"]),
        ("{a,b}/{0..1}", ["a/0", "a/1", "b/0", "b/1"]),
        ("x{,.old}.tar", ["x.tar", "x.old.tar"]),
    ],
)
def test_braces(pattern: str, expected: list[str]) -> None:
    assert list(expand_braces(pattern)) == expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{}", "neither a count nor a list"),
        ("{a}", "neither a count nor a list"),
        ("{a..c}", "neither a count nor a list"),
        ("{3..1}", "counts no files"),
        ("{0..9999999999999}", "counts no files"),
    ],
)
def test_braces_that_say_nothing(pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(expand_braces(pattern))


def test_a_pattern(folder: Path, memory_copy) -> None:
    for number in range(1, 3):
        (folder / f"train-{number}.tar").write_bytes(b"x")
    for root in (str(folder), memory_copy(folder)):
        pattern = f"{root}/train-{{0..2}}.tar"
        place = Path(pattern) if root.startswith("/") else pattern
        assert recognises_shards(place, suffixes=[".tar"])
        assert not recognises_shards(place, suffixes=[".parquet"])
        assert find_shards(place, suffixes=[".tar"]) == [
            Shard(f"train-{number}", f"{root}/train-{number}.tar") for number in range(3)
        ]
    (folder / "train-1.tar").unlink()
    with pytest.raises(InputError, match=re.escape(f"1 of the 3 files of {folder}/train-{{0..2}}.tar do not exist")):
        find_shards(folder / "train-{0..2}.tar", suffixes=[".tar"])


def test_stars(folder: Path, memory_copy) -> None:
    for name in ("train-10.tar", "train-2.tar", "a/deep-1.tar", "b/deep-2.tar", "[x]/y.tar"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    for root in (str(folder), memory_copy(folder), f"file://{folder}"):
        for pattern, names in (
            ("train-*.tar", ["train-0.tar", "train-10.tar", "train-2.tar"]),
            ("*.tar", ["train-0.tar", "train-10.tar", "train-2.tar"]),
            ("*/deep-*.tar", ["a/deep-1.tar", "b/deep-2.tar"]),
            ("{a,b}/*-*.tar", ["a/deep-1.tar", "b/deep-2.tar"]),
            ("[x]/*.tar", ["[x]/y.tar"]),
            ("train-{0,2}*.tar", ["train-0.tar", "train-2.tar"]),
        ):
            place = Path(f"{root}/{pattern}") if root.startswith("/") else f"{root}/{pattern}"
            assert recognises_shards(place, suffixes=[".tar"])
            assert sorted(shard.path for shard in find_shards(place, suffixes=[".tar"])) == [
                f"{root}/{name}" for name in names
            ]
        names = [shard.name for shard in find_shards(place, suffixes=[".tar"])]
        assert names == ["train-0", "train-2"]
        with pytest.raises(
            InputError, match=re.escape(f"No file is called as {root}/nobody-*.tar; correct the pattern")
        ):
            find_shards(f"{root}/nobody-*.tar", suffixes=[".tar"])
    (folder / "x*.tar").write_bytes(b"x")
    assert [shard.name for shard in find_shards(folder / "x*.tar", suffixes=[".tar"])] == ["x*"]


def test_names_of_a_pattern_start_before_its_first_brace(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "test-1.TAR").write_bytes(b"x")
    names = [shard.name for shard in find_shards(folder / "{a,b}" / "test-{1..1}.TAR", suffixes=[".tar"])]
    assert names == ["a/test-1", "b/test-1"]


def test_a_file_with_braces_in_its_name_is_that_file(folder: Path) -> None:
    (folder / "x{1..2}.tar").write_bytes(b"x")
    assert not recognises_shards(folder / "x{1..2}.tar", suffixes=[".tar"])
    assert [shard.name for shard in find_shards(folder / "x{1..2}.tar", suffixes=[".tar"])] == ["x{1..2}"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train-0", "test-0"], ["train", "test"]),
        (["train-0", "validation-0"], ["train", "test"]),
        (["train-0", "validation-0", "test-0"], ["train", "train", "test"]),
        (["imagenet1k-train-00", "imagenet1k-val-00"], ["train", "test"]),
        (["data/train/0000", "data/test/0000"], ["train", "test"]),
        (["test/train_0", "test/test_0"], ["train", "test"]),
        (["Train00", "TEST.00"], ["train", "test"]),
        (["train-0", "train-1"], [None, None]),
        (["test-0"], [None]),
        (["latest-0", "contest-1"], [None, None]),
        (["00000", "00001"], [None, None]),
    ],
)
def test_splits_by_name(names: list[str], expected: list[str | None]) -> None:
    shards = [Shard(name, f"/{name}") for name in names]
    assert splits_by_name(shards, TARGET) == dict(zip(names, expected, strict=True))
    assert splits_by_name(shards, OPENSET) == dict.fromkeys(names)


def test_a_name_that_does_not_tell_beside_others_that_do() -> None:
    shards = [Shard(name, f"/{name}.tar") for name in ("train-0", "test-0", "extra")]
    with pytest.raises(InputError, match=r"/extra\.tar has no split in its name"):
        splits_by_name(shards, TARGET)
    assert set(splits_by_name(shards, OPENSET).values()) == {None}


def test_last_names() -> None:
    for place, name in (
        (Path("/a/b.tar"), "b.tar"),
        ("s3://a/b.tar", "b.tar"),
        ("memory://b.tar", "b.tar"),
        ("zip://in/b.tar::s3://a/c.zip", "b.tar"),
        ("filecache::s3://a/b/", "b"),
    ):
        assert last_name(place) == name
