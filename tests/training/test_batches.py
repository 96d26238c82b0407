"""Batches as a function of (seed, step)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.training import BatchStream
from simcore.training.batches import Share


@given(n=st.integers(1, 60), share=st.floats(0.01, 1), seed=st.integers(0, 2**32), epoch=st.integers(0, 3))
def test_an_epoch_holds_no_image_twice(n, share, seed, epoch):
    stream = BatchStream(n, batch_size=max(1, int(share * n)), seed=seed)
    first = epoch * stream.steps_per_epoch
    batches = [stream.batch(first + place) for place in range(1, stream.steps_per_epoch + 1)]
    images = np.concatenate(batches)
    assert all(len(batch) == stream.batch_size for batch in batches)
    assert len(np.unique(images)) == len(images)
    assert images.min() >= 0
    assert images.max() < n
    assert n - len(images) < stream.batch_size


@given(
    n=st.integers(8, 80),
    share=st.floats(0.01, 1),
    processes=st.integers(1, 3),
    passes=st.integers(1, 2),
    epoch=st.integers(0, 2),
)
def test_without_dropping_every_image_but_a_rest_comes_once(n, share, processes, passes, epoch):
    parts = processes * passes
    batch_size = max(2 * parts, int(share * n) // parts * parts)
    if batch_size > n:
        return
    stream = BatchStream(n, batch_size=batch_size, seed=0, drop_last=False, parts=parts)
    first = epoch * stream.steps_per_epoch
    steps = range(first + 1, first + stream.steps_per_epoch + 1)
    images = np.concatenate([stream.batch(step) for step in steps])
    assert len(np.unique(images)) == len(images)
    assert n - len(images) < 2 * parts
    for step in steps:
        batch = stream.batch(step)
        assert len(batch) == stream.size(step)
        shares = [Share(rank=rank, processes=processes, passes=passes) for rank in range(processes)]
        taken = [one.part(batch, number) for one in shares for number in range(passes)]
        assert {len(part) for part in taken} == {len(batch) // parts}
        assert min(len(part) for part in taken) >= 2
        assert np.array_equal(np.concatenate(taken), batch)
        assert np.array_equal(np.concatenate([one.whole(batch) for one in shares]), batch)


def test_a_batch_that_is_no_multiple_of_its_parts_is_refused():
    with pytest.raises(InputError, match="must be a multiple of its 4 parts"):
        BatchStream(20, batch_size=10, seed=0, parts=4)


@given(steps=st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_a_batch_does_not_depend_on_those_asked_before(steps):
    stream = BatchStream(17, batch_size=5, seed=1)
    for step in steps:
        assert np.array_equal(stream.batch(step), BatchStream(17, batch_size=5, seed=1).batch(step))


def test_epochs_and_seeds_differ():
    stream = BatchStream(50, batch_size=50, seed=0)
    assert not np.array_equal(stream.batch(1), stream.batch(2))
    assert not np.array_equal(stream.batch(1), BatchStream(50, batch_size=50, seed=1).batch(1))


def test_every_image_is_equally_often_in_the_dropped_tail():
    """300 epochs of 10 images in batches of 4: each image is left out 60 times on average."""
    stream = BatchStream(10, batch_size=4, seed=0)
    seen = np.bincount(np.concatenate([stream.batch(step) for step in range(1, 601)]), minlength=10)
    assert seen.sum() == 2400
    assert abs(seen - 240).max() < 40


def test_the_stream_is_pinned():
    """Batches of a stored run must come out the same in every version."""
    assert BatchStream(10, batch_size=5, seed=7).batch(3).tolist() == [7, 9, 6, 1, 4]


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_fits_the_data(batch_size):
    with pytest.raises(InputError, match="between 1 and 10"):
        BatchStream(10, batch_size=batch_size, seed=0)
