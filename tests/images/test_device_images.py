import numpy as np
import pandas as pd
import pytest
import torch

from simcore.errors import InputError
from simcore.images import ImageStore, read_source


@pytest.fixture
def manifest(plant, noise, encode) -> pd.DataFrame:
    """Three grey images and one in colour."""
    root = plant("a.png", "b.png", "d.png")
    (root / "c.png").write_bytes(encode(noise(20, 25)))
    return read_source(root).manifest


def test_images_are_those_of_the_store(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest)
    there = store.on_device("cpu")
    assert len(there) == len(store)
    assert there.device == torch.device("cpu")
    for position in range(len(store)):
        np.testing.assert_array_equal(there.compact(position).numpy(), store.compact(position))
    assert [there.compact(position).ndim for position in range(4)] == [2, 2, 3, 2]


def test_nothing_is_copied_on_the_cpu(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest)
    there = store.on_device("cpu")
    for position in range(len(store)):
        assert there.compact(position).data_ptr() == store.compact(position).ctypes.data


def test_a_subset_has_its_own_order(manifest: pd.DataFrame) -> None:
    store = ImageStore(manifest)
    part = store.subset(["c.png", "a.png"]).on_device("cpu")
    assert len(part) == 2
    np.testing.assert_array_equal(part.compact(0).numpy(), store.compact(2))
    np.testing.assert_array_equal(part.compact(1).numpy(), store.compact(0))


def test_pixels_that_are_not_in_memory_cannot_go_there(manifest: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="raise `cache_gib`"):
        ImageStore(manifest, cache_gib=0.0).on_device("cpu")
