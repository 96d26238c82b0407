import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.embeddings import write_embeddings
from simcore.errors import ArtefactError, InputError
from simcore.selection import CandidateLists, merge, scan, select_coreset

from .oracle import exact_similarities
from .worlds import pools

SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def full_order(similarities, rank):
    return [sorted(range(len(row)), key=lambda i, row=row: (-row[i], rank[i])) for row in similarities.tolist()]


@SOME
@given(pools(), st.integers(1, 20), st.none() | st.integers(1, 60))
def test_scan_equals_a_full_sort(pool, depth, block_rows):
    openset, centroids = pool
    lists = scan(centroids, openset, depth=depth, block_rows=block_rows)
    similarities = exact_similarities(centroids, openset)
    order = full_order(similarities, range(len(openset)))
    assert lists.positions.tolist() == [row[:depth] for row in order]
    assert lists.scores.tolist() == [[similarities[q, i] for i in row[:depth]] for q, row in enumerate(order)]
    assert lists.complete == (depth >= len(openset))


@SOME
@given(pools(), st.data())
def test_shards_scanned_apart_merge_to_the_whole(pool, data):
    openset, centroids = pool
    n = len(openset)
    depth = data.draw(st.integers(1, n), label="depth")
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, n - 1)), max_size=4), label="cuts"))
    order = data.draw(st.none() | st.permutations(range(n)), label="order of keys")
    keys = None if order is None else np.array([f"{i:03d}" for i in order])
    parts = [part for part in np.split(np.arange(n), cuts) if len(part)]
    shards = [scan(centroids, openset[p], depth=depth, keys=None if keys is None else keys[p]) for p in parts]
    merged = merge(shards)
    whole = scan(centroids, openset, depth=depth, keys=keys)
    assert merged.depth >= whole.depth
    assert merged.positions[:, : whole.depth].tolist() == whole.positions.tolist()
    assert merged.scores[:, : whole.depth].tolist() == whole.scores.tolist()
    assert merged.n_rows == n
    # What the merged lists hold beyond that depth is the beginning of the full order, too.
    deep = full_order(exact_similarities(centroids, openset), range(n) if order is None else order)
    assert merged.positions.tolist() == [row[: merged.depth] for row in deep]
    stepwise = shards[0]
    for shard in shards[1:]:
        stepwise = merge([stepwise, shard])
    assert stepwise.positions[:, : whole.depth].tolist() == whole.positions.tolist()


@SOME
@given(pools(), st.data())
def test_a_coreset_from_lists_equals_one_from_the_open_set_or_is_refused(pool, data):
    openset, centroids = pool
    n = len(openset)
    depth, budget = data.draw(st.integers(1, n)), data.draw(st.integers(1, n))
    lists = (
        merge([scan(centroids, openset[: n // 2], depth=depth), scan(centroids, openset[n // 2 :], depth=depth)])
        if n > 1
        else scan(centroids, openset, depth=depth)
    )
    expected = select_coreset(centroids, openset, budget=budget)
    try:
        got = select_coreset(centroids, lists, budget=budget)
    except InputError as error:
        assert "scan` every shard with a larger `depth`" in str(error)
        assert not lists.complete
        return
    assert got.indices.tolist() == expected.indices.tolist()
    assert got.scores.tolist() == expected.scores.tolist()


def test_a_list_as_long_as_the_budget_is_never_too_short(rng):
    openset, centroids = np.abs(rng.normal(size=(200, 3))), np.abs(rng.normal(size=(30, 3)))
    for budget in (1, 17, 90):
        lists = scan(centroids, openset, depth=budget)
        got = select_coreset(centroids, lists, budget=budget)
        assert got.indices.tolist() == select_coreset(centroids, openset, budget=budget).indices.tolist()


def test_saved_lists_come_back(tmp_path, rng):
    openset, centroids = rng.normal(size=(50, 4)), rng.normal(size=(3, 4))
    for keys in (None, [f"{i:02d}" for i in rng.permutation(50)]):
        lists = scan(centroids, openset, depth=20, keys=keys)
        lists.save(tmp_path / "lists.parquet")
        loaded = CandidateLists.load(tmp_path / "lists.parquet")
        assert loaded.positions.tolist() == lists.positions.tolist()
        assert loaded.scores.tobytes() == lists.scores.tobytes()
        assert loaded.fingerprints == lists.fingerprints
        got = select_coreset(
            centroids,
            merge([loaded, scan(centroids, openset[:5], depth=20, keys=None if keys is None else list("abcde"))]),
            budget=12,
        )
        assert len(got) == 12


def test_new_shards_join_without_reading_the_old(tmp_path, rng):
    rows, centroids = rng.normal(size=(300, 6)).astype(np.float16), rng.normal(size=(5, 6))
    names = np.array([f"{i:04d}" for i in rng.permutation(300)])
    old, new = tmp_path / "old", tmp_path / "new"
    write_embeddings(old, names[:200], rows[:200])
    write_embeddings(new, names[200:], rows[200:])
    known = scan(centroids, old, depth=80)
    for path in old.iterdir():
        path.unlink()
    got = select_coreset(centroids, merge([known, scan(centroids, new, depth=80)]), budget=80)
    whole = select_coreset(centroids, rows, keys=names, budget=80)
    assert got.keys.tolist() == whole.keys.tolist()
    assert got.scores.tolist() == whole.scores.tolist()


def test_excluded_images_are_in_no_list(rng):
    openset, centroids = rng.normal(size=(60, 4)), rng.normal(size=(3, 4))
    lists = scan(centroids, openset, depth=60, exclude=range(0, 60, 2))
    assert sorted(set(lists.positions.ravel())) == list(range(1, 60, 2))
    assert (lists.n_rows, lists.n_excluded, lists.complete) == (60, 30, True)


def test_wrong_lists_are_refused(rng, tmp_path):
    openset, centroids = rng.normal(size=(20, 4)), rng.normal(size=(3, 4))
    lists = scan(centroids, openset, depth=5)
    keyed = scan(centroids, openset, depth=5, keys=[str(i) for i in range(20)])
    with pytest.raises(InputError, match="`lists` is empty"):
        merge([])
    with pytest.raises(InputError, match="2 different sets of centroids"):
        merge([lists, scan(centroids[:2], openset, depth=5)])
    with pytest.raises(InputError, match="Some lists have keys and some have none"):
        merge([lists, keyed])
    with pytest.raises(InputError, match="stands more than once in the lists"):
        merge([keyed, keyed])
    with pytest.raises(InputError, match="made with other centroids"):
        select_coreset(centroids[:2], lists, budget=3)
    with pytest.raises(InputError, match="belong to `scan`"):
        select_coreset(centroids, lists, budget=3, exclude=[1])
    with pytest.raises(InputError, match="`depth` is 0"):
        scan(centroids, openset, depth=0)
    select_coreset(centroids, openset, budget=3).save(tmp_path)
    with pytest.raises(ArtefactError, match="holds no candidate lists"):
        CandidateLists.load(tmp_path / "trace.parquet")
