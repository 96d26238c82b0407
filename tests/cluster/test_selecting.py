"""Selection by workers that scan shards: the coreset and the trace of a local run, for every way the lists can end."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simcore.cluster import Cluster
from simcore.cluster.selecting import ClusterSweep, parts_of, select_on_cluster
from simcore.embeddings import Embeddings, EmbeddingWriter, open_embeddings, write_embeddings
from simcore.errors import ArtefactError, InputError
from simcore.selection import Selection, StopRule, candidates, scanning, select_coreset
from tests.cluster.worlds import cluster_here

ONE = Cluster(threads=1)
N, K, D = 400, 5, 4


@pytest.fixture
def openset(tmp_path: Path) -> Embeddings:
    """Rows of which half come twice under other keys: ties, also between shards."""
    rows = np.random.default_rng(0).normal(size=(N // 2, D)) + 1
    keys = [f"{number:04d}" for number in range(N)]
    return write_embeddings(tmp_path / "openset", keys, np.concatenate([rows, rows]), rows_per_shard=30)


@pytest.fixture
def centroids() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(K, D)) + 1


def assert_same(made: Selection, local: Selection) -> None:
    pd.testing.assert_frame_equal(made.coreset_frame(), local.coreset_frame())
    pd.testing.assert_frame_equal(made.trace, local.trace)
    ours, theirs = made.certificate.to_dict(), local.certificate.to_dict()
    for fact in ours.keys() - {"list_depth", "slack", "passes", "deepest_pointer"}:
        assert ours[fact] == theirs[fact], fact


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"budget": 0.2},
        {"budget": 150, "depth": 3},
        {"budget": 200, "depth": 1, "exclude": ["0003", "0203", "0399"]},
        {"budget": 90, "stop": StopRule.paper()},
        {"budget": 77, "truncate": "random", "seed": 3},
        {"budget": 30, "block_rows": 7},
    ],
)
@pytest.mark.parametrize("room", [1, 50])
def test_picks_are_those_of_a_local_run(openset, centroids, settings: dict, room: int) -> None:
    local = select_coreset(centroids, openset, **settings)
    with cluster_here(room=room) as here:
        made = select_on_cluster(centroids, openset, cluster=ONE, **settings)
    assert_same(made, local)
    assert len(here.done) == made.certificate.passes
    assert {len(units) for units in here.done} == {min(4 * room, openset.n_shards)}
    if "depth" in settings:
        assert made.certificate.passes > 1


def test_picks_are_the_same_where_a_sample_says_how_deep(openset, centroids, monkeypatch) -> None:
    """A forecast gives floors: parts may have no image above them, and lists that were never cut."""
    monkeypatch.setattr(scanning, "sample_size", lambda n_centroids, n_rows: 100)
    monkeypatch.setattr(candidates, "_MIN_PAIRS", 1)
    for budget in (5, 40, 300):
        local = select_coreset(centroids, openset, budget=budget, device="cpu")
        with cluster_here() as here:
            made = select_on_cluster(centroids, openset, cluster=ONE, budget=budget)
        assert_same(made, local)
        assert len(here.done) >= 1


def test_keys_in_any_order_break_ties_as_locally(tmp_path, centroids) -> None:
    """A directory from elsewhere, whose keys fall within a shard and from one to the next."""
    generator = np.random.default_rng(2)
    rows = np.repeat(generator.normal(size=(20, D)) + 1, 5, axis=0)
    keys = [f"{number:03d}" for number in generator.permutation(100)]
    with EmbeddingWriter(tmp_path / "foreign", dim=D, metadata={}, rows_per_shard=13) as writer:
        writer.write(keys, rows)
    openset = open_embeddings(tmp_path / "foreign")
    local = select_coreset(centroids, openset, budget=60, depth=4)
    with cluster_here():
        assert_same(select_on_cluster(centroids, openset, cluster=ONE, budget=60, depth=4), local)


def test_a_machine_without_the_folder_says_so(openset, centroids) -> None:
    openset.directory = openset.directory.with_name("elsewhere")
    with cluster_here(), pytest.raises(InputError, match=r"Machine `.*` of the cluster does not see `.*elsewhere`"):
        select_on_cluster(centroids, openset, cluster=ONE, budget=10)


@pytest.mark.parametrize("missing", [True, False])
def test_a_machine_with_other_shards_says_so(tmp_path, openset, centroids, missing: bool) -> None:
    write_embeddings(tmp_path / "other", [f"{n}" for n in range(9)], np.ones((9, D)), rows_per_shard=9)
    if not missing:
        for number in range(1, openset.n_shards):
            (tmp_path / "other" / f"part-{number:05d}.parquet").write_bytes(
                (openset.directory / f"part-{number:05d}.parquet").read_bytes()
            )
    openset.directory = tmp_path / "other"
    what = "no `part-000" if missing else "other shards from `part-00000.parquet` on"
    with cluster_here(room=50), pytest.raises(ArtefactError, match=f"sees {what}"):
        select_on_cluster(centroids, openset, cluster=ONE, budget=10)


def test_everything_excluded_in_a_part_and_in_all(openset, centroids) -> None:
    first = openset.keys()[:60].tolist()
    local = select_coreset(centroids, openset, budget=300, exclude=first)
    with cluster_here(room=50):
        assert_same(select_on_cluster(centroids, openset, cluster=ONE, budget=300, exclude=first), local)
        with pytest.raises(InputError, match="All 400 images are excluded"):
            select_on_cluster(centroids, openset, cluster=ONE, budget=300, exclude=openset.keys().tolist())


def test_a_row_without_direction_is_named(tmp_path, centroids) -> None:
    rows = np.ones((40, D))
    rows[33] = 0
    openset = write_embeddings(tmp_path / "e", [f"{n:02d}" for n in range(40)], rows, rows_per_shard=10)
    with cluster_here(), pytest.raises(InputError, match="key `33` is zero"):
        select_on_cluster(centroids, openset, cluster=ONE, budget=5)


def test_only_a_directory_is_scanned_on_a_cluster(centroids) -> None:
    with cluster_here(), pytest.raises(InputError, match="A cluster scans an embeddings directory"):
        select_coreset(centroids, np.ones((9, D)), sweeping=partial(ClusterSweep, cluster=ONE))


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7, 100])
def test_parts_cover_all_shards_once(n_parts: int) -> None:
    rows = [7, 7, 7, 7, 7, 3]
    parts = list(parts_of(rows, n_parts=n_parts))
    assert len(parts) == min(n_parts, len(rows))
    assert [number for part in parts for number in range(part["first"], part["end"])] == list(range(len(rows)))
    assert [part["start"] for part in parts] == [sum(rows[: part["first"]]) for part in parts]
    assert sum(part["rows"] for part in parts) == sum(rows)
