"""Hashes against imagehash, which is another implementation of the same formula."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageOps

from simcore.audit.perceptual_hash import (
    VARIANTS,
    correlations,
    hash_pictures,
    is_flat,
    mirror_thumbs,
    picture_variants,
    small_picture,
    thumbs,
)
from tests.audit.worlds import crop, photo


def by_imagehash(image: Image.Image) -> np.uint64:
    return np.packbits(imagehash.phash(image).hash).view(np.uint64)[0]


def test_it_is_imagehash_phash() -> None:
    images = [photo(seed) for seed in range(40)]
    images += [image.convert("L").resize((28, 28)) for image in images]
    ours = hash_pictures(np.stack([small_picture(np.asarray(image)) for image in images]))
    theirs = np.array([by_imagehash(image) for image in images])
    mirrored = hash_pictures(np.stack([small_picture(np.asarray(image))[:, ::-1] for image in images]))
    assert (ours == theirs).all()
    # Pillow's resize is symmetric but for a rounding, and our mirror comes after it.
    assert np.bitwise_count(mirrored ^ np.array([by_imagehash(ImageOps.mirror(image)) for image in images])).max() <= 2


def test_a_hash_depends_on_its_picture_alone() -> None:
    pictures = np.stack([small_picture(np.asarray(photo(seed))) for seed in range(9)])
    whole = hash_pictures(pictures)
    assert [int(hash_pictures(pictures[row : row + 1])[0]) for row in range(9)] == whole.tolist()
    assert hash_pictures(pictures[::-1]).tolist() == whole[::-1].tolist()


def test_symmetric_pictures_have_no_bits_of_rounding_noise() -> None:
    half = np.random.default_rng(0).integers(0, 256, (20, 32, 16), dtype=np.uint8)
    whole = np.concatenate([half, half[:, :, ::-1]], axis=2)
    assert (hash_pictures(whole) == hash_pictures(whole[:, :, ::-1])).all()


def test_variants_are_crops_of_the_image_and_their_mirror_images() -> None:
    image = photo(3, size=(400, 300))
    variants = picture_variants(np.asarray(image))
    assert len(variants) == len(VARIANTS) == 38
    for variant, picture in zip(VARIANTS, variants, strict=True):
        expected = crop(image, variant.side, x=variant.left, y=variant.top)
        expected = ImageOps.mirror(expected) if variant.mirrored else expected
        difference = picture.astype(int) - small_picture(np.asarray(expected)).astype(int)
        assert np.abs(difference).mean() < 3, variant
    assert (variants[0] == small_picture(np.asarray(image))).all()


def test_correlation_is_numpys() -> None:
    draw = np.random.default_rng(0)
    left, right = draw.integers(0, 256, (2, 30, 256), dtype=np.uint8)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(left.astype(float), right.astype(float), strict=True)]
    np.testing.assert_allclose(correlations(left, right), expected, atol=1e-12)
    assert correlations(left, np.full_like(left, 9)).tolist() == [0.0] * 30


def test_thumbs_are_means_of_four_and_mirror_with_the_picture() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    rows = thumbs(pictures)
    assert rows[2].reshape(16, 16)[3, 4] == round(pictures[2, 6:8, 8:10].astype(float).mean() + 1e-9)
    assert (mirror_thumbs(rows) == thumbs(pictures[:, :, ::-1])).all()


@pytest.mark.parametrize(("spread", "flat"), [(0, True), (3, True), (40, False)])
def test_blank_pictures_are_told(spread: int, flat: bool) -> None:
    noise = np.random.default_rng(0).integers(-spread, spread + 1, (1, 32, 32))
    assert is_flat((200 + noise).astype(np.uint8)).tolist() == [flat]
