import numpy as np
import pytest

from simcore.errors import InputError
from simcore.reporting import FeatureMap, feature_figure, map_features


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X in two directions, an open-set in these two and a third one, a coreset from the open-set."""
    generator = np.random.default_rng(0)
    centres = np.repeat(4 * np.eye(3, 6), 20, axis=0)
    rows = centres + 0.3 * generator.normal(size=(60, 6))
    pool = centres + 0.3 * generator.normal(size=(60, 6))
    return rows[:40], pool, pool[10:30]


@pytest.fixture(scope="module")
def features(clusters) -> FeatureMap:
    return map_features(*clusters, seed=3)


def test_every_row_has_a_place(features, clusters) -> None:
    for points, rows in zip((features.target, features.openset, features.coreset), clusters, strict=True):
        assert points.shape == (len(rows), 2)
        assert np.isfinite(points).all()
    assert (features.fit, features.seed, features.perplexity) == ("target", 3, 13.0)


def test_the_same_seed_gives_the_same_map(features, clusters) -> None:
    again = map_features(*clusters, seed=3)
    for name in ("target", "openset", "coreset"):
        assert np.array_equal(getattr(features, name), getattr(again, name))


def test_an_image_has_one_place_wherever_it_is_listed(features, clusters) -> None:
    # The coreset is a part of the open-set, and new images do not push each other.
    assert features.coreset == pytest.approx(features.openset[10:30], abs=1e-3)
    x, pool, coreset = clusters
    turned = map_features(x, pool[::-1], coreset, seed=3)
    assert turned.openset[::-1] == pytest.approx(features.openset, abs=1e-3)


def test_new_images_lie_beside_the_target_images_they_resemble(features) -> None:
    first, second = features.target[:20].mean(axis=0), features.target[20:].mean(axis=0)
    for points, near, far in ((features.openset[:20], first, second), (features.openset[20:40], second, first)):
        assert (np.linalg.norm(points - near, axis=1) < np.linalg.norm(points - far, axis=1)).all()


def test_what_resembles_nothing_stands_apart_on_a_joint_map_only(features, clusters) -> None:
    joint = map_features(*clusters, seed=3, fit="joint")
    assert (len(joint.target), len(joint.openset), len(joint.coreset)) == (40, 60, 20)

    def gap(drawn: FeatureMap) -> float:
        """Distance of the strangers to the target, in units of the target's size."""
        strangers = drawn.openset[40:]
        nearest = np.linalg.norm(strangers[:, None] - drawn.target[None], axis=2).min(axis=1)
        return float(np.median(nearest) / drawn.target.std())

    assert gap(joint) > 3 * gap(features)


def test_lengths_of_rows_do_not_matter(features, clusters) -> None:
    x, pool, coreset = clusters
    scaled = map_features(4 * x, 2 * pool, coreset, seed=3)  # powers of two: the unit rows are the same bits
    assert np.array_equal(scaled.target, features.target)


def test_a_small_target_and_empty_sets_are_mapped() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 3))
    features = map_features(rows, rows[:0], rows[:1], seed=0)
    assert (features.target.shape, features.openset.shape, features.coreset.shape) == ((6, 2), (0, 2), (1, 2))
    assert np.isfinite(features.target).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": np.ones((4, 3))}, "has 4 rows"),
        ({"openset": np.ones((4, 2))}, "one dimension"),
        ({"coreset": np.zeros((4, 3))}, "`coreset` is zero"),
        ({"x": np.ones((9, 3))}, "are the same"),
        ({"fit": "both"}, "'target' or 'joint'"),
    ],
)
def test_what_cannot_be_mapped_is_refused(change, words) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 3))
    given = {"x": rows, "openset": rows, "coreset": rows, **change}
    with pytest.raises(InputError, match=words):
        map_features(given.pop("x"), given.pop("openset"), given.pop("coreset"), seed=0, **given)


def test_the_figure_draws_three_sets_and_says_what_it_leaves_out(features) -> None:
    figure = feature_figure(features, most=25)
    assert [trace.name for trace in figure.data] == ["open-set (25 of 60)", "target X (25 of 40)", "coreset (20)"]
    assert [len(trace.x) for trace in figure.data] == [25, 25, 20]
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == 3
    assert figure.layout.yaxis.scaleanchor == "x"
    assert list(figure.data[2].x) == pytest.approx(features.coreset[:, 0], abs=1e-3)


def test_the_smallest_set_lies_on_top() -> None:
    points = np.random.default_rng(0).normal(size=(60, 2))
    features = FeatureMap(points[:5], points[:50], points[:20], "target", 3.0, 0)
    assert [trace.name.split(" (")[0] for trace in feature_figure(features).data] == ["open-set", "coreset", "target X"]
