import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.reporting import centroid_gallery, encode_tile, neighbour_gallery, rounds_gallery
from simcore.reporting.galleries import spread


@pytest.fixture
def target(array_images):
    keys = [f"x/{number}" for number in range(12)]
    return keys, np.random.default_rng(1).normal(size=(12, 5)).astype(np.float16), array_images(keys)


def keys_of(group) -> list[str]:
    return [tile.key for tile in group.tiles]


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 50))
def test_a_spread_holds_both_ends_and_repeats_nothing(n, count) -> None:
    rows = spread(n, count)
    assert len(rows) == min(n, count)
    assert rows == sorted(set(rows))
    assert not rows or (rows[0] == 0 and (count == 1 or rows[-1] == n - 1))


def test_centroids_show_their_nearest_targets_and_first_picks(target, coreset, pool, array_images) -> None:
    keys, rows, images = target
    centroids = np.random.default_rng(2).normal(size=(2, 5))
    openset = array_images(pool["key"])
    gallery = centroid_gallery(
        coreset, centroids=centroids, target_embeddings=rows, target_keys=keys, target_images=images,
        openset_images=openset, n_nearest=4, n_picks=2,
    )  # fmt: skip
    # Centroid 1 has the most similar first pick.
    assert [row.title for row in gallery] == ["Centroid 1 (3 picks)", "Centroid 0 (3 picks)"]
    for centroid, row in zip((1, 0), gallery, strict=True):
        wide = rows.astype(np.float64)
        cosine = wide @ centroids[centroid]
        cosine /= np.linalg.norm(wide, axis=1) * np.linalg.norm(centroids[centroid])
        nearest = sorted(range(12), key=lambda place: -cosine[place])[:4]
        assert keys_of(row.groups[0]) == [keys[place] for place in nearest]
        assert row.groups[0].tiles[0].caption == f"{cosine[nearest[0]]:.3f}".replace("-", "−")
        assert keys_of(row.groups[1]) == coreset.loc[coreset["centroid"] == centroid, "key"].tolist()[:2]
    first = gallery[0].groups[1].tiles[0]
    assert first.caption == "0.990"
    assert first.png == encode_tile(openset[list(pool["key"]).index(first.key)])
    assert first.key in first.alt


def test_the_worst_centroid_is_shown_too(target, coreset, pool, array_images) -> None:
    keys, rows, images = target
    many = coreset.assign(centroid=range(6))
    gallery = centroid_gallery(
        many, centroids=np.eye(6, 5), target_embeddings=rows, target_keys=keys, target_images=images,
        openset_images=array_images(pool["key"]), n_centroids=2,
    )  # fmt: skip
    assert [row.title.split()[1] for row in gallery] == ["0", "5"]


def test_a_baseline_has_no_centroids_to_show(target, coreset, pool, array_images) -> None:
    keys, rows, images = target
    openset = array_images(pool["key"])
    baseline = coreset.assign(round=None, centroid=None, similarity=None)
    assert not centroid_gallery(
        baseline, centroids=np.eye(2, 5), target_embeddings=rows, target_keys=keys, target_images=images,
        openset_images=openset,
    )  # fmt: skip
    [row] = rounds_gallery(baseline, openset_images=openset)
    assert (row.title, len(row.groups)) == ("Picks", 1)


def test_first_and_last_rounds_stand_beside_a_random_draw(coreset, pool, array_images) -> None:
    random_keys = pool["key"].to_numpy()[5:30]
    gallery = rounds_gallery(coreset, openset_images=array_images(pool["key"]), random_keys=random_keys, n_images=5)
    assert [row.title for row in gallery] == ["Round 1 (first)", "Round 3 (last)", "Random draw"]
    assert keys_of(gallery[0].groups[0]) == coreset["key"].tolist()[:2]
    assert keys_of(gallery[1].groups[0]) == coreset["key"].tolist()[-2:]
    assert keys_of(gallery[2].groups[0]) == random_keys[[0, 6, 12, 18, 24]].tolist()


def test_rounds_are_not_shown_twice(coreset, pool, array_images) -> None:
    gallery = rounds_gallery(coreset, openset_images=array_images(pool["key"]), n_rounds=2)
    assert [row.title for row in gallery] == ["Round 1 (first)", "Round 2", "Round 3 (last)"]


def test_neighbours_are_the_most_similar_other_images(target) -> None:
    keys, rows, images = target
    other = np.random.default_rng(3).normal(size=(12, 3))
    gallery = neighbour_gallery({"X": rows, "random": other}, keys=keys, images=images, n_queries=12, n_neighbours=3)
    assert len(gallery) == 12
    for query, row in enumerate(gallery):
        assert keys_of(row.groups[0]) == [keys[query]]
        for group, vectors in zip(row.groups[1:], (rows.astype(np.float64), other), strict=True):
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            similarity = unit @ unit[query]
            nearest = sorted((place for place in range(12) if place != query), key=lambda p: -similarity[p])
            assert keys_of(group) == [keys[place] for place in nearest[:3]]


def test_equal_neighbours_come_in_key_order(array_images) -> None:
    keys = ["c", "b", "a"]
    gallery = neighbour_gallery({"X": np.ones((3, 2))}, keys=keys, images=array_images(keys))
    assert keys_of(gallery[0].groups[1]) == ["a", "b"]


def test_embeddings_of_other_images_are_refused(target) -> None:
    keys, rows, images = target
    with pytest.raises(InputError, match=r"shape \(11, 5\) for 12 keys"):
        neighbour_gallery({"X": rows[1:]}, keys=keys, images=images)
