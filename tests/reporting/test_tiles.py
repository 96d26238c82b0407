import io

import numpy as np
import pytest
from PIL import Image

from simcore.errors import InputError
from simcore.reporting import GalleryRow, Tile, TileGroup, draw_gallery, encode_tile
from simcore.reporting.tiles import Shelf


def decode(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (28, 28, (112, 112)),
        (20, 30, (90, 60)),
        (100, 90, (90, 100)),
        (500, 1000, (112, 56)),
        (1, 4000, (112, 1)),
    ],
)
def test_tiles_fit_the_side(height, width, size) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert decode(encode_tile(image, side=112)).size == size


def test_small_images_keep_their_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    enlarged = np.asarray(decode(encode_tile(image, side=30)))
    assert np.array_equal(enlarged, image.repeat(4, axis=0).repeat(4, axis=1))


def test_grey_images_are_stored_grey() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (9, 9, 1), dtype=np.uint8).repeat(3, axis=2)
    picture = decode(encode_tile(grey, side=9))
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), grey[..., 0])


def test_a_missing_image_is_named(array_images) -> None:
    with pytest.raises(InputError, match="'b' is not among the target images"):
        Shelf(array_images(["a"]), side=16, kind="target").tile("b", alt="b")


def test_the_picture_holds_every_tile_in_its_place() -> None:
    tiles = [
        Tile(str(value), encode_tile(np.full((10, 10, 3), value, dtype=np.uint8), side=10), alt="")
        for value in (10, 20, 30, 40)
    ]
    rows = [
        GalleryRow("first", (TileGroup("a", tuple(tiles[:2])), TileGroup("b", (tiles[2],)))),
        GalleryRow("second", (TileGroup("a", ()), TileGroup("b", (tiles[3],)))),
    ]
    sheet = np.asarray(decode(draw_gallery(rows, gap=4)))[..., 0]
    assert sheet.shape == (4 + 2 * 14, 4 + 3 * 14 + 12)
    assert sheet[4:14, 4:14].tolist() == [[10] * 10] * 10
    assert (sheet[4:14, 18:28] == 20).all()
    # The second group starts at the same place in both lines.
    assert (sheet[4:14, 44:54] == 30).all()
    assert (sheet[18:28, 44:54] == 40).all()


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(InputError, match="no image"):
        draw_gallery([GalleryRow("first", (TileGroup("a", ()),))])
