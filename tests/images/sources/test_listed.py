import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import ImageStore, decode, read_bytes, read_source
from simcore.images.sources import LISTING_COLUMNS, READERS, Request, listed
from simcore.images.sources.listed import list_images, recognises
from tests.images.sources.listings import none

TARGET, OPENSET = Request(role="target"), Request(role="openset")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes text or bytes as a list."""

    def write(text: str | bytes, *, name: str = "own/list.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def read(place: str | Path, request: Request = TARGET) -> pd.DataFrame:
    frame = pd.concat(list(list_images(place, request)), ignore_index=True)
    assert tuple(frame.columns)[: len(LISTING_COLUMNS)] == LISTING_COLUMNS
    assert {str(kind) for kind in frame.dtypes} == {"str"}
    return frame


def rows(images: pd.DataFrame) -> list[tuple[str | None, ...]]:
    return [tuple(none(value) for value in row) for row in images.drop(columns=["uri", "reason"]).to_numpy()]


def test_uris_alone_are_the_keys(write, tmp_path: Path) -> None:
    images = read(write("uri\nb.jpg\n/far/a.jpg\ns3://pool/c.jpg\n./d/../e.jpg\n"))
    assert rows(images) == [
        ("b.jpg", None, None),
        ("/far/a.jpg", None, None),
        ("s3://pool/c.jpg", None, None),
        ("./d/../e.jpg", None, None),
    ]
    assert images["uri"].tolist() == [
        f"{tmp_path}/own/b.jpg",
        "/far/a.jpg",
        "s3://pool/c.jpg",
        f"{tmp_path}/own/e.jpg",
    ]


def test_key_label_split_and_further_columns(write) -> None:
    text = (
        "maker,key,label,uri,split,year,width,source,reason,labels\n"
        'Boeing,k1,"747, long",a.jpg,train,007,5,x,y,z\n'
        ",k2,NA,b.jpg,test,,,,,\n"
    )
    images = read(write(text))
    assert list(images) == [*LISTING_COLUMNS, "maker", "year", "labels"]
    assert rows(images) == [
        ("k1", "747, long", "train", "Boeing", "007", "z"),
        ("k2", "NA", "test", None, None, None),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\ufeffuri,label\r\na.jpg,x\r\n", "l.csv"),
        ("uri\tlabel\na.jpg\tx\n", "l.tsv"),
        ('"uri","label"\n"a.jpg","x"', "l.CSV"),
        ("uri,label\na.jpg,x\n\n", "l.csv"),
    ],
)
def test_dialects(write, text: str, name: str) -> None:
    path = write(text, name=name)
    assert recognises(path)
    assert rows(read(path)) == [("a.jpg", "x", None)]


def test_text_with_line_ends_and_other_scripts(write) -> None:
    assert rows(read(write('uri,label\na.jpg,"two\nlines"\nü.jpg,鷦鷯\n'))) == [
        ("a.jpg", "two\nlines", None),
        ("ü.jpg", "鷦鷯", None),
    ]


def test_parquet_lists(tmp_path: Path) -> None:
    table = pa.table(
        {
            "uri": pa.array(["a.jpg", "b.jpg"], pa.large_string()),
            "label": [1, 2],
            "maker": pa.array(["x", None]).dictionary_encode(),
            "round": [3, 4],
            "boxes": [[[0.0, 1.0, 2.0, 3.0]], None],
            "source": ["s", "s"],
        }
    )
    path = tmp_path / "list.parquet"
    pq.write_table(table, path)
    assert recognises(path)
    assert not READERS["packed"].recognises(path)
    images = read(path)
    assert list(images) == [*LISTING_COLUMNS, "maker"]
    assert rows(images) == [("a.jpg", "1", None, "x"), ("b.jpg", "2", None, None)]


def test_an_image_column_makes_it_packed(pack) -> None:
    path = pack({"key": ["a"], "uri": ["a.jpg"]})
    assert not recognises(path)
    assert READERS["packed"].recognises(path)


def test_recognised_by_ending(write, plant, memory_copy, tmp_path: Path) -> None:
    path = write("uri\na.jpg\n")
    assert recognises(path)
    assert recognises(f"{memory_copy(path.parent)}/list.csv")
    for place in (write("uri\n", name="x.txt"), path.parent, tmp_path / "gone.csv", plant("a.png"), "memory://a.png"):
        assert not recognises(place)


@pytest.mark.parametrize(
    "uri", ["../a.jpg", "..", "a/../../b.jpg", "./../a.tar#bytes=0+5", "a/../../x.parquet#row=1", "../own/a.jpg"]
)
def test_relative_paths_that_lead_out_are_refused(write, memory_copy, uri: str) -> None:
    path = write(f"uri\na.jpg\n{uri}\n")
    for place in (path, f"{memory_copy(path.parent)}/list.csv"):
        with pytest.raises(InputError, match=re.escape(f"'{uri}' in {place} leads out of the list's own folder")):
            read(place)


@given(st.lists(st.sampled_from(["..", ".", "a", "b.jpg", "...", "..c"]), min_size=1, max_size=8))
@settings(deadline=None)
def test_what_is_accepted_stays_inside(parts: list[str]) -> None:
    folder = Path("/lists/own")
    resolve = listed._resolver(folder / "list.csv")
    depth, left = 0, False
    for part in parts:
        depth += {"..": -1, ".": 0}.get(part, 1)
        left = left or depth < 0
    inside = Path("/" + "/".join(parts))
    try:
        found = resolve("/".join(parts))
    except InputError:
        assert left
        return
    assert ".." not in Path(found).parts
    assert Path(found).is_relative_to(folder)
    if not left:
        assert found.rstrip("/.") == str(folder / inside.resolve().relative_to("/")).rstrip("/.")


@pytest.mark.parametrize("uri", ["/etc/a.jpg", "file:///etc/a.jpg", "local:///etc/a.jpg", "zip://a.jpg::file:///etc/b"])
def test_a_list_from_elsewhere_names_no_files_of_this_machine(write, memory_copy, uri: str) -> None:
    path = write(f"uri\n{uri}\n")
    with pytest.raises(InputError, match=re.escape(f"'{uri}' in ") + ".*the list comes from elsewhere; copy the list"):
        read(f"{memory_copy(path.parent)}/list.csv")
    assert read(path)["uri"].tolist() == [uri]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://list.csv", "memory://a/b.jpg"),
        ("memory://x/list.csv", "memory://x/a/b.jpg"),
        ("memory:///list.csv", "memory:///a/b.jpg"),
        ("s3://pool/lists/list.csv", "s3://pool/lists/a/b.jpg"),
        ("zip://x/list.csv::s3://pool/z.zip", "zip://x/a/b.jpg::s3://pool/z.zip"),
        ("simplecache::s3://pool/list.csv", "simplecache::s3://pool/a/b.jpg"),
    ],
)
def test_beside_a_url(url: str, expected: str) -> None:
    assert listed._resolver(url)("a/./b.jpg") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.jpg,x\n", "lacks the column `uri` (it has `path`, `label`)"),
        ("uri,uri\na.jpg,x\n", "has the column `uri` more than once"),
        ("uri,label\n", "has no rows"),
        ("", "cannot be read as a list (Empty CSV file)"),
        ("uri,label\na.jpg\n", "cannot be read as a list"),
        ("uri,label\na.jpg,x\n,y\n", "Row 1 of"),
        ("uri,key\na.jpg,x\nb.jpg,\n", "Row 1 of"),
        (b"uri,label\na.jpg,caf\xe9\n", "cannot be read as a list"),
        (b"uri,caf\xe9\na.jpg,x\n", "cannot be read as a list"),
    ],
)
def test_broken_lists(write, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read(write(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"uri": [["a.jpg"]]}, "Column `uri` of"),
        ({"uri": ["a.jpg"], "label": [["x"]]}, "Column `label` of"),
        ({"uri": ["a.jpg", None]}, "Row 1 of"),
        ({"uri": pa.array([], pa.string())}, "has no rows"),
    ],
)
def test_broken_parquet_lists(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    with pytest.raises(InputError, match=re.escape(message)):
        read(tmp_path / "list.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uri,split\na.jpg,train\nb.jpg,dev\n", "has the split 'dev'"),
        ("uri,key\na.jpg,k\nb.jpg,k\n", "Key 'k' is at"),
    ],
)
def test_rows_that_do_not_go_together(write, text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_source(write(text))


@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_validation_images_are_train_as_in_the_official_sets(write, word: str) -> None:
    frame = read(write(f"uri,split\na.jpg,train\nb.jpg,{word}\nc.jpg,test\n"), TARGET)
    assert frame["split"].tolist() == ["train", "train", "test"]


def test_labels_can_be_insisted_on_or_left_out(write) -> None:
    insist, leave = (Request(role="target", labels=labels) for labels in ("folder", "none"))
    with pytest.raises(InputError, match="has no labels"):
        read(write("uri,label\na.jpg,\n"), insist)
    path = write("uri,label\na.jpg,x\n")
    assert rows(read(path, insist)) == [("a.jpg", "x", None)]
    assert rows(read(path, leave)) == [("a.jpg", None, None)]


@pytest.mark.parametrize("name", ["list.csv", "list.parquet"])
def test_long_lists_come_in_frames(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "LISTING_ROWS", 1000)
    frame = pd.DataFrame({"uri": [f"{number:06d}.jpg" for number in range(250_000)]})
    frame.to_csv(tmp_path / name, index=False) if name.endswith("csv") else frame.to_parquet(tmp_path / name)
    start = 0
    for part in list_images(tmp_path / name, OPENSET):
        assert len(part) <= 1000
        assert part["key"].iloc[0] == f"{start:06d}.jpg"
        start += len(part)
    assert start == 250_000


@pytest.fixture
def pictures(noise, encode) -> dict[str, bytes]:
    return {name: encode(noise(20 + number, 10, seed=number)) for number, name in enumerate("abcde")}


def test_from_a_list_of_every_form_to_the_pixels(write, pack, pictures, memory_copy, tmp_path: Path) -> None:
    root = tmp_path / "own"
    (root / "in").mkdir(parents=True)
    (root / "in" / "a.png").write_bytes(pictures["a"])
    (tmp_path / "b.png").write_bytes(pictures["b"])
    pack({"key": ["x", "y"], "image": [b"", pictures["c"]]}, name="own/p.parquet")
    (root / "t.tar").write_bytes(b"head" + pictures["d"])
    (root / "far.png").write_bytes(pictures["e"])
    memory = memory_copy(root)
    text = (
        "uri,key,label,maker\n"
        "in/a.png,a,x,one\n"
        f"{tmp_path}/b.png,b,y,two\n"
        "p.parquet#row=1,c,x,\n"
        f"t.tar#bytes=4+{len(pictures['d'])},d,y,four\n"
        f"{memory}/far.png,e,x,five\n"
        "gone.png,g,y,six\n"
    )
    path = write(text)
    ingested = read_source(path, max_rejected=0.2, test_fraction=0.3)
    manifest = ingested.manifest
    assert manifest["key"].tolist() == list("abcde")
    assert [none(value) for value in manifest["maker"]] == ["one", "two", None, "four", "five"]
    assert ingested.rejected[["key", "reason"]].to_numpy().tolist() == [["g", "the file does not exist"]]
    assert [read_bytes(uri) for uri in manifest["uri"]] == [pictures[key] for key in "abcde"]
    store = ImageStore(manifest, cache_gib=0.0)
    for row, key in enumerate("abcde"):
        np.testing.assert_array_equal(store[row], decode(pictures[key]))


def test_a_list_behind_a_url(write, noise, encode, memory_copy, tmp_path: Path) -> None:
    path = write("uri,label\nin/a.png,x\nin/b.png,y\n")
    for name in "ab":
        (path.parent / "in").mkdir(exist_ok=True)
        (path.parent / "in" / f"{name}.png").write_bytes(encode(noise(20, 10)))
    for url in (memory_copy(path.parent), f"file://{path.parent}"):
        manifest = read_source(f"{url}/list.csv", test_fraction=0.0).manifest
        assert manifest["uri"].tolist() == [f"{url}/in/a.png", f"{url}/in/b.png"]
