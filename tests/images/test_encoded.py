import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from simcore.images import encoded, packed_files
from simcore.images.encoded import ByteReader, Encoded, UnreadableError, map_images, read_bytes, reading_order
from simcore.images.uris import locate, member_uri, packed_uri


def test_a_file_and_a_row(tmp_path: Path, pack) -> None:
    (tmp_path / "a.png").write_bytes(b"whole file")
    assert read_bytes(str(tmp_path / "a.png")) == b"whole file"
    packed = pack({"key": list("abcde"), "image": [letter.encode() for letter in "abcde"]}, row_group_size=2)
    assert [read_bytes(packed_uri(packed, row)) for row in range(5)] == [b"a", b"b", b"c", b"d", b"e"]


@pytest.fixture
def every_form(tmp_path: Path, pack, memory_copy) -> dict[str, bytes]:
    """Return {uri: bytes}: files, rows of both Parquet layouts and members, on the disk and behind two protocols."""
    root = tmp_path / "forms"
    (root / "a").mkdir(parents=True)
    (root / "a" / "wren.png").write_bytes(b"whole file")
    (root / "birds.tar").write_bytes(b"head" + b"first" + b"second" + b"tail")
    pack({"key": list("abc"), "image": [b"1", b"22", b"333"]}, name="forms/ours.parquet", row_group_size=2)
    structs = pa.array([{"bytes": b"x", "path": "x.png"}, {"bytes": b"yy", "path": None}])
    pq.write_table(pa.table({"label": [0, 1], "image": structs}), root / "theirs.parquet", row_group_size=1)
    expected = {
        "a/wren.png": b"whole file",
        "birds.tar": b"headfirstsecondtail",
        "birds.tar#bytes=4+5": b"first",
        "birds.tar#bytes=9+6": b"second",
        "ours.parquet#row=0": b"1",
        "ours.parquet#row=2": b"333",
        "theirs.parquet#row=0": b"x",
        "theirs.parquet#row=1": b"yy",
    }
    tops = (str(root), f"file://{root}", memory_copy(root))
    return {f"{top}/{name}": data for top in tops for name, data in expected.items()}


def test_every_form_of_uri(every_form: dict[str, bytes]) -> None:
    uris = list(every_form)
    assert {uri: read_bytes(uri) for uri in uris} == every_form
    reader = ByteReader()
    assert {uri: reader.read(uri) for uri in reversed(uris)} == every_form
    for workers in (1, 3):
        found = map_images(lambda position, image: (image.uri, image.read()), uris, workers=workers, lot=2)
        read = dict(result for _, result in found)
        assert read == every_form
        assert list(read) == [uris[position] for position in reading_order(uris)]


def test_only_local_files_can_be_opened_by_their_path(every_form: dict[str, bytes]) -> None:
    found = map_images(lambda position, image: image.row is None, list(every_form), workers=1)
    assert {list(every_form)[position] for position, is_file in found if is_file} == {
        uri for uri in every_form if uri.startswith("/") and "#" not in uri
    }


def test_local_files_are_read_without_fsspec(every_form: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(encoded, "read_remote", refuse)
    monkeypatch.setattr(packed_files, "open_binary", refuse)
    local = [uri for uri in every_form if uri.startswith("/")]
    assert [read_bytes(uri) for uri in local] == [every_form[uri] for uri in local]


class Forms(Dataset):
    """The bytes of uris through one reader: module-level, so that spawned workers find it."""

    def __init__(self, uris: list[str]) -> None:
        self.uris, self.reader = uris, ByteReader()

    def __len__(self) -> int:
        return len(self.uris)

    def __getitem__(self, position: int) -> bytes:
        return self.reader.read(self.uris[position])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_every_form(every_form: dict[str, bytes], start: str) -> None:
    # What lies in fsspec's memory lies in that of this process.
    uris = [uri for uri in every_form if start == "fork" or not uri.startswith("memory:")]
    forms = Forms(uris)
    expected = [forms[position] for position in range(len(uris))]
    loader = DataLoader(forms, batch_size=None, num_workers=2, multiprocessing_context=start)
    assert list(loader) == expected == [every_form[uri] for uri in uris]


def test_a_lock_held_at_the_fork_does_not_hold_the_child(packed_rows) -> None:
    uris, images = packed_rows
    reader = ByteReader()
    reader.read(uris[0])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    lock = reader._locks[os.getpid()]
    with lock:
        child = context.Process(target=lambda: answers.put(reader.read(uris[1])), daemon=True)
        child.start()
        assert answers.get(timeout=60) == images[1]
        child.join(60)
    assert child.exitcode == 0


def test_what_cannot_be_read_says_why(tmp_path: Path, pack) -> None:
    packed = pack({"key": ["a", "b"], "image": [b"x", None]})
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(packed.read_bytes()[:40])
    nothing = pack({"key": ["a"], "image": ["x"]}, name="nothing.parquet")
    pq.write_table(pq.read_table(nothing).drop_columns("image"), nothing)
    theirs = tmp_path / "theirs.parquet"
    image = pa.array([{"bytes": None, "path": "a.png"}, None], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    pq.write_table(pa.table({"image": image}), theirs)
    tar = tmp_path / "short.tar"
    tar.write_bytes(b"123456")
    for uri, reason in (
        (str(tmp_path / "gone.png"), "does not exist"),
        (packed_uri(tmp_path / "gone.parquet", 0), "does not exist"),
        (str(tmp_path), "directory"),
        (packed_uri(packed, 1), "no image bytes"),
        (packed_uri(packed, 2), "beyond the 2 rows"),
        (packed_uri(broken, 0), "damaged"),
        (packed_uri(nothing, 0), "no column `image`"),
        (packed_uri(theirs, 0), "no image bytes"),
        (packed_uri(theirs, 1), "no image bytes"),
        (member_uri(tar, 4, 5), "ends 3 bytes before the 5 from byte 4 on"),
        (member_uri(tar, 400, 5), "ends 5 bytes before"),
        (member_uri(tmp_path / "gone.tar", 0, 1), "does not exist"),
        (f"file://{tmp_path}/gone.png", "does not exist"),
        ("memory://gone.png", "does not exist"),
        (packed_uri("memory://gone.parquet", 0), "does not exist"),
        (packed_uri(f"file://{broken}", 0), "damaged"),
        (member_uri(f"file://{tar}", 4, 5), "ends 3 bytes before"),
        ("nosuch://gone.png", "nosuch"),
    ):
        with pytest.raises(UnreadableError, match=reason):
            read_bytes(uri)


FORMS = ["/p#row={}", "/q#row={}", "/r.tar#bytes={}+7", "memory://s.tar#bytes={}+7", "/plain{}", "memory://plain{}"]


@given(st.lists(st.sampled_from(FORMS), max_size=40), st.randoms())
@settings(deadline=None)
def test_the_reading_order_covers_everything_and_takes_parts_as_they_lie(kinds: list[str], random) -> None:
    numbers = list(range(len(kinds)))
    random.shuffle(numbers)
    uris = [kind.format(number) for kind, number in zip(kinds, numbers, strict=True)]
    order = reading_order(uris)
    assert sorted(order) == list(range(len(uris)))
    found = [locate(uris[position]) for position in order]
    parts = [(part.path, part.row or 0, part.span or ()) for part in found if not part.whole]
    n_files = len(found) - len(parts)
    assert all(part.whole for part in found[:n_files])
    assert order[:n_files] == sorted(order[:n_files])
    assert parts == sorted(parts)


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
    gone = ("gone.png", "gone.parquet#row=0", "gone.tar#bytes=0+1")
    for uri in [f"{top}/{name}" for top in (tmp_path, f"file://{tmp_path}") for name in gone]:
        with pytest.raises(UnreadableError, match="does not exist"):
            list(map_images(lambda position, image: image.read(), [uri], workers=1))


def test_a_reader_is_shared_by_threads(packed_rows) -> None:
    uris, images = packed_rows
    reader = ByteReader()
    order = [(7 * step) % 200 for step in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda position: reader.read(uris[position]), order))
    assert found == [images[position] for position in order]
