"""Searches against brute force, and laws: order, blocks and lots of work change nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.audit import (
    KINDS,
    Hashes,
    Probes,
    find_duplicates,
    find_similar,
    hash_images,
    perceptual,
    probe_hashed,
    probe_images,
)
from simcore.audit.exact import equal_digests
from simcore.audit.perceptual import ProbeIndex
from simcore.audit.perceptual_hash import correlations
from simcore.embeddings import write_embeddings
from simcore.errors import InputError
from tests.audit.worlds import COPIES, photo, save_images

N_TARGET, N_OTHERS = 6, 14


def bytes_of(texts: list[str]) -> np.ndarray:
    return np.array([text.encode().ljust(16, b"x") for text in texts], dtype="S16")


@given(
    left=st.lists(st.sampled_from("abcd"), min_size=1, max_size=12),
    right=st.lists(st.sampled_from("abcd"), min_size=1, max_size=12),
    at_most=st.integers(1, 4),
)
def test_equal_digests_are_those_of_a_double_loop(left: list[str], right: list[str], at_most: int) -> None:
    i, j = equal_digests(bytes_of(left), bytes_of(right), at_most=at_most)
    slow = [
        (a, b)
        for a in range(len(left))
        for b in [place for place in range(len(right)) if right[place] == left[a]][:at_most]
    ]
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == slow
    rows = np.arange(len(left))
    i, j = equal_digests(bytes_of(left), bytes_of(left), at_most=at_most, before=rows)
    slow = [(a, b) for a in rows for b in [place for place in range(a) if left[place] == left[a]][:at_most]]
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == slow


def slow_search(
    probes: Probes, hashes: np.ndarray, pictures: np.ndarray, *, hamming: int, least: float
) -> pd.DataFrame:
    """Compare everything with everything."""
    found = []
    for left, (code, picture) in enumerate(zip(hashes, pictures, strict=True)):
        for row, codes, thumbs in zip(probes.rows, probes.hashes, probes.thumbs, strict=True):
            best = None
            for variant, mirrored in enumerate(probes.mirrored):
                bits = int(np.bitwise_count(code ^ codes[variant]))
                score = round(float(correlations(picture[None], thumbs[variant][None])[0]), 6)
                if bits <= hamming and score >= least:
                    best = min(best or (9, 9, 9), (-score, bits, bool(mirrored)))
            if best is not None:
                found.append((left, row, 2, -best[0], best[1], best[2]))
    return pd.DataFrame(found, columns=["left", "right", "kind", "score", "bits", "mirrored"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), hamming=st.integers(0, 20), least=st.sampled_from([-1.0, -0.1, 0.05]))
def test_the_index_finds_what_a_double_loop_finds(seed: int, hamming: int, least: float) -> None:
    draw = np.random.default_rng(seed)
    # Codes near to a few centres, so that many are within reach, and repeated ones.
    centres = draw.integers(0, 2**63, 3, dtype=np.uint64)

    def codes(*shape: int) -> np.ndarray:
        flips = np.bitwise_or.reduce(np.uint64(1) << draw.integers(0, 64, (4, *shape), dtype=np.uint64), axis=0)
        return draw.choice(centres, shape) ^ flips * draw.integers(0, 2, shape, dtype=np.uint64)

    def pictures(*shape: int) -> np.ndarray:
        return draw.integers(0, 256, (*shape, 256), dtype=np.uint8)

    rows = np.sort(draw.choice(50, 7, replace=False))
    probes = Probes(rows, codes(7, 4), pictures(7, 4), np.array([False, False, True, True]))
    left, thumbs = codes(30), pictures(30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perceptual, "_QUERIES", 5)
        fast = ProbeIndex(probes, hamming=hamming, correlation=least).search(left, thumbs)
    slow = slow_search(probes, left, thumbs, hamming=hamming, least=least)
    assert fast.to_numpy().tolist() == slow.to_numpy().tolist()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A target of photographs; a pool of others with one changed copy of each target image a change."""
    root = tmp_path_factory.mktemp("world")
    target = {f"t{number}.png": photo(number) for number in range(N_TARGET)}
    pool = {f"others/{number}.png": photo(100 + number) for number in range(N_OTHERS)}
    for name, change in COPIES.items():
        pool |= {f"{name}/t{number}.png": change(photo(number)) for number in range(N_TARGET)}
    pool |= {"same_file/t0.png": photo(0), "same_pixels/t1.bmp": photo(1)}
    manifests = {"target": save_images(root / "target", target), "openset": save_images(root / "openset", pool)}
    return {name: (hash_images(rows, root / f"{name}_hashes"), rows) for name, rows in manifests.items()}


def search(world: dict, **changed) -> pd.DataFrame:
    """Return the duplicates by key."""
    left, right = changed.get("left", world["openset"][0]), world["target"][0]
    rows = np.arange(N_TARGET)
    probes = probe_images(world["target"][1], rows, lot=changed.get("lot", 4096), workers=changed.get("workers", 1))
    # Loose enough for crops of this size.
    settings = {"correlation": 0.93}
    settings |= {name: value for name, value in changed.items() if name not in ("left", "lot", "workers")}
    pairs = find_duplicates(left, right, probes, right_rows=rows, **settings)
    pairs["left"], pairs["right"] = left.keys()[pairs["left"]], right.keys()[pairs["right"]]
    return pairs


def test_planted_copies_are_found_and_nothing_else(world: dict) -> None:
    pairs = search(world)
    found = {left: (right, KINDS[kind]) for left, right, kind in pairs[["left", "right", "kind"]].to_numpy()}
    expected = {f"{name}/t{number}.png": f"t{number}.png" for name in COPIES for number in range(N_TARGET)}
    assert {left: right for left, (right, _) in found.items() if not left.startswith("same")} == expected
    assert found["same_file/t0.png"] == ("t0.png", "bytes")
    assert found["same_pixels/t1.bmp"] == ("t1.png", "pixels")
    kinds = {KINDS[kind] for kind in pairs.loc[~pairs["left"].str.startswith("same"), "kind"]}
    assert kinds == {"perceptual"}
    flipped = pairs["left"].str.startswith("flipped")
    assert pairs.loc[flipped, "mirrored"].all() and not pairs.loc[~flipped, "mirrored"].any()
    assert pairs["score"].between(0.93, 1).all() and pairs["bits"].between(0, 8).all()


def test_parts_lots_and_workers_do_not_change_the_table(world: dict, tmp_path: Path) -> None:
    whole = search(world)
    parts = hash_images(world["openset"][1], tmp_path / "parts", rows_per_part=7)
    again = search(world, left=parts, lot=2, workers=3)
    pd.testing.assert_frame_equal(whole, again)


def test_tighter_thresholds_keep_a_part(world: dict) -> None:
    def pairs_of(**how) -> set:
        return set(map(tuple, search(world, pairs_per_image=100, **how)[["left", "right"]].to_numpy()))

    loose, fewer_bits = pairs_of(hamming=14, correlation=0.5), pairs_of(hamming=4, correlation=0.5)
    closer = pairs_of(hamming=14, correlation=0.99)
    assert fewer_bits < loose and closer < loose


def test_rows_restrict_the_search(world: dict) -> None:
    keys = world["openset"][0].keys()
    rows = np.flatnonzero([key.startswith("grey/") for key in keys])
    assert set(search(world, left_rows=rows)["left"]) == {f"grey/t{number}.png" for number in range(N_TARGET)}


def test_within_a_pool_all_but_the_first_of_a_group_repeat(tmp_path: Path) -> None:
    images = {f"{number}.png": photo(number % 3) for number in range(7)}
    images |= {"a_flipped.png": COPIES["flipped"](photo(1)), "z_alone.png": photo(50)}
    hashes = hash_images(save_images(tmp_path / "images", images), tmp_path / "hashes", rows_per_part=2)
    rows = np.arange(len(hashes))
    pairs = find_duplicates(hashes, hashes, probe_hashed(hashes, rows, lot=4), right_rows=rows, within=True)
    keys = hashes.keys()
    repeats = {(keys[left], keys[right], KINDS[kind]) for left, right, kind in pairs.to_numpy()[:, :3].astype(int)}
    assert {pair for pair in repeats if pair[2] == "bytes"} == {
        (f"{a}.png", f"{b}.png", "bytes") for a in range(7) for b in range(a) if a % 3 == b % 3
    }
    # "1.png" sorts before "a_flipped.png": the flipped one repeats both of its group.
    assert {pair for pair in repeats if pair[2] != "bytes"} == {
        ("a_flipped.png", "1.png", "perceptual"),
        ("a_flipped.png", "4.png", "perceptual"),
    }
    assert (pairs["left"] > pairs["right"]).all()


def test_of_many_pairs_the_strongest_stay(tmp_path: Path) -> None:
    images = {f"{number}.png": photo(0) for number in range(5)} | {"weak.jpg": photo(0)}
    manifest = save_images(tmp_path / "images", images)
    hashes = hash_images(manifest, tmp_path / "hashes")
    rows = np.arange(6)
    probes = list(probe_images(manifest, rows))
    pairs = find_duplicates(hashes, hashes, probes, right_rows=rows, pairs_per_image=2)
    assert pairs.groupby("left").size().tolist() == [2] * 6
    assert pairs.loc[pairs["left"] < 5, "right"].tolist() == [0, 1] * 5
    assert pairs.loc[pairs["left"] == 5, "right"].tolist() == [0, 5]


def test_blank_images_are_near_nothing(tmp_path: Path) -> None:
    from PIL import Image

    images = {f"{level}.png": Image.new("L", (30, 30), level) for level in (250, 251, 255)}
    hashes = hash_images(save_images(tmp_path / "images", images), tmp_path / "hashes")
    rows = np.arange(3)
    assert len(find_duplicates(hashes, hashes, probe_hashed(hashes, rows), right_rows=rows, within=True)) == 0


def test_a_picture_that_comes_often_is_still_flagged_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "_MOST_OF_A_HASH", 3)
    draw = np.random.default_rng(0)
    picture = np.repeat(draw.integers(0, 256, (1, 256), dtype=np.uint8), 20, axis=0)
    codes = np.full(20, 77, dtype=np.uint64)
    probes = Probes(np.arange(20), codes[:, None], picture[:, None], np.array([False]))
    pairs = ProbeIndex(probes, hamming=2, correlation=0.9).search(codes, picture)
    assert pairs.groupby("left")["right"].agg(list).tolist() == [[0, 1, 2]] * 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hamming": 64}, "`hamming` is 64"),
        ({"correlation": 1.5}, "`correlation` is 1.5"),
        ({"pairs_per_image": 0}, "`pairs_per_image` is 0"),
    ],
)
def test_thresholds_out_of_range_are_refused(world: dict, settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        search(world, **settings)


@pytest.mark.parametrize("rows_per_shard", [7, 1000])
def test_cosines_are_those_of_a_double_loop(tmp_path: Path, rows_per_shard: int) -> None:
    draw = np.random.default_rng(0)
    right = draw.normal(size=(9, 12)).astype(np.float16)
    near = right[draw.integers(0, 9, 25)] + draw.normal(size=(25, 12)) * draw.uniform(0, 0.4, (25, 1))
    rows = np.concatenate([near, draw.normal(size=(20, 12))]).astype(np.float16)
    keys = [f"{number:03d}" for number in range(45)]
    left = write_embeddings(tmp_path / "left", keys, rows, rows_per_shard=rows_per_shard)
    pairs = find_similar(left, right, cosine=0.95, pairs_per_image=100)
    a, b = (values.astype(np.float64) for values in (rows, right))
    cosines = (a @ b.T) / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    slow = np.argwhere(cosines >= 0.95)
    assert len(slow) > 10
    assert pairs[["left", "right"]].to_numpy().tolist() == slow.tolist()
    np.testing.assert_allclose(pairs["score"], cosines[tuple(slow.T)], atol=2e-6)
    assert (pairs["bits"] == -1).all() and (pairs["kind"] == KINDS.index("embedding")).all()


def test_block_sizes_do_not_change_the_cosines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simcore.audit import embedded

    rows = np.random.default_rng(1).normal(size=(60, 8)).astype(np.float16)
    left = write_embeddings(tmp_path / "left", [f"{number:03d}" for number in range(60)], rows)
    whole = find_similar(left, rows[:20], cosine=0.7, pairs_per_image=3)
    monkeypatch.setattr(embedded, "_PRODUCTS", 40)
    pd.testing.assert_frame_equal(whole, find_similar(left, rows[:20], cosine=0.7, pairs_per_image=3))
    assert whole.groupby("left").size().max() == 3


def test_embeddings_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    left = write_embeddings(tmp_path / "left", ["a"], np.ones((1, 4)))
    with pytest.raises(InputError, match="4 dimensions"):
        find_similar(left, np.ones((2, 5), dtype=np.float32), cosine=0.9)
    with pytest.raises(InputError, match="no direction"):
        find_similar(left, np.zeros((2, 4), dtype=np.float32), cosine=0.9)
    with pytest.raises(InputError, match="`cosine` is 0"):
        find_similar(left, np.ones((2, 4), dtype=np.float32), cosine=0)


def test_probes_of_hashed_images_are_the_images_and_their_mirror_images(world: dict) -> None:
    hashes: Hashes = world["target"][0]
    rows = np.array([1, 4])
    (probes,) = probe_hashed(hashes, rows)
    plain, mirrored = hashes.take(rows, "phash", "mirrored")
    assert probes.rows.tolist() == [1, 4] and probes.mirrored.tolist() == [False, True]
    assert probes.hashes.tolist() == np.stack([plain, mirrored], axis=1).tolist()
