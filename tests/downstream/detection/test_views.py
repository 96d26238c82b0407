"""Boxes stay inside their views and around the same pixels, and views are functions of (seed, step, key)."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simcore.downstream.detection import BoxViews, BoxViewSettings, Objects, shown_size
from simcore.errors import InputError

SETTINGS = BoxViewSettings(min_side=40, max_side=64)


def objects(*boxes, width=60, height=50):
    return Objects(np.array(boxes, dtype=float).reshape(-1, 4), np.arange(len(boxes)), width, height)


def painted(box, *, width=60, height=50):
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    return image


@given(
    corner=st.tuples(st.integers(0, 40), st.integers(0, 30)),
    extent=st.tuples(st.integers(8, 20), st.integers(8, 20)),
    seed=st.integers(0, 3),
    step=st.integers(1, 50),
)
def test_a_painted_box_is_found_again_where_the_view_says(corner, extent, seed, step) -> None:
    box = (*corner, corner[0] + extent[0], corner[1] + extent[1])
    views = BoxViews(SETTINGS, {"a": objects(box)}, seed=seed)
    pixels, boxes, size = views(painted(box), step=step, key="a")
    height, width = size[0].tolist()
    left, top, right, bottom, label = boxes[0, 0].tolist()
    assert label == 0
    assert 0 <= left < right <= width + 1e-4
    assert 0 <= top < bottom <= height + 1e-4
    bright = pixels[0, 0].numpy() > 127
    assert not bright[height:].any()
    assert not bright[:, width:].any()
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    # The edge pixel of an enlarged box is half as bright: a pixel of the view either way.
    np.testing.assert_allclose([left, top, right, bottom], seen, atol=1.01)


def test_a_crop_is_drawn_and_a_flip() -> None:
    box = (20, 15, 40, 35)
    views = BoxViews(SETTINGS, {"a": objects(box)}, seed=0)
    drawn = [views(painted(box), step=step, key="a")[1][0, 0].tolist() for step in range(1, 21)]
    assert len({tuple(each) for each in drawn}) == 20
    never = BoxViews(BoxViewSettings(min_side=50, max_side=60, flip=0.0), {"a": objects((0, 0, 60, 50))}, seed=0)
    always = BoxViews(BoxViewSettings(min_side=50, max_side=60, flip=1.0), {"a": objects((0, 0, 60, 50))}, seed=0)
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    straight, mirrored = (views(image, step=1, key="a")[0][0] for views in (never, always))
    # The box fills the image, so the crop is all of it.
    assert torch.equal(straight[:, :50, :60], torch.from_numpy(image.transpose(2, 0, 1).copy()))
    assert torch.equal(straight[:, :50, :60].flip(2), mirrored[:, :50, :60])


def test_all_boxes_of_an_image_stay_whole() -> None:
    given_ = objects((2, 3, 20, 20), (30, 25, 58, 48))
    views = BoxViews(SETTINGS, {"a": given_, "b": objects()}, seed=1)
    image = np.zeros((50, 60), dtype=np.uint8)
    for step in range(1, 30):
        _, boxes, size = views(image, step=step, key="a")
        assert boxes.shape == (1, 2, 5)
        assert (boxes[0, :, :4] >= 0).all()
        assert (boxes[0, :, [0, 2]] <= size[0, 1]).all()
        assert (boxes[0, :, [1, 3]] <= size[0, 0]).all()
        assert sorted(boxes[0, :, 4].tolist()) == [0, 1]
    _, boxes, size = views(image, step=1, key="b")
    assert (boxes == -1).all()
    assert size[0].tolist() == [40, 48]


def test_views_depend_on_seed_step_key_and_image_alone() -> None:
    box = (20, 15, 40, 35)
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)

    def view(*, seed=0, step=1, key="a"):
        return BoxViews(SETTINGS, {key: objects(box)}, seed=seed)(image, step=step, key=key)

    for again, first in zip(view(), view(), strict=True):
        assert torch.equal(again, first)
    for other in (view(seed=1), view(step=2), view(key="b")):
        assert not torch.equal(other[1], view()[1])


def test_an_image_of_reduced_size_keeps_its_boxes() -> None:
    box = (20, 14, 40, 34)
    views = BoxViews(SETTINGS, {"a": objects(box)}, seed=0)
    whole = views(painted(box), step=3, key="a")[1]
    halved = views(painted(box)[::2, ::2], step=3, key="a")[1]
    # Crops end at whole pixels: two of the larger image.
    np.testing.assert_allclose(whole, halved, atol=4)


def test_boxes_are_part_of_a_run() -> None:
    first, other = ({"a": objects((1, 2, 30, 40))}, {"a": objects((1, 2, 30, 41))})
    assert repr(BoxViews(SETTINGS, first, seed=0)) == repr(BoxViews(SETTINGS, dict(first), seed=0))
    assert repr(BoxViews(SETTINGS, first, seed=0)) != repr(BoxViews(SETTINGS, other, seed=0))


@given(width=st.integers(1, 3000), height=st.integers(1, 3000))
def test_sizes_stay_within_their_bounds(width, height) -> None:
    settings = BoxViewSettings(min_side=200, max_side=333)
    shown = shown_size(width, height, settings=settings)
    assert min(shown) <= 200
    assert max(shown) <= 333
    assert min(shown) == 200 or max(shown) == 333


def test_wrong_settings() -> None:
    with pytest.raises(InputError, match="`min_side` is 50 and `max_side` 40"):
        BoxViewSettings(min_side=50, max_side=40)
    with pytest.raises(InputError, match="`flip` is 2"):
        BoxViewSettings(flip=2)
