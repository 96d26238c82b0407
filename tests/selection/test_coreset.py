import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.embeddings import EmbeddingWriter, open_embeddings, write_embeddings
from simcore.errors import InputError
from simcore.selection import StopRule, fit_centroids, select_coreset

from .oracle import coreset, exact_similarities, published
from .worlds import pools

MANY = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(pools(), st.data())
def test_equals_the_published_algorithm(pool, data):
    openset, centroids = pool
    n = len(openset)
    budget = data.draw(st.none() | st.integers(1, n + 3), label="budget")
    truncate = data.draw(st.sampled_from(["similarity", None]), label="truncate")
    depth = data.draw(st.none() | st.integers(1, n), label="depth")
    block_rows = data.draw(st.none() | st.integers(1, n), label="block_rows")
    exclude = data.draw(st.none() | st.sets(st.integers(0, n - 1), max_size=n - 1), label="exclude")
    order = data.draw(st.none() | st.permutations(range(n)), label="order of keys")
    expected, why = published(
        exact_similarities(centroids, openset),
        budget=budget,
        rank=order,
        allowed=set(range(n)) - (exclude or set()),
        truncate=truncate,
    )
    keys = None if order is None else [f"{rank:04d}" for rank in order]
    got = select_coreset(
        centroids,
        openset,
        budget=budget,
        truncate=truncate,
        depth=depth,
        block_rows=block_rows,
        exclude=exclude if exclude is None or keys is None else [keys[i] for i in exclude],
        keys=keys,
    )
    assert got.indices.tolist() == coreset(expected)
    assert got.stopped_by == why
    assert got.trace["value"].tolist() == [value for value, *_ in expected]
    assert list(zip(got.centroids.tolist(), got.scores.tolist(), strict=True)) == [
        owner[image] for _, _, owner, kept in expected for image in kept
    ]
    assert got.rounds.tolist() == [number for number, (*_, kept) in enumerate(expected, start=1) for _ in kept]
    if keys is not None:
        assert got.keys.tolist() == [keys[i] for i in got.indices]


@settings(MANY, max_examples=400)
@given(pools(positive=True), st.data())
def test_stop_rules_equal_the_published_algorithm(pool, data):
    openset, centroids = pool
    rule = StopRule(
        threshold=data.draw(st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]), label="threshold"),
        reference_round=data.draw(st.integers(1, 4), label="reference_round"),
        keep_failing_round=data.draw(st.booleans(), label="keep_failing_round"),
    )
    budget = data.draw(st.none() | st.integers(1, len(openset)), label="budget")
    expected, why = published(
        exact_similarities(centroids, openset),
        budget=budget,
        stop=(rule.threshold, rule.reference_round, rule.keep_failing_round),
    )
    got = select_coreset(centroids, openset, budget=budget, stop=rule)
    assert got.indices.tolist() == coreset(expected)
    assert got.stopped_by == why
    assert got.trace["kept"].tolist() == [bool(kept) for *_, kept in expected]
    assert got.trace["n_new"].tolist() == [len(images) for _, images, _, _ in expected]


@settings(MANY, max_examples=100)
@given(pools())
def test_the_value_of_a_round_never_rises(pool):
    openset, centroids = pool
    values = select_coreset(centroids, openset).trace["value"].to_numpy()
    assert (np.diff(values) <= 0).all()


@settings(MANY, max_examples=100)
@given(pools(), st.integers(1, 60))
def test_a_smaller_budget_is_the_beginning_of_a_larger_one(pool, budget):
    openset, centroids = pool
    whole = select_coreset(centroids, openset)
    part = select_coreset(centroids, openset, budget=budget)
    assert len(part) == min(budget, len(openset))
    assert part.indices.tolist() == whole.indices[: len(part)].tolist()


@settings(MANY, max_examples=100)
@given(pools(), st.integers(1, 30), st.integers(0, 3))
def test_a_random_cut_keeps_the_budget_and_whole_earlier_rounds(pool, budget, seed):
    openset, centroids = pool
    cut = select_coreset(centroids, openset, budget=budget, truncate="random", seed=seed)
    whole = select_coreset(centroids, openset, budget=budget, truncate=None)
    assert len(cut) == min(budget, len(openset))
    earlier = whole.rounds < len(whole.trace)
    assert cut.indices[: earlier.sum()].tolist() == whole.indices[earlier].tolist()
    assert set(cut.indices) <= set(whole.indices)
    again = select_coreset(centroids, openset, budget=budget, truncate="random", seed=seed)
    assert cut.indices.tolist() == again.indices.tolist()


def test_every_kind_of_input_gives_the_same_coreset(tmp_path, rng):
    openset = rng.normal(size=(500, 12)).astype(np.float16)
    centroids = rng.normal(size=(7, 12))
    keys = [f"{i:03d}" for i in range(500)]
    directory = tmp_path / "embeddings"
    write_embeddings(directory, keys, openset, rows_per_shard=128)
    blocks = [openset[i : i + 77] for i in range(0, 500, 77)]
    inputs = {
        "array": openset,
        "float32": openset.astype(np.float32),
        "float64": openset.astype(np.float64),
        "fortran": np.asfortranarray(openset),
        "reversed twice": openset[::-1][::-1],
        "tensor": torch.from_numpy(openset),
        "directory": directory,
        "path as text": str(directory),
        "embeddings": open_embeddings(directory),
        "list of blocks": blocks,
        "iterator": iter(blocks),
        "blocks with keys": [(keys[i : i + 77], openset[i : i + 77]) for i in range(0, 500, 77)],
    }
    expected = select_coreset(centroids, openset, budget=130)
    for name, given_openset in inputs.items():
        got = select_coreset(centroids, given_openset, budget=130)
        assert got.indices.tolist() == expected.indices.tolist(), name
        assert got.scores.tolist() == expected.scores.tolist(), name
        assert got.keys is None or got.keys.tolist() == [keys[i] for i in got.indices], name


@pytest.mark.parametrize("n_threads", [1, 3])
def test_near_ties_give_the_same_bits_for_any_blocks_and_threads(n_threads, rng, threads):
    # Rows that differ by about the error of a float32 product: its order would depend on how sums are taken.
    base = rng.normal(size=(3, 2048))
    openset = (base[rng.integers(0, 3, size=600)] + 3e-7 * rng.normal(size=(600, 2048))).astype(np.float32)
    centroids = base + 0.1 * rng.normal(size=base.shape)
    torch.set_num_threads(1)
    expected = select_coreset(centroids, openset, budget=300)
    exact = exact_similarities(centroids[:1], openset[:60])[0]
    fast = openset[:60] @ centroids[0].astype(np.float32) / np.linalg.norm(openset[:60], axis=1)
    assert (np.argsort(-exact) != np.argsort(-fast)).any(), "the ties are too easy to test anything"
    torch.set_num_threads(n_threads)
    for block_rows in (1, 7, 256, 600, None):
        for depth in (40, None):
            got = select_coreset(centroids, openset, budget=300, block_rows=block_rows, depth=depth)
            assert got.indices.tolist() == expected.indices.tolist()
            assert got.scores.tobytes() == expected.scores.tobytes()
            assert got.trace["value"].tolist() == expected.trace["value"].tolist()


def test_a_sample_that_misleads_costs_passes_but_no_exactness(monkeypatch, rng):
    # The sampled rows are the only ones near the centroids, so every forecast promises lists that do not exist.
    monkeypatch.setattr("simcore.selection.forecast._MAX_ROWS", 32)
    monkeypatch.setattr("simcore.selection.forecast._MIN_ROWS", 8)
    openset = rng.normal(size=(640, 8)) - 3
    openset[10::20] = rng.normal(size=(32, 8)) + 3
    centroids = rng.normal(size=(3, 8)) + 3
    got = select_coreset(centroids, openset, budget=60)
    expected, _ = published(exact_similarities(centroids, openset), budget=60)
    assert got.indices.tolist() == coreset(expected)
    assert got.certificate.passes > 1


@pytest.mark.parametrize("kind", ["isotropic", "cone"])
def test_forecast_lists_give_the_published_coreset(kind, monkeypatch, rng):
    monkeypatch.setattr("simcore.selection.forecast._MAX_ROWS", 256)
    monkeypatch.setattr("simcore.selection.forecast._MIN_ROWS", 64)
    openset, centroids = rng.normal(size=(4000, 6)), rng.normal(size=(8, 6))
    if kind == "cone":
        openset, centroids = np.abs(openset), np.abs(centroids[:1]) + 0.1 * np.abs(centroids)
    got = select_coreset(centroids, openset, budget=400)
    expected, _ = published(exact_similarities(centroids, openset), budget=400)
    assert got.indices.tolist() == coreset(expected)
    assert got.certificate.passes == 1
    assert got.certificate.list_depth < 4000
    assert got.certificate.slack > 0


def test_lists_that_are_too_short_are_noticed_and_deepened(rng):
    openset, centroids = np.abs(rng.normal(size=(3000, 4))), np.abs(rng.normal(size=(20, 4)))
    short = select_coreset(centroids, openset, budget=1500, depth=3)
    long = select_coreset(centroids, openset, budget=1500, depth=3000)
    assert short.indices.tolist() == long.indices.tolist()
    assert short.certificate.passes > 1
    assert (long.certificate.passes, long.certificate.slack) == (1, None)


def test_a_stream_that_is_used_up_says_what_to_change(rng):
    openset, centroids = np.abs(rng.normal(size=(300, 4))), np.abs(rng.normal(size=(20, 4)))
    stream = (openset[i : i + 50] for i in range(0, 300, 50))
    with pytest.raises(InputError, match="read only once; give a larger `depth`"):
        select_coreset(centroids, stream, budget=200, depth=2)
    stream = (openset[i : i + 50] for i in range(0, 300, 50))
    got = select_coreset(centroids, stream, budget=200)
    assert got.indices.tolist() == select_coreset(centroids, openset, budget=200).indices.tolist()


def test_every_target_image_as_a_centroid(rng):
    target, openset = rng.normal(size=(40, 5)), rng.normal(size=(300, 5))
    centroids = fit_centroids(target, n_clusters=40)
    got = select_coreset(centroids, openset, budget=100)
    expected, _ = published(exact_similarities(centroids, openset), budget=100)
    assert got.indices.tolist() == coreset(expected)


def test_one_centroid_takes_one_image_a_round(rng):
    openset, centroid = rng.normal(size=(50, 3)), rng.normal(size=(1, 3))
    got = select_coreset(centroid, openset, budget=20)
    exact = exact_similarities(centroid, openset)[0]
    assert got.indices.tolist() == np.argsort(-exact, kind="stable")[:20].tolist()
    assert got.rounds.tolist() == list(range(1, 21))


def test_identical_images_go_by_key():
    got = select_coreset(np.ones((3, 2)), np.ones((4, 2)), keys=["d", "b", "a", "c"])
    assert got.keys.tolist() == ["a", "b", "c", "d"]
    assert got.trace["n_new"].tolist() == [1, 1, 1, 1]
    assert got.stopped_by == "exhausted"


def test_a_budget_beyond_the_pool_is_exhausted(rng):
    got = select_coreset(rng.normal(size=(3, 2)), rng.normal(size=(10, 2)), budget=11)
    assert (len(got), got.stopped_by) == (10, "exhausted")
    assert got.trace["n_total"].iloc[-1] == 10


def test_a_bad_row_may_be_excluded():
    openset = np.array([[1.0, 0], [0, 0], [np.nan, 1], [0, 1]])
    assert select_coreset(np.eye(2), openset, budget=2, exclude=[1, 2]).indices.tolist() == [0, 3]


@pytest.mark.parametrize("magnitude", [1e-20, 1e-12, 1.0, 1e12, 1e18])
def test_the_length_of_a_row_does_not_matter(magnitude, rng):
    openset, centroids = rng.normal(size=(100, 6)).astype(np.float32), rng.normal(size=(4, 6))
    scale = np.where(np.arange(100) % 3 == 0, magnitude, 1.0).astype(np.float32)[:, None]
    # A power of two leaves every digit as it is.
    scale = 2.0 ** np.round(np.log2(scale))
    got = select_coreset(centroids, (openset * scale).astype(np.float32), budget=40)
    assert got.indices.tolist() == select_coreset(centroids, openset, budget=40).indices.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 0}, "`budget` is 0; give at least 1 image"),
        ({"budget": -3}, "`budget` is -3"),
        ({"budget": 1.0}, "float 1.0, which means a share .* below 1"),
        ({"budget": float("nan")}, "`budget` is nan"),
        ({"budget": "12"}, "`budget` is '12'"),
        ({"budget": 0.001}, "less than one of 4 images"),
        ({"n_target": 0}, "`n_target` is 0"),
        ({"truncate": "best"}, "`truncate` is 'best'"),
        ({"stop": "paper"}, "`stop` is 'paper'"),
        ({"depth": 0}, "`depth` is 0"),
        ({"block_rows": 0}, "`block_rows` is 0"),
        ({"openset": np.empty((0, 2))}, "`openset` has 0 rows"),
        ({"openset": []}, "`openset` has 0 rows"),
        ({"openset": 3}, "`openset` is a int"),
        ({"openset": np.ones(4)}, r"`openset` has shape \(4,\)"),
        ({"openset": np.ones((4, 3))}, "`centroids` has dimension 2 but the open-set has 3"),
        ({"openset": [np.ones((4, 3))]}, "`centroids` has dimension 2 but the open-set has 3"),
        ({"openset": [np.ones((4, 2)), np.ones((4, 3))]}, r"block at row 4 has shape \(4, 3\)"),
        ({"openset": [(["b", "a"], np.ones((2, 2)))]}, "Key `a` follows `b` in the stream"),
        ({"openset": [(["a"], np.ones((2, 2)))]}, "has 1 keys for 2 rows"),
        ({"openset": np.array([[1.0, 0], [0, 0]])}, "row with index 1 is zero"),
        ({"openset": np.array([[1.0, 0], [0, np.nan]])}, "row with index 1 is not finite"),
        ({"openset": np.array([[1.0, 0], [0, 0]]), "keys": ["a", "b"]}, "row with key `b` is zero"),
        ({"openset": [(["a", "b"], np.array([[1.0, 0], [0, np.inf]]))]}, "row with key `b` is not finite"),
        ({"keys": ["a", "b", "a", "c"]}, "Key `a` stands more than once"),
        ({"keys": ["a"]}, "`keys` has shape .* 4 rows"),
        ({"openset": [np.ones((4, 2))], "keys": ["a"] * 4}, "`keys` goes with an array or a tensor"),
        ({"exclude": ["a"]}, "has no keys: give positions from 0 to 3"),
        ({"exclude": [4]}, "`exclude` holds 4"),
        ({"exclude": [0, 1, 2, 3]}, "All 4 images are excluded"),
        ({"centroids": np.zeros((1, 2))}, "Centroid 0 is zero"),
        ({"centroids": np.empty((0, 2))}, "`centroids` has 0 rows"),
        ({"stop": StopRule.paper(), "openset": -np.ones((4, 2)), "centroids": np.ones((1, 2))}, "round 1 is -1"),
    ],
)
def test_wrong_input_says_what_to_change(change, message):
    arguments = {"centroids": np.eye(2), "openset": np.array([[1.0, 0], [0, 1], [1, 1], [2, 1]]), "budget": 2, **change}
    with pytest.raises(InputError, match=message):
        select_coreset(arguments.pop("centroids"), arguments.pop("openset"), **arguments)


def test_settings_are_refused_before_anything_is_read():
    def blocks():
        pytest.fail("the open-set was read")
        yield

    for wrong in ({"budget": 0}, {"budget": 1.5}, {"truncate": "x"}, {"n_target": -1}, {"stop": 3}):
        with pytest.raises(InputError):
            select_coreset(np.eye(2), blocks(), **wrong)


def test_the_caller_keeps_its_threads(rng, threads):
    torch.set_num_threads(3)
    select_coreset(rng.normal(size=(3, 4)), rng.normal(size=(100, 4)), budget=5)
    assert torch.get_num_threads() == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_bits(rng):
    base = rng.normal(size=(3, 2048))
    openset = (base[rng.integers(0, 3, size=5000)] + 3e-7 * rng.normal(size=(5000, 2048))).astype(np.float32)
    on_cpu = select_coreset(base, openset, budget=1000, device="cpu")
    on_gpu = select_coreset(base, openset, budget=1000, device="cuda")
    assert on_gpu.indices.tolist() == on_cpu.indices.tolist()
    assert on_gpu.scores.tobytes() == on_cpu.scores.tobytes()


def test_a_directory_in_any_order_breaks_ties_by_key(tmp_path):
    with EmbeddingWriter(tmp_path / "e", dim=2, metadata={}, rows_per_shard=3) as writer:
        writer.write(list("dbeac"), np.ones((5, 2)))
    assert select_coreset(np.ones((1, 2)), tmp_path / "e").keys.tolist() == list("abcde")


def test_a_directory_with_a_key_twice_is_refused(tmp_path):
    for number, names in enumerate(("aab", "aba")):
        with EmbeddingWriter(tmp_path / str(number), dim=2, metadata={}, rows_per_shard=2) as writer:
            writer.write(list(names), np.ones((3, 2)))
        with pytest.raises(InputError, match="Key `a` stands more than once in the embeddings directory"):
            select_coreset(np.ones((1, 2)), tmp_path / str(number))
