"""Sums and sentences of the space that a run needs."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from simcore.disk import Need, begun_bytes, check_room, embedding_bytes, free_bytes
from simcore.embeddings import write_embeddings
from simcore.errors import DiskError
from simcore.files import same_disk

NEEDS = [Need("openset embeddings", 600), Need("encoders x", 100), Need("states of x", 300, lasting=False)]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch):
    def set_free(count: int) -> None:
        monkeypatch.setattr("simcore.disk.free_bytes", lambda folder: count)

    return set_free


@pytest.mark.parametrize(("space", "says"), [(1100, None), (1099, "hardly enough"), (1000, "hardly"), (999, "not fit")])
def test_a_warning_below_the_margin(free, tmp_path, space, says):
    free(space)
    told = check_room(NEEDS, folder=tmp_path, margin=0.1, stop=False)
    assert told is None if says is None else says in told


def test_it_stops_only_where_the_needs_alone_do_not_fit(free, tmp_path):
    free(1000)
    assert check_room(NEEDS, folder=tmp_path, margin=0.1, stop=True)
    free(999)
    with pytest.raises(DiskError, match=r"openset embeddings 0\.0 MiB.*plan\.disk=warn"):
        check_room(NEEDS, folder=tmp_path, margin=0.1, stop=True)


def test_work_that_goes_on_is_not_counted_twice(free, tmp_path):
    free(500)
    assert check_room(NEEDS, folder=tmp_path, begun=550, margin=0.1, stop=True) is None
    assert check_room([], folder=tmp_path, begun=10, margin=0.1, stop=True) is None


def test_a_folder_counts_once_and_for_its_own_node():
    needs = [Need("a", 10, node="one"), Need("b", 10, node="one"), Need("c", 10), Need("d", 10, node="two")]
    assert begun_bytes(needs, {"one": 15, "two": 99, "three": 99, "": 0}) == 25
    assert begun_bytes(needs, {}) == begun_bytes([], {"one": 15}) == 0


@pytest.mark.parametrize("dim", [8, 512])
def test_embeddings_are_as_large_as_forecast(tmp_path, dim):
    rows = 20_000
    keys = [f"photographs/{number:09d}.jpg" for number in range(rows)]
    write_embeddings(tmp_path / "made", keys, np.random.default_rng(0).standard_normal((rows, dim)))
    written = sum(path.stat().st_size for path in (tmp_path / "made").rglob("*.parquet"))
    forecast = embedding_bytes(rows, dim=dim, key_length=len(keys[0]))
    # Keys may be compressed; nothing is larger than forecast but for the headers.
    assert 2 * dim * rows < written < 1.02 * forecast + 10_000


def test_a_small_disk_is_seen_as_it_is(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    made = shutil.which("mount") and os.geteuid() == 0
    made = (
        made and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode == 0
    )
    if not made:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        assert free_bytes(small / "not" / "made" / "yet") == 2**20
        assert not same_disk(small / "root", tmp_path)
        (small / "half").write_bytes(bytes(2**19))
        assert free_bytes(small) == 2**19
        with pytest.raises(DiskError, match=r"0\.5 MiB are free"):
            check_room([Need("shards", 2**20)], folder=small / "root", margin=0.1, stop=True)
    finally:
        subprocess.run(["umount", small], check=True)
    assert same_disk(tmp_path / "a", tmp_path / "b" / "c")
    assert free_bytes(Path(tmp_path)) > 2**20
