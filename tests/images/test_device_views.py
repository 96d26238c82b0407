import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F  # noqa: N812

from simcore.errors import InputError
from simcore.images import DeviceViews, ImageStore, MultiViews, ViewSettings, device_views, read_source
from simcore.images.draws import draw_views

LARGE, SMALL = ViewSettings(image_size=24), ViewSettings(image_size=10, scale=(0.05, 0.2))
GROUPS = ((LARGE, 2), (SMALL, 3))


@pytest.fixture
def images(noise) -> list[np.ndarray]:
    """Eight images of different sizes, the last two grey."""
    sizes = [(40, 30), (25, 60), (33, 33), (90, 41), (20, 20), (12, 50)]
    colour = [np.asarray(noise(width, height, seed=number)) for number, (height, width) in enumerate(sizes)]
    return [*colour, np.asarray(noise(30, 40, mode="L", seed=8)), np.asarray(noise(28, 28, mode="L", seed=9))]


def names(images: list) -> list[str]:
    return [f"{number}.png" for number in range(len(images))]


def slow_view(image: np.ndarray, draws, settings_: ViewSettings, row: int, view: int) -> torch.Tensor:
    """Return one view by torchvision's functions, from the same numbers: uint8 (3, s, s)."""
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    result = F.resized_crop(
        torch.from_numpy(colour.transpose(2, 0, 1).copy()),
        *draws.boxes[row, view].tolist(),
        [settings_.image_size] * 2,
        interpolation=v2.InterpolationMode(settings_.interpolation),
        antialias=True,
    )
    if draws.flip[row, view]:
        result = F.horizontal_flip(result)
    result = result.float() / 255
    if draws.jitter[row, view]:
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for number in draws.order[row, view]:
            result = changes[number](result, float(draws.factors[row, view, number]))
    if draws.grey[row, view]:
        result = F.rgb_to_grayscale(result, num_output_channels=3)
    return (result * 255).round().to(torch.uint8)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_each_view_is_torchvisions_from_the_same_numbers(images, interpolation: str) -> None:
    """Nearly all pixels within a level: one of the crop, which brightness, contrast and saturation may multiply.

    Hue turns a level of difference between nearly equal channels into another colour of the same faint saturation.
    """
    groups = ((ViewSettings(image_size=24, interpolation=interpolation), 2), (SMALL, 3))
    sizes = np.array([image.shape[:2] for image in images])
    differences = []
    for step in range(4):
        views = DeviceViews(groups, seed=5)(images, step=step, keys=names(images), device="cpu")
        drawn = draw_views(groups, sizes, seed=5, step=step, keys=names(images))
        for (settings_, count), draws, group in zip(groups, drawn, views, strict=True):
            for row, image in enumerate(images):
                for view in range(count):
                    twin = slow_view(image, draws, settings_, row, view).int()
                    differences.append((group[view, row].int() - twin).abs().flatten())
    found = torch.cat(differences)
    assert found.max() <= 12
    assert (found > 1).float().mean() < 2e-3
    assert found.float().mean() < 0.08


def test_colours_are_torchvisions_to_the_level(images) -> None:
    """The crops are taken from here, so that colours alone are compared."""
    plain = {"image_size": 16, "jitter": 0.0, "grayscale": 0.0}
    keys, sizes = names(images), np.array([image.shape[:2] for image in images])
    for step in range(6):
        settings_ = ViewSettings(image_size=16, jitter=1.0, grayscale=0.3)
        views = DeviceViews(((settings_, 2),), seed=0)(images, step=step, keys=keys, device="cpu")[0]
        crops = DeviceViews(((ViewSettings(**plain), 2),), seed=0)(images, step=step, keys=keys, device="cpu")[0]
        draws = draw_views(((settings_, 2),), sizes, seed=0, step=step, keys=keys)[0]
        whole = np.zeros_like(draws.boxes)
        whole[..., 2:] = 16
        untouched = type(draws)(**{**vars(draws), "boxes": whole, "flip": np.zeros_like(draws.flip)})
        for row in range(len(images)):
            for view in range(2):
                twin = slow_view(crops[view, row].permute(1, 2, 0).numpy(), untouched, settings_, row, view)
                assert (views[view, row].int() - twin.int()).abs().max() <= 1


def test_shapes_types_and_grey(images) -> None:
    large, small = DeviceViews(GROUPS, seed=0)(images, step=0, keys=names(images), device="cpu")
    assert large.shape == (2, 8, 3, 24, 24)
    assert small.shape == (3, 8, 3, 10, 10)
    assert large.dtype == small.dtype == torch.uint8
    assert not torch.equal(large[0], large[1])
    assert torch.equal(large[:, 6:, 0], large[:, 6:, 1])
    assert torch.equal(large[:, 6:, 0], large[:, 6:, 2])


@given(st.permutations(range(8)), st.integers(1, 8), st.sampled_from([1, 20_000, 2**27]))
@settings(deadline=None, max_examples=25)
def test_neither_the_batch_nor_its_order_nor_its_parts_matter(noise, order: list[int], count: int, values: int) -> None:
    sizes = [(40, 30), (25, 60), (33, 33), (90, 41), (20, 20), (12, 50)]
    every = [np.asarray(noise(width, height, seed=number)) for number, (height, width) in enumerate(sizes)]
    every += [np.asarray(noise(30, 40, mode="L", seed=8)), np.asarray(noise(28, 28, mode="L", seed=9))]
    views = DeviceViews(GROUPS, seed=0)
    whole = views(every, step=0, keys=names(every), device="cpu")
    rows = order[:count]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_views, "_MOST_VALUES", values)
        part = views([every[row] for row in rows], step=0, keys=[names(every)[row] for row in rows], device="cpu")
    for one, other in zip(part, whole, strict=True):
        difference = (one.int() - other[:, rows].int()).abs()
        assert difference.max() <= 1
        assert difference.float().mean() < 1e-3


def test_without_colour_the_batch_does_not_change_a_bit(images) -> None:
    groups = ((ViewSettings(image_size=16, jitter=0.0, grayscale=0.0, interpolation="bicubic"), 2),)
    views = DeviceViews(groups, seed=0)
    whole = views(images, step=0, keys=names(images), device="cpu")[0]
    for row, (image, key) in enumerate(zip(images, names(images), strict=True)):
        assert torch.equal(views([image], step=0, keys=[key], device="cpu")[0][:, 0], whole[:, row])


def test_seed_step_and_key_all_count_and_nothing_else(images) -> None:
    first = DeviceViews(GROUPS, seed=0)(images[:1], step=3, keys=["a"], device="cpu")[0]
    state = torch.get_rng_state()
    assert torch.equal(DeviceViews(GROUPS, seed=0)(images[:1], step=3, keys=["a"], device="cpu")[0], first)
    assert torch.equal(torch.get_rng_state(), state)
    for seed, step, key in ((1, 3, "a"), (0, 4, "a"), (0, 3, "b")):
        other = DeviceViews(GROUPS, seed=seed)(images[:1], step=step, keys=[key], device="cpu")[0]
        assert not torch.equal(other, first)


def test_mean_and_spread_are_those_of_the_cpu_views(noise) -> None:
    image = np.asarray(noise(48, 40, seed=3))
    groups = ((ViewSettings(image_size=8), 1500),)
    ours = DeviceViews(groups, seed=0)([image], step=0, keys=["a"], device="cpu")[0][:, 0].float()
    theirs = MultiViews(groups, seed=1)(image, step=0, key="a")[0].float()
    for one, other in (
        (ours.mean(dim=(1, 2, 3)), theirs.mean(dim=(1, 2, 3))),
        (ours.std((1, 2, 3)), theirs.std((1, 2, 3))),
    ):
        error = (one.var() / len(one) + other.var() / len(other)).sqrt()
        assert (one.mean() - other.mean()).abs() < 4 * error
        assert 0.85 < one.std() / other.std() < 1.18


def test_images_on_the_device_give_the_same_views(images, tmp_path, encode) -> None:
    for key, image in zip(names(images), images, strict=True):
        (tmp_path / key).write_bytes(encode(Image.fromarray(image)))
    store = ImageStore(read_source(tmp_path).manifest)
    there = store.on_device("cpu")
    views = DeviceViews(GROUPS, seed=0)
    rows = [5, 0, 7, 3]
    keys = [store.keys[row] for row in rows]
    copied = views([store.compact(row) for row in rows], step=1, keys=keys, device="cpu")
    resident = views([there.compact(row) for row in rows], step=1, keys=keys, device="cpu")
    for one, other in zip(copied, resident, strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a GPU with the CPU")
def test_a_gpu_makes_the_same_crops_and_nearly_the_same_colours(images) -> None:
    plain = ((ViewSettings(image_size=24, jitter=0.0, grayscale=0.0), 2),)
    for groups, most in ((plain, 0), (GROUPS, 1)):
        here = DeviceViews(groups, seed=0)(images, step=0, keys=names(images), device="cpu")
        there = DeviceViews(groups, seed=0)(images, step=0, keys=names(images), device="cuda")
        for one, other in zip(here, there, strict=True):
            assert (one.int() - other.cpu().int()).abs().max() <= most


def test_wrong_groups_and_keys(images) -> None:
    for groups in ((), ((LARGE, 2), (LARGE, 0))):
        with pytest.raises(InputError, match="`groups` is"):
            DeviceViews(groups, seed=0)
    with pytest.raises(InputError, match="8 images with 1 `keys`"):
        DeviceViews(GROUPS, seed=0)(images, step=0, keys=["a"], device="cpu")


@pytest.mark.parametrize("more", [{"rand_augment": (2, 10)}, {"crop": "centre"}])
def test_what_workers_alone_draw_is_refused(more) -> None:
    with pytest.raises(InputError, match="which are drawn by workers only; use `MultiViews`"):
        DeviceViews(((ViewSettings(image_size=8), 1), (ViewSettings(image_size=8, **more), 1)), seed=0)
