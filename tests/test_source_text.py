"""What a person types for a source, in every form."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.source_text import SourceEntry, is_url, read_entries


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory: a folder with awkward names."""
    for name in ("birds", "a+b", "coco:old", "cut@3", "coco@7", "x+y@2"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def path(value: str | Path, **more: Any) -> SourceEntry:
    return SourceEntry(path=str(value), **more)


@pytest.mark.parametrize(
    ("typed", "entries"),
    [
        ("birds", lambda here: [path(here / "birds")]),
        ("wrens", lambda here: [SourceEntry("wrens")]),
        ("./wrens", lambda here: [path(here / "wrens")]),
        ("birds/", lambda here: [path(here / "birds")]),
        ("pool.parquet", lambda here: [path(here / "pool.parquet")]),
        ("../pool", lambda here: [path(here / "../pool")]),
        ("birds:./wrens", lambda here: [SourceEntry("birds", str(here / "wrens"))]),
        ("coco", lambda here: [SourceEntry("coco")]),
        ("coco@5", lambda here: [SourceEntry("coco", quota=5)]),
        ("coco:/data/coco@5", lambda here: [SourceEntry("coco", "/data/coco", 5)]),
        ("coco:s3://lake/coco", lambda here: [SourceEntry("coco", "s3://lake/coco")]),
        ("coco+imagenet@9", lambda here: [SourceEntry("coco"), SourceEntry("imagenet", quota=9)]),
        (" coco + birds ", lambda here: [SourceEntry("coco"), path(here / "birds")]),
        # An existing path is that path, whatever it contains.
        ("a+b", lambda here: [path(here / "a+b")]),
        ("coco:old", lambda here: [path(here / "coco:old")]),
        ("cut@3", lambda here: [path(here / "cut@3")]),
        ("coco@7", lambda here: [path(here / "coco@7")]),
        ("a+b@4", lambda here: [path(here / "a+b", quota=4)]),
        ("a+b+coco", lambda here: [path(here / "a+b"), SourceEntry("coco")]),
        ("coco+x+y@2", lambda here: [SourceEntry("coco"), path(here / "x+y@2")]),
        ("coco:a+b@2+birds", lambda here: [SourceEntry("coco", str(here / "a+b"), 2), path(here / "birds")]),
        ("memory://pool", lambda here: [path("memory://pool")]),
        ("https://me@host/pool", lambda here: [path("https://me@host/pool")]),
        ("s3://lake/pool@8", lambda here: [path("s3://lake/pool", quota=8)]),
        ("zip://::file:///x.zip", lambda here: [path("zip://::file:///x.zip")]),
        ("shards/train-{000..003}.tar", lambda here: [path(here / "shards/train-{000..003}.tar")]),
        (Path("coco"), lambda here: [path(here / "coco")]),
        (["coco", "birds@2"], lambda here: [SourceEntry("coco"), path(here / "birds", quota=2)]),
        ({"path": "birds", "quota": 3, "label": "b"}, lambda here: [path(here / "birds", quota=3, label="b")]),
        ({"source": "coco"}, lambda here: [SourceEntry("coco")]),
        ({"source": "birds", "quota": 2}, lambda here: [path(here / "birds", quota=2)]),
        ({"source": "coco", "path": "x"}, lambda here: [SourceEntry("coco", str(here / "x"))]),
    ],
)
def test_forms(typed: Any, entries: Any, here: Path) -> None:
    assert list(read_entries(typed)) == entries(here)


def test_a_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert read_entries("~/birds")[0].path == "/somewhere/birds"
    assert read_entries("birds:~/cub")[0].path == "/somewhere/cub"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", r"A source is empty; give a path or URL, a data set by its name such as coco, or <data set>:<path>"),
        ("  ", "A source is empty; give"),
        ("coco+", "has an empty part"),
        ("coco@0", "quota of the source 'coco@0' is '0'; give a count of images of at least 1"),
        ("coco@lots", "quota of the source 'coco@lots' is 'lots'"),
        ([], "A source is empty; give a path"),
        ([""], "A source is empty; give a path"),
        (None, "A source is empty; give"),
        (3, "A source is 3"),
        ({"sorce": "coco"}, "unknown key `sorce`; allowed are source, path, quota, label"),
        ({"quota": 3}, "says neither `path` nor which data set"),
        ({"source": "coco", "quota": True}, "is True; give a count"),
        ({"source": "coco+imagenet"}, "'coco.imagenet' is several; give each a mapping"),
    ],
)
def test_what_is_refused(typed: Any, message: str, here: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_entries(typed)


texts = st.text(alphabet="ab/:@+.~1 ", max_size=12)


@given(texts)
def test_what_comes_out_may_be_put_in_again(text: str) -> None:
    try:
        entries = read_entries(text)
    except InputError:
        return
    again = read_entries([{"source": e.source, "path": e.path, "quota": e.quota, "label": e.label} for e in entries])
    assert again == entries
    assert all(entry.path is None or Path(entry.path).is_absolute() or is_url(entry.path) for entry in entries)
