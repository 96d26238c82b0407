"""Features of whole stores."""

import numpy as np
import pytest
from PIL import Image

from simcore.backbones import Encoder, create_random_encoder
from simcore.errors import SimCoreError
from simcore.evaluation import encode_store, pixel_features
from simcore.images import ImageStore, eval_pixels, read_source


@pytest.fixture
def make_store(tmp_path):
    def make(mode):
        folder = tmp_path / mode
        folder.mkdir()
        generator = np.random.default_rng(0)
        for number in range(7):
            shape = (20, 20) if mode == "L" else (20, 20, 3)
            Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}.png")
        return ImageStore(read_source(folder, role="openset").manifest)

    return make


def test_rows_are_the_features_of_their_images(make_store):
    store, encoder = make_store("RGB"), create_random_encoder("resnet10_small", image_size=16, seed=0)
    features = encode_store(encoder, store, image_size=16, resize_ratio=1.25, batch_size=3)
    assert features.dtype == np.float32
    expected = encoder.encode(eval_pixels(store, image_size=16, resize_ratio=1.25)).numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_a_feature_that_is_not_finite_names_its_image(make_store, monkeypatch):
    store, encoder = make_store("RGB"), create_random_encoder("resnet10_small", image_size=16, seed=0)
    original = Encoder.encode

    def poisoned(self, pixels, **options):
        features = original(self, pixels, **options)
        features[-1, 0] = float("inf")
        return features

    monkeypatch.setattr(Encoder, "encode", poisoned)
    with pytest.raises(SimCoreError, match=r"2 image\(s\).*`4\.png`"):
        encode_store(encoder, store, image_size=16, batch_size=5)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_pixels_are_the_evaluation_crop(make_store, mode, channels):
    store = make_store(mode)
    features = pixel_features(store, image_size=10)
    pixels = eval_pixels(store, image_size=10)[:, :channels].reshape(7, -1).numpy()
    assert features.shape == (7, channels * 100)
    np.testing.assert_allclose(features, pixels / 255, rtol=1e-6)
