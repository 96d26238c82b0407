"""Masks: what their values mean, and every way in which they can be wrong."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simcore.downstream.segmentation import IGNORED, Masks, masked_part, read_masks
from simcore.errors import InputError
from simcore.images import read_source
from tests.downstream.segmentation.worlds import make_manifest
from tests.images.sources.miniatures.birds import make_birds
from tests.images.sources.miniatures.pets import make_pets


def encode(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(values, **options) if options else Image.fromarray(values)
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def classes(values: np.ndarray, coding: str) -> np.ndarray:
    return np.asarray(Masks({"a": encode(values)}, {"a": coding}).picture("a"))


def test_codings_say_what_is_published() -> None:
    trimap = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    assert classes(trimap, "trimap").tolist() == [[IGNORED, 1, 0, IGNORED]]
    grey = np.array([[0, 50, 51, 204, 205, 255]], dtype=np.uint8)
    assert classes(grey, "probability").tolist() == [[0, 0, IGNORED, IGNORED, 1, 1]]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1"])
def test_grey_in_any_form_reads_alike(mode) -> None:
    values = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, format="PNG")
    masks = Masks({"a": buffer.getvalue()}, {"a": "probability"})
    assert np.asarray(masks.picture("a")).tolist() == [[0, 1], [1, 0]]


def test_palettes_read_as_numbers() -> None:
    image = Image.fromarray(np.array([[1, 2, 3]], dtype=np.uint8), mode="P")
    image.putpalette([200, 10, 30] * 256)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    assert np.asarray(Masks({"a": buffer.getvalue()}, {"a": "trimap"}).picture("a")).tolist() == [[1, 0, IGNORED]]


@pytest.mark.parametrize(("make", "train"), [(make_pets, 12), (make_birds, 11)])
def test_masks_of_official_downloads(tmp_path, make, train) -> None:
    make(tmp_path)
    manifest = read_source(tmp_path).manifest
    part = masked_part(manifest, "train")
    masks = read_masks(part)
    assert len(part) == len(masks.data) == train
    first = part.iloc[0]
    assert masks.picture(first["key"]).size == (first["width"], first["height"])


def test_the_digest_tells_masks_apart(tmp_path) -> None:
    part = masked_part(make_manifest(tmp_path), "train")
    digest = read_masks(part).digest
    assert read_masks(part.iloc[::-1].reset_index(drop=True)).digest == digest
    values = np.array(Image.open(part["mask"].iloc[2]))
    values[5, 5] = 3 - values[5, 5]
    Image.fromarray(values).save(part["mask"].iloc[2])
    assert read_masks(part).digest != digest


def test_no_masks_at_all(tmp_path) -> None:
    manifest = make_manifest(tmp_path)
    said = r"The 12 images of `ellipses` \(the first is 'test-08.png', .*/test-08.png\) have no masks"
    for bare in (manifest.drop(columns=["mask", "mask_coding"]), manifest.assign(mask=None)):
        with pytest.raises(InputError, match=said):
            masked_part(bare, "train")
    only_test = manifest.assign(mask=manifest["mask"].where(manifest["split"] == "test"))
    said = r"None of the 8 train images of `ellipses` \(the first is 'train-00.png', .*/train-00.png\) has a mask"
    with pytest.raises(InputError, match=said):
        masked_part(only_test, "train")


def test_images_without_a_mask_are_left_out_and_counted(tmp_path, caplog) -> None:
    manifest = make_manifest(tmp_path)
    manifest.loc[manifest["key"] == "train-03.png", "mask"] = None
    part = masked_part(manifest, "train")
    assert len(part) == 7
    assert f"({tmp_path / 'train-03.png'})." in caplog.text
    assert "1 of the 8 train images have no mask and are left out, the first is 'train-03.png' (" in caplog.text


def broken(tmp_path, values: np.ndarray, **changes: object) -> pd.DataFrame:
    """Return a part of which the mask of 'train-02.png' is another."""
    part = masked_part(make_manifest(tmp_path), "train")
    Image.fromarray(values).save(tmp_path / "train-02-mask.png")
    return part.assign(**changes)


def test_bad_masks_are_named_with_file_and_key(tmp_path) -> None:
    right = np.ones((36, 42), dtype=np.uint8)
    where = r"train-02-mask.png of image 'train-02.png'"
    with pytest.raises(InputError, match=where + r" has 41 x 36 pixels, the image .*/train-02.png 42 x 36"):
        read_masks(broken(tmp_path, right[:, :41]))
    with pytest.raises(InputError, match=where + r" holds the value 4; a trimap has 0 \(padding\), 1 \(foreground\)"):
        read_masks(broken(tmp_path, right * 4))
    with pytest.raises(InputError, match="has the coding 'classes' in the manifest; known are trimap, probability"):
        read_masks(broken(tmp_path, right, mask_coding="classes"))
    colours = np.random.default_rng(0).integers(0, 3, (36, 42, 3)).astype(np.uint8)
    with pytest.raises(InputError, match=where + " cannot be read .its pixels are RGB"):
        read_masks(broken(tmp_path, colours))
    part = broken(tmp_path, right)
    (tmp_path / "train-02-mask.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=where + " cannot be read"):
        read_masks(part)
    (tmp_path / "train-02-mask.png").unlink()
    with pytest.raises(InputError, match=where + r" cannot be read \(the file does not exist\)"):
        read_masks(part)


def test_one_class_only(tmp_path) -> None:
    part = masked_part(make_manifest(tmp_path), "train").iloc[:1]
    Image.fromarray(np.full((36, 40), 2, dtype=np.uint8)).save(part["mask"].iloc[0])
    with pytest.raises(InputError, match=r"hold no pixel of the foreground; segmentation needs both classes"):
        read_masks(part)
