from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.selection import candidates
from simcore.selection.candidates import PairBuffer, sort_lists


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_lists_are_sorted_by_score_then_rank(lengths, seed, near, ranked):
    rng = np.random.default_rng(seed)
    total = sum(lengths)
    # On the grid of similarities; near ties differ in the last bits only, as no shorter key can tell.
    scores = rng.integers(-(2**52), 2**52, size=total) * 2.0**-52
    if near:
        scores = 0.5 + rng.integers(0, 3, size=total) * 2.0**-52
    positions = np.concatenate([np.sort(rng.permutation(100)[:n]) for n in lengths] or [[]]).astype(np.int32)
    ranks = rng.permutation(100) if ranked else None
    start, expected = 0, []
    for length in lengths:
        part = slice(start, start + length)
        tie = positions[part] if ranks is None else ranks[positions[part]]
        expected += [(start + int(i)) for i in np.lexsort((tie, -scores[part]))]
        start += length
    wanted = positions[expected].tolist(), scores[expected].tolist()
    sort_lists(np.array(lengths), positions, scores, ranks=ranks)
    assert (positions.tolist(), scores.tolist()) == wanted


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_buffer_keeps_the_best_whatever_it_had_to_drop(data):
    n_lists = data.draw(st.integers(1, 4))
    depths = np.array(data.draw(st.lists(st.integers(1, 8), min_size=n_lists, max_size=n_lists)))
    limit = data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    floors = np.full(n_lists, -np.inf)
    buffer = PairBuffer(depths, floors, ranks=None, limit=limit)
    everything = [[] for _ in range(n_lists)]
    position = 0
    for _ in range(data.draw(st.integers(1, 8))):
        lengths = rng.integers(0, 6, size=n_lists)
        positions = np.concatenate([position + np.arange(length) for length in lengths])
        position += 6
        scores = rng.integers(0, 5, size=lengths.sum()) / 4
        for q, part in enumerate(np.split(np.stack([-scores, positions], axis=1), np.cumsum(lengths)[:-1])):
            everything[q] += part.tolist()
        buffer.add(lengths, positions, scores)
    starts, lengths, positions, scores = buffer.lists()
    for q, pairs in enumerate(everything):
        part = slice(starts[q], starts[q] + lengths[q])
        got = np.stack([-scores[part], positions[part]], axis=1).tolist()
        assert got == sorted(pairs)[: len(got)]
        assert len(got) >= min(depths[q], len(pairs))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_long_and_short_runs_are_sorted_alike(seed, n_lists, n_parts, ranked):
    results = []
    for long_run in (0, 10**9):
        rng = np.random.default_rng(seed)
        ranks = rng.permutation(100) if ranked else None
        with mock.patch.object(candidates, "_LONG_RUN", long_run):
            buffer = PairBuffer(np.full(n_lists, 9), np.full(n_lists, -np.inf), ranks=ranks, limit=10**6)
            for part in range(n_parts):
                lengths = rng.integers(0, 5, size=n_lists)
                positions = np.concatenate([5 * part + np.arange(length) for length in lengths])
                buffer.add(lengths, positions, rng.integers(-2, 3, size=lengths.sum()) / 2)
            results.append([part.tolist() for part in buffer.lists()])
    assert results[0] == results[1]
