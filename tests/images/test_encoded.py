from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.images import encoded
from simcore.images.encoded import (
    ByteReader,
    Encoded,
    UnreadableError,
    map_images,
    packed_uri,
    read_bytes,
    reading_order,
    split_packed_uri,
)


@given(st.text(min_size=1), st.integers(0, 10**9))
@settings(deadline=None)
def test_packed_uris_come_apart_again(path: str, row: int) -> None:
    assert split_packed_uri(packed_uri(path, row)) == (path, row)


def test_a_file_and_a_row(tmp_path: Path, pack) -> None:
    (tmp_path / "a.png").write_bytes(b"whole file")
    assert read_bytes(str(tmp_path / "a.png")) == b"whole file"
    packed = pack({"key": list("abcde"), "image": [letter.encode() for letter in "abcde"]}, row_group_size=2)
    assert [read_bytes(packed_uri(packed, row)) for row in range(5)] == [b"a", b"b", b"c", b"d", b"e"]


def test_what_cannot_be_read_says_why(tmp_path: Path, pack) -> None:
    packed = pack({"key": ["a", "b"], "image": [b"x", None]})
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(packed.read_bytes()[:40])
    for uri, reason in (
        (str(tmp_path / "gone.png"), "does not exist"),
        (packed_uri(tmp_path / "gone.parquet", 0), "does not exist"),
        (str(tmp_path), "directory"),
        (packed_uri(packed, 1), "no image bytes"),
        (packed_uri(packed, 2), "beyond the 2 rows"),
        (packed_uri(broken, 0), "damaged"),
    ):
        with pytest.raises(UnreadableError, match=reason):
            read_bytes(uri)


@given(st.lists(st.sampled_from(["/p#row=", "/q#row=", "/plain"]), max_size=40), st.randoms())
@settings(deadline=None)
def test_the_reading_order_covers_everything_and_takes_packed_rows_in_order(kinds: list[str], random) -> None:
    numbers = list(range(len(kinds)))
    random.shuffle(numbers)
    uris = [f"{kind}{number}" for kind, number in zip(kinds, numbers, strict=True)]
    order = reading_order(uris)
    assert sorted(order) == list(range(len(uris)))
    rows = [split_packed_uri(uris[position]) for position in order]
    packed = [row for row in rows if row is not None]
    assert rows == [None] * (len(rows) - len(packed)) + sorted(packed)


@pytest.fixture
def packed_rows(pack) -> tuple[list[str], list[bytes]]:
    """Return uris of 200 rows in eight row groups, last row first, and their bytes."""
    images = [bytes([row]) * 3 for row in range(200)]
    path = pack({"key": [str(row) for row in range(200)], "image": images}, row_group_size=25)
    return [packed_uri(path, row) for row in reversed(range(200))], images[::-1]


@pytest.mark.parametrize(("workers", "lot"), [(1, 1), (2, 10), (4, 64), (3, 1000)])
def test_each_row_group_is_read_once(packed_rows, monkeypatch: pytest.MonkeyPatch, workers: int, lot: int) -> None:
    uris, images = packed_rows
    read: list[int] = []
    original = encoded._read_row_group
    monkeypatch.setattr(encoded, "_read_row_group", lambda path, group: read.append(group) or original(path, group))
    found = list(map_images(lambda position, image: image.read(), uris, workers=workers, lot=lot))
    assert found == [(position, images[position]) for position in reversed(range(200))]
    assert read == list(range(8))


def test_what_a_worker_meets_is_raised_here(packed_rows, tmp_path: Path) -> None:
    uris, _ = packed_rows
    seen: list[int] = []

    def function(position: int, image: Encoded) -> None:
        seen.append(position)
        if position == 190:
            raise KeyError(position)

    with pytest.raises(KeyError, match="190"):
        list(map_images(function, uris, workers=1, lot=1))
    assert len(seen) < 20
    for uri in (str(tmp_path / "gone.png"), packed_uri(tmp_path / "gone.parquet", 0)):
        with pytest.raises(UnreadableError, match="does not exist"):
            list(map_images(lambda position, image: image.read(), [uri], workers=1))


def test_a_reader_is_shared_by_threads(packed_rows) -> None:
    uris, images = packed_rows
    reader = ByteReader()
    order = [(7 * step) % 200 for step in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda position: reader.read(uris[position]), order))
    assert found == [images[position] for position in order]
