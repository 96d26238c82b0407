import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812

from simcore.errors import InputError
from simcore.images import ImageStore, MultiViews, TwoViews, ViewSettings, read_source
from simcore.images.views import view_seed

SMALL = ViewSettings(image_size=12)


class Views(Dataset):
    """What is drawn of a store's images, by (step, position)."""

    def __init__(self, store: ImageStore, draw: TwoViews | MultiViews) -> None:
        self.store = store
        self.draw = draw

    def __getitem__(self, pair: tuple[int, int]) -> torch.Tensor | tuple[torch.Tensor, ...]:
        step, position = pair
        return self.draw(self.store.compact(position), step=step, key=self.store.keys[position])


@pytest.fixture
def store(plant, noise, encode) -> ImageStore:
    root = plant(*(f"{number}.png" for number in range(4)))
    for number in range(4, 8):
        (root / f"{number}.png").write_bytes(encode(noise(20, 25, seed=number)))
    return ImageStore(read_source(root).manifest)


def test_two_views_are_two_draws_of_bytes(noise) -> None:
    views = TwoViews(SMALL, seed=0)(np.asarray(noise(30, 20)), step=0, key="a")
    assert views.shape == (2, 3, 12, 12)
    assert views.dtype == torch.uint8
    assert not torch.equal(views[0], views[1])


def test_seed_step_and_key_all_count_and_nothing_else(noise) -> None:
    image = np.asarray(noise(30, 20))
    first = TwoViews(SMALL, seed=0)(image, step=3, key="a")
    torch.manual_seed(5)
    random.seed(5)
    assert torch.equal(TwoViews(SMALL, seed=0)(image, step=3, key="a"), first)
    for seed, step, key in ((1, 3, "a"), (0, 4, "a"), (0, 3, "b"), (0, 3, "ä/b c")):
        assert not torch.equal(TwoViews(SMALL, seed=seed)(image, step=step, key=key), first)
    assert not torch.equal(
        TwoViews(SMALL, seed=1)(image, step=11, key="a"), TwoViews(SMALL, seed=11)(image, step=1, key="a")
    )


def test_the_random_state_of_the_process_is_left_alone(noise) -> None:
    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002 (the global state is the point)
    TwoViews(SMALL, seed=0)(np.asarray(noise(30, 20)), step=0, key="a")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002


def test_pinned() -> None:
    image = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3).astype(np.uint8)
    settings_ = ViewSettings(image_size=4, jitter=0, grayscale=0)
    view = TwoViews(settings_, seed=7)(image, step=1, key="wren.jpg")[0]
    assert view[0].tolist() == [
        [114, 140, 152, 140],
        [111, 112, 133, 155],
        [121, 109, 102, 124],
        [149, 137, 124, 113],
    ]


@given(seed=st.integers(0, 10**6), size=st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_a_grey_image_gives_the_views_of_its_three_channels(noise, *, seed: int, size: int) -> None:
    grey = np.asarray(noise(17, 23, mode="L", seed=seed))
    views = MultiViews(((ViewSettings(image_size=size, jitter=1.0), 3), (SMALL, 1)), seed=seed)
    compact = views(grey, step=0, key="a")
    colour = views(np.repeat(grey[:, :, None], 3, axis=2), step=0, key="a")
    for fast, slow in zip(compact, colour, strict=True):
        assert torch.equal(fast, slow)


def test_views_are_torchvisions_under_the_seed_of_the_call(noise) -> None:
    """A twin written out: the same transforms, torch seeded by hand."""
    image = noise(40, 33)
    settings_ = ViewSettings(image_size=16, scale=(0.3, 0.9), interpolation="bicubic", hue=0.1, grayscale=0.5)
    twin = v2.Compose(
        [
            v2.RandomResizedCrop(16, scale=(0.3, 0.9), interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.1)], p=0.8),
            v2.RandomGrayscale(0.5),
        ]
    )
    for step in range(8):
        drawn = TwoViews(settings_, seed=0)(np.asarray(image), step=step, key="a")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(view_seed(seed=0, step=step, key="a"))
            expected = [np.asarray(twin(image)) for _ in range(2)]
        np.testing.assert_array_equal(drawn.permute(0, 2, 3, 1).numpy(), np.stack(expected))


def test_jitter_is_torchvisions_in_the_order_drawn(noise) -> None:
    """Each change alone equals torchvision's with the same factor; found by searching the factor's range."""
    image = noise(14, 14)
    whole = {
        "image_size": 14,
        "scale": (1.0, 1.0),
        "ratio": (1.0, 1.0),
        "flip": 0.0,
        "grayscale": 0.0,
        "jitter": 1.0,
    }
    none = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    twins = {
        "brightness": (0.8, F.adjust_brightness, 1),
        "contrast": (0.8, F.adjust_contrast, 1),
        "saturation": (0.8, F.adjust_saturation, 1),
        "hue": (0.2, F.adjust_hue, 0),
    }
    for name, (strength, twin, centre) in twins.items():
        settings_ = ViewSettings(**whole, **(none | {name: strength}))
        candidates = [np.asarray(twin(image, centre + strength * (i / 500 - 1))) for i in range(1001)]
        for step in range(5):
            view = TwoViews(settings_, seed=0)(np.asarray(image), step=step, key="a")[0].permute(1, 2, 0).numpy()
            closest = min(np.abs(view.astype(int) - candidate).max() for candidate in candidates)
            assert closest <= 1, name
    identity = TwoViews(ViewSettings(**whole, **none), seed=0)(np.asarray(image), step=0, key="a")[0]
    np.testing.assert_array_equal(identity.permute(1, 2, 0).numpy(), np.asarray(image))


def test_probabilities(noise) -> None:
    image = np.asarray(noise(16, 16))
    plain = {"image_size": 16, "scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    views = MultiViews(((ViewSettings(**plain, flip=0.5, jitter=0.8, grayscale=0.2), 4000),), seed=0)
    drawn = views(image, step=0, key="a")[0].permute(0, 2, 3, 1).numpy()
    grey = (drawn[..., 0] == drawn[..., 1]).all(axis=(1, 2)) & (drawn[..., 1] == drawn[..., 2]).all(axis=(1, 2))
    untouched = (drawn == image).all(axis=(1, 2, 3))
    mirrored = (drawn == image[:, ::-1]).all(axis=(1, 2, 3))
    for count, probability in ((grey.sum(), 0.2), (untouched.sum(), 0.2 * 0.8 * 0.5), (mirrored.sum(), 0.08)):
        assert stats.binomtest(int(count), 4000, probability).pvalue > 1e-3


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_batches_and_resumption_do_not_matter(store: ImageStore, workers: int) -> None:
    dataset = Views(store, TwoViews(SMALL, seed=3))
    pairs = [(step, position) for step in range(3) for position in (7, 2, 0, 5)]
    expected = torch.stack([dataset[pair] for pair in pairs])
    loader = DataLoader(dataset, batch_sampler=[pairs[:4], pairs[4:8], pairs[8:]], num_workers=workers)
    assert torch.equal(torch.cat(list(loader)), expected)
    resumed = DataLoader(dataset, batch_sampler=[pairs[8:]], num_workers=workers)
    assert torch.equal(torch.cat(list(resumed)), expected[8:])


def test_groups_come_as_a_tuple_and_collate(store: ImageStore) -> None:
    views = MultiViews(((SMALL, 2), (ViewSettings(image_size=6, scale=(0.05, 0.2)), 4)), seed=0)
    batch = next(iter(DataLoader(Views(store, views), batch_sampler=[[(0, 1), (0, 6), (0, 2)]])))
    assert [tuple(group.shape) for group in batch] == [(3, 2, 3, 12, 12), (3, 4, 3, 6, 6)]


def test_groups_without_views() -> None:
    for groups in ((), ((SMALL, 2), (SMALL, 0))):
        with pytest.raises(InputError, match="`groups` is"):
            MultiViews(groups, seed=0)


def test_the_repr_tells_all_settings() -> None:
    assert repr(TwoViews(ViewSettings(hue=0.1), seed=3)) != repr(TwoViews(ViewSettings(), seed=3))
    assert repr(TwoViews(SMALL, seed=3)) == repr(TwoViews(ViewSettings(image_size=12), seed=3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 0}, "`image_size` is 0"),
        ({"scale": (0.0, 1.0)}, "`scale` is"),
        ({"scale": (0.5, 0.2)}, "`scale` is"),
        ({"scale": (0.5, 1.2)}, "`scale` is"),
        ({"ratio": (2.0, 1.0)}, "`ratio` is"),
        ({"interpolation": "nearest"}, "`interpolation` is 'nearest'"),
        ({"flip": 1.5}, "`flip` is 1.5"),
        ({"jitter": -0.1}, "`jitter` is -0.1"),
        ({"grayscale": 2}, "`grayscale` is 2"),
        ({"contrast": -1}, "`contrast` is -1"),
        ({"hue": 0.6}, "`hue` is 0.6"),
        ({"crop": "center"}, "`crop` is 'center'; allowed are 'random' and 'centre'"),
        ({"rand_augment": (0, 10)}, r"`rand_augment` is \(0, 10\)"),
        ({"rand_augment": (2, 31)}, "a magnitude from 0 to 30"),
        ({"rand_augment": [2, 10]}, "it must be a pair"),
    ],
)
def test_settings_out_of_range(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ViewSettings(**changes)


def test_weak_and_strong_views_are_torchvisions_in_one_stream_of_draws(noise) -> None:
    """A twin written out: crop, flip, then RandAugment; the next group goes on with the same generator."""
    image = noise(40, 33)
    plain = {"image_size": 16, "jitter": 0.0, "grayscale": 0.0}
    weak, strong, centred = (
        ViewSettings(**plain, **more) for more in ({}, {"rand_augment": (2, 10)}, {"crop": "centre"})
    )
    crop = v2.RandomResizedCrop(16, scale=(0.2, 1.0), antialias=True)
    # Of no probability, but each draws a number.
    rest = [v2.RandomApply([v2.Identity()], p=0.0), v2.RandomGrayscale(0.0)]
    twins = (
        v2.Compose([crop, v2.RandomHorizontalFlip(0.5), *rest]),
        v2.Compose([crop, v2.RandomHorizontalFlip(0.5), v2.RandAugment(2, 10), *rest]),
        v2.Compose([v2.Resize(18, antialias=True), v2.CenterCrop(16), v2.RandomHorizontalFlip(0.5), *rest]),
    )
    views = MultiViews(((weak, 1), (strong, 2), (centred, 1)), seed=0)
    for step in range(12):
        drawn = torch.cat(views(np.asarray(image), step=step, key="a"))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(view_seed(seed=0, step=step, key="a"))
            expected = [np.asarray(twins[place](image)) for place in (0, 1, 1, 2)]
        np.testing.assert_array_equal(drawn.permute(0, 2, 3, 1).numpy(), np.stack(expected))


@given(seed=st.integers(0, 10**6), operations=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_rand_augment_of_a_grey_image_is_that_of_its_three_channels(noise, *, seed: int, operations: int) -> None:
    grey = np.asarray(noise(17, 23, mode="L", seed=seed))
    views = MultiViews(((ViewSettings(image_size=12, jitter=0.0, rand_augment=(operations, 10)), 4),), seed=seed)
    compact = views(grey, step=0, key="a")[0]
    colour = views(np.repeat(grey[:, :, None], 3, axis=2), step=0, key="a")[0]
    assert torch.equal(compact, colour)


def test_a_centred_view_is_the_middle_or_its_mirror(noise) -> None:
    """224 pixels of 256: the crop of the published test images."""
    image = np.asarray(noise(256, 300))
    settings_ = ViewSettings(crop="centre", jitter=0.0, grayscale=0.0)
    drawn = MultiViews(((settings_, 8),), seed=0)(image, step=0, key="a")[0].permute(0, 2, 3, 1).numpy()
    left = round((image.shape[1] - 224) / 2)
    top = round((image.shape[0] - 224) / 2)
    middle = image[top : top + 224, left : left + 224]
    mirrored = [np.array_equal(view, middle[:, ::-1]) for view in drawn]
    assert all(flipped or np.array_equal(view, middle) for flipped, view in zip(mirrored, drawn, strict=True))
    assert 0 < sum(mirrored) < 8


def test_the_repr_of_views_without_what_came_later_is_as_it_was() -> None:
    """It is part of the fingerprint of runs."""
    assert repr(ViewSettings(image_size=12)) == (
        "ViewSettings(image_size=12, scale=(0.2, 1.0), ratio=(0.75, 1.3333333333333333), interpolation='bilinear', "
        "flip=0.5, jitter=0.8, brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, grayscale=0.2)"
    )
    assert repr(ViewSettings(rand_augment=(2, 10))).endswith("grayscale=0.2, rand_augment=(2, 10))")
    assert repr(ViewSettings(crop="centre")).endswith("grayscale=0.2, crop='centre')")
