import importlib
import io
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.images import ImageStore, decode, read_source
from simcore.images.decode import decode_compact, measure, reduced_size
from simcore.images.encoded import UnreadableError
from tests.images.odd_images import Refused, Usable, refused, usable

USABLE, REFUSED = usable(), refused()
DECODE = importlib.import_module("simcore.images.decode")

pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")


@pytest.mark.parametrize("name", USABLE)
def test_what_makes_sense_is_decoded_to_its_colours(name: str) -> None:
    image: Usable = USABLE[name]
    found = decode(image.data)
    assert (found.dtype, found.shape) == (np.uint8, image.pixels.shape)
    np.testing.assert_allclose(found, image.pixels, atol=1.01)
    compact = decode_compact(image.data)
    np.testing.assert_array_equal(compact if compact.ndim == 3 else np.stack([compact] * 3, axis=-1), found)
    side = min(8, *found.shape[:2])
    assert decode(image.data, side=side).shape[1::-1] == reduced_size(found.shape[1], found.shape[0], side=side)


@pytest.mark.parametrize("name", USABLE)
def test_the_header_tells_the_size(name: str, tmp_path: Path) -> None:
    image: Usable = USABLE[name]
    (tmp_path / "image.JPEG").write_bytes(image.data)
    assert measure(image.data) == measure(tmp_path / "image.JPEG") == image.pixels.shape[1::-1]


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    image: Refused = REFUSED[name]
    (tmp_path / "image.JPEG").write_bytes(image.data)
    for side in (None, 8):
        with pytest.raises(UnreadableError, match=image.reason) as caught:
            decode(image.data, side=side)
        assert "\n" not in str(caught.value)
    for source in (image.data, tmp_path / "image.JPEG"):
        if image.by_header:
            with pytest.raises(UnreadableError, match=image.reason):
                measure(source)
        else:
            assert min(measure(source)) > 0


@pytest.mark.parametrize("name", [name for name in REFUSED if name.startswith("bomb")])
def test_bombs_are_refused_before_a_pixel_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Image.Image, "load", explode)
    monkeypatch.setattr(DECODE, "decode_jpeg", explode)
    for function in (decode, decode_compact, measure):
        with pytest.raises(UnreadableError, match=REFUSED[name].reason):
            function(REFUSED[name].data)


def write_folder(root: Path, images: dict[str, bytes]) -> Path:
    root.mkdir()
    for name, data in images.items():
        # The ending is that of ImageNet's files, whatever the content.
        (root / f"{name}.JPEG").write_bytes(data)
    return root


def write_tar(root: Path, images: dict[str, bytes]) -> Path:
    with tarfile.open(root, "w") as archive:
        for name, data in images.items():
            info = tarfile.TarInfo(f"{name}.JPEG")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return root


@pytest.mark.parametrize("layout", ["folder", "tar", "packed", "folder behind a url", "tar behind a url"])
@pytest.mark.parametrize("verify", ["decode", "header"])
def test_from_every_layout_to_the_store(layout: str, verify: str, tmp_path: Path, pack) -> None:
    images = {name: image.data for name, image in {**USABLE, **REFUSED}.items()}
    if layout.startswith("folder"):
        place = write_folder(tmp_path / "odd", images)
    elif layout.startswith("tar"):
        place = write_tar(tmp_path / "odd.tar", images)
    else:
        place = pack({"key": list(images), "image": list(images.values())}, name="odd.parquet", row_group_size=7)
    source = f"file://{place}" if "url" in layout else place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        ingested = read_source(source, role="openset", max_rejected=0.5, verify=verify)
    names = [Path(key).stem if layout.startswith("folder") else key for key in ingested.manifest["key"]]
    passed = {name for name, image in REFUSED.items() if verify == "header" and not image.by_header}
    assert set(names) == set(USABLE) | passed
    rejected = {key.removesuffix(".JPEG"): reason for key, reason in ingested.rejected[["key", "reason"]].to_numpy()}
    assert set(rejected) == set(REFUSED) - passed
    usable_keys = [key for key, name in zip(ingested.manifest["key"], names, strict=True) if name in USABLE]
    manifest = ingested.manifest[ingested.manifest["key"].isin(usable_keys)].reset_index(drop=True)
    for cache_gib in (4.0, 0.0):
        store = ImageStore(manifest, cache_gib=cache_gib)
        for row, key in enumerate(manifest["key"]):
            np.testing.assert_array_equal(store[row], decode(images[key.removesuffix(".JPEG")]))
