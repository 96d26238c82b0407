"""Image and mask are cut alike: the mask is painted from the image and found again after the view."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simcore.downstream.segmentation import IGNORED, CropSettings, JointViews, Masks, centre_view
from simcore.errors import InputError
from tests.downstream.segmentation.worlds import ellipse


def masks_of(inside: np.ndarray) -> Masks:
    buffer = io.BytesIO()
    Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).save(buffer, format="PNG")
    return Masks({"a": buffer.getvalue()}, {"a": "probability"})


def picture_of(inside: np.ndarray) -> np.ndarray:
    """Return an image whose red says what is inside, and whose green says that there is an image."""
    return np.stack([inside, np.ones_like(inside), np.zeros_like(inside)], axis=-1).astype(np.uint8) * 255


@settings(max_examples=40, deadline=None)
@given(width=st.integers(12, 90), height=st.integers(12, 90), size=st.integers(8, 48), step=st.integers(0, 10**6))
def test_image_and_mask_are_the_same_crop(width, height, size, step) -> None:
    inside = ellipse(width, height, seed=0)
    views = JointViews(masks_of(inside), CropSettings(image_size=size), seed=1)
    pixels, classes = views(picture_of(inside), step=step, key="a")
    assert pixels.shape == (1, 3, size, size)
    assert classes.shape == (1, size, size)
    red, green, blue = pixels[0].numpy()
    target = classes[0].numpy()
    assert ((green == 255) == (target != IGNORED)).all()  # padding is padding in both
    assert ((green == 0) | (green == 255)).all()
    assert (red[target == IGNORED] == 0).all()
    assert (blue == 0).all()
    clear = (target != IGNORED) & ((red < 20) | (red > 235))  # away from edges, which are blended in the image
    assert ((red > 127) == (target == 1))[clear].all()


def test_views_are_a_function_of_seed_step_and_key_and_cover_the_image() -> None:
    inside = ellipse(60, 50, seed=3)
    masks = masks_of(inside)
    image = picture_of(inside)

    def draw(seed: int, step: int) -> tuple[bytes, bytes]:
        pixels, classes = JointViews(masks, CropSettings(image_size=24), seed=seed)(image, step=step, key="a")
        return pixels.numpy().tobytes(), classes.numpy().tobytes()

    assert draw(0, 7) == draw(0, 7)
    assert len({draw(seed, step) for seed in range(2) for step in range(20)}) > 35
    assert repr(JointViews(masks, CropSettings(), seed=0)) != repr(JointViews(masks, CropSettings(flip=0.0), seed=0))
    other = masks_of(~inside)
    assert repr(JointViews(masks, CropSettings(), seed=0)) != repr(JointViews(other, CropSettings(), seed=0))


def test_a_window_is_a_crop_of_the_resized_image() -> None:
    """The slow way: resize all of the image, pad it, crop it."""
    rng = np.random.default_rng(0)
    inside = rng.random((37, 53)) < 0.5
    grey = np.kron(rng.integers(0, 255, (10, 14)), np.ones((4, 4)))[:37, :53].astype(np.uint8)
    pixels, classes = centre_view(grey, masks_of(inside).picture("a"), image_size=24)
    resized = np.asarray(Image.fromarray(grey).resize((24 * 53 // 37, 24), Image.Resampling.BILINEAR)).astype(int)
    left = round((resized.shape[1] - 24) / 2)
    assert pixels.shape == (3, 24, 24)
    assert np.abs(pixels[0] - resized[:, left : left + 24])[:, 2:-2].max() <= 1
    nearest = Image.fromarray(inside).resize((24 * 53 // 37, 24), Image.Resampling.NEAREST)
    assert (classes == np.asarray(nearest)[:, left : left + 24]).mean() > 0.95


def test_a_reduced_image_and_its_whole_mask_still_fit() -> None:
    inside = ellipse(120, 100, seed=2)
    small = np.asarray(Image.fromarray(picture_of(inside)).resize((60, 50), Image.Resampling.BILINEAR))
    pixels, classes = JointViews(masks_of(inside), CropSettings(image_size=32), seed=0)(small, step=4, key="a")
    red, target = pixels[0, 0].numpy(), classes[0].numpy()
    clear = (target != IGNORED) & ((red < 20) | (red > 235))
    assert clear.mean() > 0.3
    assert ((red > 127) == (target == 1))[clear].all()


def test_wrong_settings() -> None:
    for settings_, words in (
        ({"image_size": 0}, "`image_size` is 0"),
        ({"scale": (2.0, 0.5)}, "`scale` is"),
        ({"scale": (0.01, 1.0), "image_size": 20}, "no whole pixel"),
        ({"flip": 1.5}, "`flip` is 1.5"),
    ):
        with pytest.raises(InputError, match=words):
            CropSettings(**settings_)
