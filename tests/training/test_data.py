"""The loader: groups of views, any number of workers, any starting step."""

import multiprocessing

import pytest
import torch

from simcore.images import MultiViews, TwoViews, ViewSettings
from simcore.training import BatchStream
from simcore.training.data import stream_views


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_views_are_those_of_the_images_of_the_step(store, views, workers):
    stream = BatchStream(len(store), batch_size=5, seed=2)
    batches = list(stream_views(store, views, stream, steps=range(3, 9), workers=workers))
    assert len(batches) == 6
    for step, (group,) in zip(range(3, 9), batches, strict=True):
        assert group.shape == (2, 5, 3, 16, 16)
        for row, position in enumerate(stream.batch(step)):
            expected = views(store.compact(position), step=step, key=store.keys[position])
            assert torch.equal(group[:, row], expected)


def test_groups_of_different_sizes_stay_apart(store):
    views = MultiViews(((ViewSettings(image_size=16), 2), (ViewSettings(image_size=8), 4)), seed=0)
    stream = BatchStream(len(store), batch_size=6, seed=0)
    large, small = next(stream_views(store, views, stream, steps=range(1, 2), workers=0))
    assert large.shape == (2, 6, 3, 16, 16)
    assert small.shape == (4, 6, 3, 8, 8)


def test_workers_end_with_the_iterator(store):
    views = TwoViews(ViewSettings(image_size=16), seed=0)
    stream = BatchStream(len(store), batch_size=6, seed=0)
    iterator = stream_views(store, views, stream, steps=range(1, 1000), workers=2)
    next(iterator)
    assert len(multiprocessing.active_children()) == 2
    del iterator
    assert multiprocessing.active_children() == []


def test_the_global_generator_is_not_drawn_from(store, views):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    list(stream_views(store, views, BatchStream(len(store), batch_size=5, seed=2), steps=range(1, 4), workers=1))
    assert torch.equal(torch.rand(2), expected)
