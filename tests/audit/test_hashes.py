"""Hashes of a manifest: what they tell apart, and that a kill costs one part at most."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import simcore.audit.hashes as module
from simcore.audit import Hashes, hash_images
from simcore.errors import ArtefactError, InputError
from tests.audit.worlds import photo, save_images

COLUMNS = ("bytes", "pixels", "phash", "mirrored", "flat", "thumb")


@pytest.fixture
def manifest(tmp_path: Path) -> pd.DataFrame:
    return save_images(tmp_path / "images", {f"{seed}.png": photo(seed, size=(40, 30)) for seed in range(11)})


def all_columns(hashes: Hashes) -> list[list]:
    return [hashes.keys().tolist(), *(column.tolist() for column in hashes.take(np.arange(len(hashes)), *COLUMNS))]


def test_parts_and_workers_change_nothing(manifest: pd.DataFrame, tmp_path: Path) -> None:
    whole = hash_images(manifest, tmp_path / "whole", workers=1)
    parts = hash_images(manifest, tmp_path / "parts", rows_per_part=3, workers=4)
    assert len(whole) == len(parts) == 11 and whole.keys().tolist() == manifest["key"].tolist()
    assert [len(block) for block in parts.blocks()] == [3, 3, 3, 2]
    assert all_columns(whole) == all_columns(parts)
    rows = np.array([1, 3, 10])
    keys = whole.keys()[rows]
    assert parts.positions([*keys[::-1], "unknown"]).tolist() == rows.tolist() and parts.positions([]).tolist() == []
    assert parts.keys_at(rows).tolist() == keys.tolist()
    assert parts.take(rows, "phash")[0].tolist() == whole.take(np.arange(11), "phash")[0][rows].tolist()


def test_a_killed_run_goes_on_at_the_first_missing_part(
    manifest: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, calls = module.decode_compact, []

    def breaking(data: bytes) -> np.ndarray:
        calls.append(data)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return decode(data)

    monkeypatch.setattr(module, "decode_compact", breaking)
    with pytest.raises(KeyboardInterrupt):
        hash_images(manifest, tmp_path / "broken", rows_per_part=3, workers=1)
    assert not list((tmp_path / "broken").glob("*.partial"))
    with pytest.raises(ArtefactError, match="run the same command again"):
        Hashes(tmp_path / "broken")
    calls[:] = [b""] * 100
    again = hash_images(manifest, tmp_path / "broken", rows_per_part=3, workers=1)
    assert len(calls) == 100 + 11 - 6
    assert all_columns(again) == all_columns(hash_images(manifest, tmp_path / "whole"))


def test_files_and_pixels_are_told_apart(tmp_path: Path) -> None:
    image = photo(0, size=(40, 30))
    manifest = save_images(tmp_path / "images", {"a.png": image, "b.bmp": image, "c/a.png": image, "d.jpg": image})
    image.convert("L").save(tmp_path / "images" / "grey.png")
    image.convert("L").convert("RGB").save(tmp_path / "images" / "grey_in_colour.png")
    manifest = save_images(tmp_path / "images", {})
    hashes = hash_images(manifest, tmp_path / "hashes")
    keys = hashes.keys().tolist()
    assert keys == ["a.png", "b.bmp", "c/a.png", "d.jpg", "grey.png", "grey_in_colour.png"]
    files, pixels = hashes.take(np.arange(6), "bytes", "pixels")
    assert [keys[row] for row in range(6) if files[row] == files[0]] == ["a.png", "c/a.png"]
    assert [keys[row] for row in range(6) if pixels[row] == pixels[0]] == ["a.png", "b.bmp", "c/a.png"]
    assert pixels[4] == pixels[5] and files[4] != files[5]


def test_blank_images_are_marked(tmp_path: Path) -> None:
    manifest = save_images(tmp_path / "images", {"blank.png": Image.new("L", (30, 30), 255), "photo.png": photo(0)})
    assert hash_images(manifest, tmp_path / "hashes").take(np.arange(2), "flat")[0].tolist() == [True, False]


def test_wrong_input_is_said_in_a_sentence(manifest: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images to hash"):
        hash_images(manifest.iloc[:0], tmp_path / "none")
    with pytest.raises(InputError, match="`rows_per_part` is 0"):
        hash_images(manifest, tmp_path / "none", rows_per_part=0)
    hash_images(manifest.iloc[:4].reset_index(drop=True), tmp_path / "four")
    with pytest.raises(InputError, match="hashes of other images"):
        hash_images(manifest, tmp_path / "four")
    with pytest.raises(InputError, match=r"holds no `part-00000\.parquet`"):
        Hashes(tmp_path / "nowhere")
    Path(manifest["uri"].iloc[2]).unlink()
    with pytest.raises(InputError, match=r"Image '10.png' at .* cannot be read any more: the file does not exist"):
        hash_images(manifest, tmp_path / "gone")
