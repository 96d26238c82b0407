import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from simcore.errors import InputError
from simcore.images import ImageStore, build_manifest, cache, decode, encoded, read_bytes, read_source

NO_CACHE = 0.0


class Sums(Dataset):
    """The sum of each image of a store: module-level, so that spawned workers find it."""

    def __init__(self, store: ImageStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, position: int) -> int:
        return int(self.store[position].sum())


@pytest.fixture
def manifest(pack, plant, noise, encode, tmp_path: Path) -> pd.DataFrame:
    """Grey and colour images of several sizes, in files and in a packed file of several row groups."""
    root = plant("cat/grey_a.png", "cat/grey_b.png", "dog/grey_c.png")
    (root / "dog" / "colour.jpg").write_bytes(encode(noise(40, 31), form="JPEG"))
    (root / "dog" / "wide.png").write_bytes(encode(noise(50, 4)))
    images = [
        encode(noise(100 + row, 80, mode=mode, seed=row), form="JPEG") for row, mode in enumerate(["L", "RGB"] * 4)
    ]
    packed = pack({"key": [f"{row}.png" for row in range(8)], "image": images}, row_group_size=3)
    files = read_source(root, name="files").manifest
    rows = read_source(packed, role="openset", name="packed").manifest
    both = pd.concat([files, rows])
    return build_manifest(both.assign(key=both["source"] + "/" + both["key"]))


@pytest.mark.parametrize("side", [None, 60])
@pytest.mark.parametrize("cache_gib", [4.0, 5e-5, NO_CACHE])
def test_every_way_of_caching_gives_the_decoded_image(manifest: pd.DataFrame, cache_gib: float, side) -> None:
    store = ImageStore(manifest, side=side, cache_gib=cache_gib)
    assert store.cached == (cache_gib == 4.0)
    assert (len(store._images.buffer) > 0) == (cache_gib > NO_CACHE)
    assert store.keys.tolist() == manifest["key"].tolist()
    for position, uri in enumerate(manifest["uri"]):
        expected = decode(read_bytes(uri), side=side)
        np.testing.assert_array_equal(store[position], expected)
        compact = store.compact(position)
        assert compact.ndim == (2 if "grey" in uri or position in (5, 7, 9, 11) else 3)
        np.testing.assert_array_equal(
            np.broadcast_to(compact.reshape(*compact.shape[:2], -1), expected.shape), expected
        )
    assert not store.grey


def test_sizes_are_those_of_the_manifest(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest)
    shapes = [store[position].shape for position in range(len(store))]
    assert shapes == [(height, width, 3) for height, width in manifest[["height", "width"]].to_numpy()]


@pytest.mark.parametrize("cache_gib", [4.0, NO_CACHE])
def test_a_subset_shares_the_cache_and_keeps_its_order(manifest: pd.DataFrame, cache_gib: float) -> None:
    store = ImageStore(manifest, cache_gib=cache_gib)
    keys = ["packed/3.png", "files/cat/grey_b.png", "packed/0.png"]
    part = store.subset(keys)
    assert part.keys.tolist() == keys
    assert part.labels.tolist() == [None, "cat", None]
    assert not part.grey
    assert part._images is store._images
    whole = dict(zip(store.keys, range(len(store)), strict=True))
    for position, key in enumerate(keys):
        np.testing.assert_array_equal(part[position], store[whole[key]])
    nested = part.subset(["packed/0.png"])
    np.testing.assert_array_equal(nested[0], part[2])
    assert nested.grey
    assert store.subset([]).keys.tolist() == []


def test_unknown_and_repeated_keys(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest)
    with pytest.raises(InputError, match=r"5 of 6 keys .* 13 images .*'a', 'b', 'c' and 2 more"):
        store.subset(["a", "b", "packed/0.png", "c", "d", "e"])
    with pytest.raises(InputError, match=r"more than once \('packed/0\.png'\)"):
        store.subset(["packed/0.png", "packed/1.png", "packed/0.png"])
    with pytest.raises(InputError, match=r"'packed/0\.png'"):
        store.subset(["files/cat/grey_a.png"]).subset(["packed/0.png"])


def test_images_cannot_be_written_to(manifest: pd.DataFrame) -> None:
    for cache_gib in (4.0, NO_CACHE):
        store = ImageStore(manifest, cache_gib=cache_gib)
        for values in (store.keys, store.labels):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = "x"
        for position in range(len(store)):
            with pytest.raises(ValueError, match="read-only"):
                store[position][0, 0] = 0
            with pytest.raises(ValueError, match="read-only"):
                store.compact(position)[0, 0] = 0


def test_packed_row_groups_are_read_once(manifest: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = encoded._read_row_group
    monkeypatch.setattr(encoded, "_read_row_group", lambda path, group: read.append(group) or original(path, group))
    store = ImageStore(manifest.iloc[::-1].sort_values("key"))
    for position in range(len(store)):
        store[position]
    assert sorted(read) == [0, 1, 2]


def test_what_is_gone_is_named(manifest: pd.DataFrame, tmp_path: Path) -> None:
    uncached = ImageStore(manifest, cache_gib=NO_CACHE)
    (tmp_path / "source" / "cat" / "grey_a.png").unlink()
    for action in (lambda: ImageStore(manifest), lambda: uncached[0]):
        with pytest.raises(InputError, match=r"'files/cat/grey_a\.png' at /.* cannot be read any more: .* not exist"):
            action()
    (tmp_path / "packed.parquet").unlink()
    with pytest.raises(InputError, match=r"packed\.parquet cannot be read any more"):
        ImageStore(manifest, cache_gib=NO_CACHE)


def test_an_image_that_grew_still_fits(plant, noise, encode) -> None:
    root = plant("a.png", "b.png")
    manifest = read_source(root).manifest
    (root / "b.png").write_bytes(encode(noise(300, 200)))
    assert ImageStore(manifest)[1].shape == (200, 300, 3)


def test_large_packed_sources_beyond_memory_are_pointed_out(manifest, caplog: pytest.LogCaptureFixture) -> None:
    ImageStore(manifest, cache_gib=NO_CACHE)
    assert "raise `cache_gib`, or unpack them into a folder" in caplog.text


def test_images_that_are_fetched_again_and_again_are_pointed_out(plant, memory_copy, caplog) -> None:
    root = plant("a.png", "b.png")
    remote = read_source(memory_copy(root)).manifest
    for manifest, cache_gib, warns in ((remote, NO_CACHE, True), (remote, 4.0, False), (None, NO_CACHE, False)):
        caplog.clear()
        store = ImageStore(read_source(root).manifest if manifest is None else manifest, cache_gib=cache_gib)
        assert ("2 images lie behind URLs" in caplog.text) == warns
        np.testing.assert_array_equal(store[1], decode((root / "b.png").read_bytes()))


@pytest.mark.parametrize(("start", "cache_gib"), [("fork", 4.0), ("fork", NO_CACHE), ("spawn", 5e-5)])
def test_workers_see_the_same_images(manifest: pd.DataFrame, start: str, cache_gib: float) -> None:
    store = ImageStore(manifest, cache_gib=cache_gib)
    held = store[0]
    before = held.copy()
    expected = [int(store[position].sum()) for position in range(len(store))]
    loader = DataLoader(Sums(store), batch_size=4, num_workers=2, multiprocessing_context=start)
    assert torch.cat(list(loader)).tolist() == expected
    np.testing.assert_array_equal(held, before)
    assert [int(store[position].sum()) for position in range(len(store))] == expected
    if start == "spawn":
        assert store._images.shared is not None
        assert store._images.shared.is_shared()


def test_a_pickled_store_is_whole(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest).subset(["packed/2.png", "packed/1.png"])
    copy = pickle.loads(pickle.dumps(store))
    assert copy.keys.tolist() == store.keys.tolist()
    np.testing.assert_array_equal(copy[1], store[1])


def test_threads_and_the_bar_change_nothing(manifest: pd.DataFrame) -> None:
    one = ImageStore(manifest, workers=1)
    four = ImageStore(manifest, workers=4, show_progress=True)
    np.testing.assert_array_equal(one._images.buffer, four._images.buffer)


def test_settings_and_manifests_out_of_range(manifest: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="`side` is 0"):
        ImageStore(manifest, side=0)
    with pytest.raises(InputError, match="not sorted"):
        ImageStore(manifest.iloc[::-1])


def test_bytes_per_pixel(manifest: pd.DataFrame) -> None:
    grey = manifest[manifest["uri"].str.contains("grey")]
    store = ImageStore(grey.reset_index(drop=True))
    assert store.grey
    assert store._images.buffer.size == (grey["width"] * grey["height"]).sum()
    assert cache._count_pixels(grey, side=None) == store._images.buffer.size


@pytest.mark.parametrize("side", [1, 5, 30, None])
def test_the_size_of_the_cache_is_known_beforehand(manifest: pd.DataFrame, side: int | None) -> None:
    store = ImageStore(manifest, side=side)
    pixels = sum(store[position].shape[0] * store[position].shape[1] for position in range(len(store)))
    assert cache._count_pixels(manifest, side=side) == pixels
