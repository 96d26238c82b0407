import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812

from simcore.images.crops import _UNIT, _weights, crop_and_resize


@st.composite
def boxes_in(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return (height, width), (top, left, draw(st.integers(1, height - top)), draw(st.integers(1, width - left)))


def crop_one(image: np.ndarray, box: tuple[int, int, int, int], *, flip: bool, **settings_) -> torch.Tensor:
    return crop_and_resize(torch.from_numpy(image)[None], torch.tensor([[box]]), torch.tensor([[flip]]), **settings_)[
        0, 0
    ]


@given(
    sizes=boxes_in(),
    size=st.integers(1, 40),
    flip=st.booleans(),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=200)
def test_it_is_torchvisions_resized_crop(noise, *, sizes, size, flip, interpolation, seed) -> None:
    (height, width), box = sizes
    # Pillow takes first the axis that spares it more work, and cuts between the two what a cubic throws beyond black or
    # white: there the orders differ by some levels. Cubics throw by less than a seventh of the range.
    image = noise(width, height, seed=seed).point(lambda level: 32 + level * 3 // 4)
    mode = v2.InterpolationMode(interpolation)
    twin = torch.from_numpy(np.array(F.resized_crop(image, *box, [size, size], interpolation=mode))).permute(2, 0, 1)
    ours = crop_one(np.array(image), box, flip=flip, image_size=size, interpolation=interpolation)
    difference = (ours - (twin.flip(-1) if flip else twin)).abs()
    assert difference.max() <= 2
    if difference.numel() > 500:
        assert (difference > 1).float().mean() < 0.02
        assert difference.mean() < 0.2


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pure_noise_stays_within_two_levels(interpolation: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 410, 3), dtype=np.uint8)
    twin = v2.InterpolationMode(interpolation)
    box = (20, 33, 260, 300)
    for size in (32, 224, 400):
        expected = F.resized_crop(
            torch.from_numpy(image).permute(2, 0, 1), *box, [size, size], interpolation=twin, antialias=True
        )
        difference = (crop_one(image, box, flip=False, image_size=size, interpolation=interpolation) - expected).abs()
        assert difference.max() <= 2
        assert difference.mean() < 0.1


@given(sizes=boxes_in(), size=st.integers(1, 40), cubic=st.booleans(), flip=st.booleans())
@settings(deadline=None)
def test_weights_are_whole_add_up_and_stay_in_the_box(*, sizes, size: int, cubic: bool, flip: bool) -> None:
    (height, _), (top, _, box_height, _) = sizes
    weights = _weights(
        torch.tensor([top]),
        torch.tensor([box_height]),
        torch.tensor([flip]),
        whole=height,
        size=size,
        cubic=cubic,
    )[0]
    assert (weights == weights.round()).all()
    assert (weights.sum(dim=1) == _UNIT).all()
    assert not weights[:, :top].any()
    assert not weights[:, top + box_height :].any()


@given(data=st.data(), extra=st.integers(0, 9), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_neither_padding_nor_the_batch_change_a_bit(data, *, extra: int, seed: int) -> None:
    (height, width), box = data.draw(boxes_in())
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    alone = crop_one(image, box, flip=False, image_size=13)
    padded = generator.integers(0, 256, (5, height + extra, width + 2 * extra, 3), dtype=np.uint8)
    padded[3, :height, :width] = image
    boxes = torch.tensor([[box, (0, 0, height, width)]] * 5)
    flips = torch.zeros(5, 2, dtype=torch.bool)
    together = crop_and_resize(torch.from_numpy(padded), boxes, flips, image_size=13)
    assert torch.equal(together[3, 0], alone)


def test_grey_is_one_channel_of_colour(noise) -> None:
    grey = np.array(noise(31, 23, mode="L"))
    box = (2, 3, 20, 25)
    one = crop_one(grey[..., None], box, flip=True, image_size=9)
    three = crop_one(np.repeat(grey[..., None], 3, axis=2), box, flip=True, image_size=9)
    assert one.shape == (1, 9, 9)
    assert torch.equal(one.expand(3, -1, -1), three)


def test_autocast_around_it_changes_nothing(noise) -> None:
    image = np.array(noise(31, 23))
    plain = crop_one(image, (0, 0, 23, 31), flip=False, image_size=17)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(crop_one(image, (0, 0, 23, 31), flip=False, image_size=17), plain)
