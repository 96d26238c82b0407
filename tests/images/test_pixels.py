import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from simcore.errors import InputError
from simcore.images import ImageStore, build_manifest, eval_batches, eval_pixels, read_source
from simcore.images.pixels import _resize_and_crop


@pytest.fixture
def store(plant, noise, encode) -> ImageStore:
    root = plant("grey.png")
    for number, (width, height) in enumerate([(40, 30), (30, 40), (16, 16), (33, 47), (9, 70), (16, 100)]):
        (root / f"{number}.png").write_bytes(encode(noise(width, height, seed=number)))
    return ImageStore(read_source(root).manifest)


@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    size=st.integers(1, 40),
    ratio=st.sampled_from([1.0, 8 / 7, 1.5]),
    grey=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_it_is_torchvisions_resize_and_centre_crop(noise, *, width, height, size, ratio, grey) -> None:
    if max(width, height) > 8 * min(width, height):
        width = height
    image = noise(width, height, mode="L" if grey else "RGB")
    twin = v2.Compose([v2.Resize(round(size * ratio), antialias=True), v2.CenterCrop(size)])(image)
    ours = _resize_and_crop(np.asarray(image), side=round(size * ratio), image_size=size)
    np.testing.assert_allclose(ours, np.asarray(twin), atol=0 if grey else 2)


@pytest.mark.parametrize("shape", [(3, 400), (400, 3), (1, 9)])
def test_very_long_images_show_their_middle_without_being_blown_up(shape: tuple[int, int]) -> None:
    ramp = np.linspace(0, 255, max(shape)).astype(np.uint8)
    image = np.broadcast_to(ramp if shape[1] > shape[0] else ramp[:, None], shape)
    crop = _resize_and_crop(image, side=24, image_size=24)
    twin = v2.Compose([v2.Resize(24, antialias=True), v2.CenterCrop(24)])(Image.fromarray(np.ascontiguousarray(image)))
    assert crop.shape == (24, 24)
    assert np.abs(crop.astype(int) - np.asarray(twin).astype(int)).max() <= 3


def test_shape_type_and_rows(store: ImageStore) -> None:
    pixels = eval_pixels(store, image_size=12, resize_ratio=8 / 7)
    assert pixels.shape == (7, 3, 12, 12)
    assert pixels.dtype == torch.uint8
    rows = [5, 0, 6]
    assert torch.equal(eval_pixels(store, image_size=12, resize_ratio=8 / 7, rows=rows), pixels[rows])
    assert torch.equal(eval_pixels(store, image_size=12, resize_ratio=8 / 7, rows=np.array(rows)), pixels[rows])
    assert eval_pixels(store, image_size=12, rows=[]).shape == (0, 3, 12, 12)


def test_grey_has_three_equal_channels(store: ImageStore) -> None:
    grey = eval_pixels(store, image_size=8, rows=[store.keys.tolist().index("grey.png")])[0]
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    colour = eval_pixels(store, image_size=8, rows=[0])[0]
    assert not torch.equal(colour[0], colour[1])


def test_images_of_the_right_size_are_not_touched(store: ImageStore) -> None:
    position = store.keys.tolist().index("2.png")
    expected = torch.from_numpy(store[position].transpose(2, 0, 1).copy())
    assert torch.equal(eval_pixels(store, image_size=16, rows=[position])[0], expected)


@pytest.mark.parametrize("workers", [2, 5, None])
@pytest.mark.parametrize("image_size", [20, 70])
def test_threads_change_nothing(store: ImageStore, image_size: int, workers: int | None) -> None:
    rows = [position % 7 for position in range(40)]
    one = eval_pixels(store, image_size=image_size, rows=rows, workers=1)
    assert torch.equal(eval_pixels(store, image_size=image_size, rows=rows, workers=workers), one)


@pytest.mark.parametrize("arguments", [{"image_size": 0}, {"image_size": 8, "resize_ratio": 0.9}])
def test_settings_out_of_range(store: ImageStore, arguments: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        eval_pixels(store, **arguments)


def test_an_empty_manifest_has_no_pixels() -> None:
    empty = ImageStore(build_manifest([]))
    assert eval_pixels(empty, image_size=4).shape == (0, 3, 4, 4)


@pytest.mark.parametrize("ahead", [0, 1, 2, 10])
def test_batches_are_those_of_the_whole_in_order(store: ImageStore, ahead: int) -> None:
    rows = [[3, 1], [], [6, 0, 3], [5]]
    batches = list(eval_batches(store, rows, image_size=70, resize_ratio=8 / 7, ahead=ahead))
    whole = eval_pixels(store, image_size=70, resize_ratio=8 / 7)
    assert [len(batch) for batch in batches] == [2, 0, 3, 1]
    assert torch.equal(torch.cat(batches), whole[[3, 1, 6, 0, 3, 5]])


@pytest.mark.parametrize("ahead", [0, 2])
def test_batches_are_taken_no_further_ahead_than_asked(store: ImageStore, ahead: int) -> None:
    taken: list[int] = []

    def rows():
        for number in range(6):
            taken.append(number)
            yield [number]

    batches = eval_batches(store, rows(), image_size=8, ahead=ahead)
    for number in range(3):
        next(batches)
        assert len(taken) == number + 1 + ahead
    batches.close()


def test_an_unreadable_image_ends_the_batches(plant) -> None:
    root = plant(*(f"{number}.png" for number in range(6)), root="other")
    other = ImageStore(read_source(root).manifest, cache_gib=0.0)
    (root / "4.png").write_bytes(b"no image any more")
    batches = eval_batches(other, [[0, 1], [2, 3], [4, 5]], image_size=8)
    assert len(next(batches)) == 2
    assert len(next(batches)) == 2
    with pytest.raises(InputError, match=r"'4\.png' at .* cannot be read any more"):
        next(batches)
