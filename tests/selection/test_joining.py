"""Lists of parts joined: a prefix of the order over the whole, as deep as one pass over the whole goes at least."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.selection import candidates, scan
from simcore.selection.candidates import Candidates
from simcore.selection.joining import Joiner
from simcore.selection.passes import Sweep
from simcore.selection.similarity import grid_rows
from simcore.selection.sources import ArraySource
from tests.selection.worlds import pools


@pytest.fixture(autouse=True, scope="module", params=[1, 1 << 14])
def buffers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Cut lists as soon as they are longer than wanted, as large open-sets do, or never."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_MIN_PAIRS", request.param)
        yield


def joined(openset, centroids, *, bounds, depth, floor, keys=None, taken=None, exclude=None):
    """Return the joined lists of the parts of an open-set, each swept by itself."""
    grid = grid_rows(torch.from_numpy(centroids))
    depths, floors = np.full(len(centroids), depth), np.full(len(centroids), floor)
    whole = ArraySource(torch.from_numpy(openset), keys)
    joiner = Joiner(depths, floors, ranks=whole.ranks)
    parts = list(pairwise(bounds))
    for start, stop in [*parts[1::2], *parts[::2]]:
        source = ArraySource(torch.from_numpy(openset[start:stop]), None if keys is None else keys[start:stop])
        own = None if taken is None else taken[(taken >= start) & (taken < stop)] - start
        sweep = Sweep(grid, source, exclude=exclude, block_rows=3)
        joiner.add(sweep.collect(depths, floors, taken=own), start=start)
    return joiner.lists()


@settings(max_examples=100, deadline=None)
@given(pools(), st.data())
def test_joined_lists_are_prefixes_of_the_whole_order(pool, data) -> None:
    openset, centroids = pool
    n = len(openset)
    cuts = data.draw(st.lists(st.integers(1, n), max_size=5), label="cuts")
    bounds = sorted({0, n, *cuts})
    depth = data.draw(st.integers(1, n + 2), label="depth")
    floor = data.draw(st.sampled_from([-np.inf, -0.5, 0.0, 0.7]), label="floor")
    taken = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1), label="taken")), dtype=np.int64)
    keys = None
    if data.draw(st.booleans(), label="keyed"):
        # Keys that fall: ties go to the later position.
        keys = np.array([f"{n - row:03d}" for row in range(n)])
    lists = joined(openset, centroids, bounds=bounds, depth=depth, floor=floor, keys=keys, taken=taken)
    left_out = taken if keys is None else keys[taken]
    if len(left_out) == n:
        return
    whole = scan(centroids, openset, depth=n, keys=keys, exclude=left_out)
    assert (lists.n_rows, lists.n_allowed) == (n, n - len(taken))
    for centroid in range(len(centroids)):
        place = slice(lists.starts[centroid], lists.starts[centroid] + lists.lengths[centroid])
        order, scores = whole.positions[centroid], whole.scores[centroid]
        assert lists.positions[place].tolist() == order[: lists.lengths[centroid]].tolist()
        assert lists.scores[place].tolist() == scores[: lists.lengths[centroid]].tolist()
        assert lists.lengths[centroid] >= min(depth, int((scores >= floor).sum()))


def test_many_parts_take_the_memory_of_few(rng: np.random.Generator) -> None:
    """The pairs that are held never exceed 1.25 times what the lists want, and one part's."""
    openset, centroids = rng.normal(size=(60_000, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    depths, floors = np.full(4, 8_000), np.full(4, -np.inf)
    joiner = Joiner(depths, floors, ranks=None)
    grid, held = grid_rows(torch.from_numpy(centroids)), []
    for start in range(0, 60_000, 10_000):
        part = ArraySource(torch.from_numpy(openset[start : start + 10_000]))
        joiner.add(Sweep(grid, part).collect(depths, floors), start=start)
        held.append(joiner._buffer.count)
    assert max(held) <= 1.25 * 4 * 8_000
    assert (joiner.lists().lengths >= 8_000).all()


@pytest.mark.parametrize(("ranks", "seen", "expected"), [(None, [0, 1], [0, 1]), (np.arange(6)[::-1], [2, 1], [5, 4])])
def test_nothing_is_claimed_below_what_a_part_has_shown(ranks, seen: list[int], expected: list[int]) -> None:
    """Two parts of three equal images each, known two deep: the third one is hidden, so the list ends before it."""
    two = Candidates(np.array([0]), np.array([2]), np.array(seen), np.ones(2), 3, 3)
    joiner = Joiner(np.array([2]), np.array([-np.inf]), ranks=ranks)
    for start in (3, 0):
        joiner.add(two, start=start)
    lists = joiner.lists()
    assert lists.positions[: lists.lengths[0]].tolist() == expected


def test_positions_of_billions_of_rows_do_not_wrap() -> None:
    """The part with the highest positions comes first, one with low ones last."""
    one = Candidates(np.array([0]), np.array([1]), np.array([5]), np.array([0.5]), 10, 10)
    joiner = Joiner(np.array([2]), np.array([-np.inf]), ranks=None)
    for start in (3 * 2**30, 0):
        joiner.add(one, start=start)
    assert joiner.lists().positions.tolist() == [5, 3 * 2**30 + 5]
