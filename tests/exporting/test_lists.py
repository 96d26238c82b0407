"""Lists written and read."""

import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.exporting import LIST_COLUMNS, read_list, resolve_list, write_list

MANIFEST = pd.DataFrame(
    {
        "key": ["00", "1", "cat/a b.png", 'comma,"quote".png', "ü.png", "double"],
        "uri": ["/p/0.png", "/p/q/1.png", "s3://b/c.png", "/p/x.parquet#row=3", "/p/ü.png", "/p/ü.png"],
        "source": "pool",
    }
)


def resolved(path: Path) -> list[str]:
    return resolve_list(read_list(path), MANIFEST, path=path)["key"].tolist()


def test_written_lists_are_read_back(in_files: pd.DataFrame, tmp_path: Path) -> None:
    write_list(in_files, tmp_path / "images.csv")
    frame = pd.read_csv(tmp_path / "images.csv", dtype={"round": "Int64", "centroid": "Int64"})
    assert tuple(frame.columns) == LIST_COLUMNS
    assert frame["key"].tolist() == in_files["key"].tolist()
    assert frame["similarity"].tolist()[:-1] == in_files["similarity"].tolist()[:-1]
    assert frame["round"].isna().tolist() == in_files["round"].isna().tolist()
    found = resolve_list(read_list(tmp_path / "images.csv"), in_files, path=tmp_path / "images.csv")
    assert found["key"].tolist() == in_files["key"].tolist()


@given(rows=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1), form=st.sampled_from(["txt", "parquet"]))
def test_keys_and_uris_in_any_mixture(
    rows: list[tuple[int, bool]], form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Twin: a dictionary of everything an image is called."""
    entries = [MANIFEST["uri" if by_uri else "key"][row] for row, by_uri in rows]
    path = tmp_path_factory.mktemp("lists") / f"picks.{form}"
    if form == "txt":
        path.write_text("\n".join(entries), encoding="utf-8")
    else:
        pq.write_table(pa.table({"key": entries}), path)
    assert resolved(path) == list(dict.fromkeys(MANIFEST["key"][row] for row, _ in rows))


def test_a_column_of_uris_alone(tmp_path: Path) -> None:
    (tmp_path / "picks.csv").write_text("uri,note\ns3://b/c.png,x\n/p/0.png,y\n")
    assert resolved(tmp_path / "picks.csv") == ["cat/a b.png", "00"]


def test_keys_of_digits_are_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "picks.csv").write_text("key\n00\n1\n")
    assert resolved(tmp_path / "picks.csv") == ["00", "1"]
    pq.write_table(pa.table({"key": [1]}), tmp_path / "picks.parquet")
    assert resolved(tmp_path / "picks.parquet") == ["1"]


def test_the_uri_helps_where_the_key_is_another(tmp_path: Path) -> None:
    (tmp_path / "picks.csv").write_text("key,uri\nopenset/00,/p/0.png\n1,/elsewhere.png\n")
    assert resolved(tmp_path / "picks.csv") == ["00", "1"]


def test_relative_uris_start_at_the_list(tmp_path: Path) -> None:
    manifest = pd.DataFrame({"key": ["a", "b"], "uri": [str(tmp_path / "pool" / name) for name in ("a.png", "b.png")]})
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "picks.txt"
    path.write_text("../pool/b.png\n../pool/./a.png\n")
    assert resolve_list(read_list(path), manifest, path=path)["key"].tolist() == ["b", "a"]


def test_byte_order_mark_windows_lines_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "picks.txt").write_bytes(b"\xef\xbb\xbf00\r\n\r\n1\r\n")
    assert resolved(tmp_path / "picks.txt") == ["00", "1"]


def test_repeated_entries_count_once_and_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "picks.txt").write_text("1\n00\n/p/q/1.png\n1\n")
    with caplog.at_level(logging.WARNING):
        assert resolved(tmp_path / "picks.txt") == ["1", "00"]
    assert "2 entries" in caplog.text


def test_unknown_entries_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "picks.txt"
    path.write_text("00\nfirst\nsecond\n")
    with pytest.raises(InputError, match=r"^2 of the 3 entries of .* neither a key nor a uri .*: 'first', 'second'; "):
        resolved(path)
    path.write_text("\n".join(f"lost-{number:02d}" for number in range(1234)))
    with pytest.raises(InputError, match=r"^1,234 of the 1,234 .*'lost-09' and 1,224 more; ") as caught:
        resolved(path)
    assert "lost-10" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("picks.json", b"[]", r"ends in '.json'; a list of images is one of .txt, "),
        ("picks.txt", b"\n\n", "names no image"),
        ("picks.csv", b"key\n", "names no image"),
        ("picks.csv", b"name,size\na,1\n", "has the columns `name`, `size`; a list of images has `key` or `uri`"),
        ("picks.parquet", b"no parquet", "cannot be read as .parquet"),
        ("picks.csv", b"", "cannot be read as .csv"),
        ("picks.txt", b"\xff\xfe\x00", "cannot be read as .txt"),
    ],
)
def test_what_is_no_list(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_list(tmp_path / name)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.txt is no file"):
        read_list(tmp_path / "nothing.txt")


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picks.parquet"
    raw = pa.array([b"\xff\xffrd.png"], type=pa.binary())
    pq.write_table(pa.table({"key": pa.StringArray.from_buffers(1, *raw.buffers()[1:])}), path)
    with pytest.raises(InputError, match=r"picks\.parquet cannot be read as .*Invalid UTF8.*write it again\.$"):
        read_list(path)
