"""Thresholds, ratios and budgets of one set of centroids are cut from its rounds, as a fresh selection picks them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from simcore.embeddings import Embeddings, open_embeddings, write_embeddings
from simcore.parameters import ArmParameters, ClusteringParameters, ParameterTree
from simcore.pipelines.arm_settings import adapt_selection
from simcore.pipelines.clustering.nodes import cluster_target, cluster_target_in
from simcore.pipelines.selection import nodes
from simcore.pipelines.selection.nodes import cut_coreset, peel_rounds, pick_coreset
from simcore.selection import Clustering

ARMS: dict[str, dict[str, Any]] = {
    "tau_99": {"tau": 0.99},
    "tau_95": {"tau": 0.95},
    "tau_50": {"tau": 0.5},
    "1pct": {"ratio": 0.01},
    "20pct": {"ratio": 0.2},
    "80pct": {"ratio": 0.8},
}
# The rounds go as far as 50 images a target image: 400 of 600.
BEYOND = {"80pct"}


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embeddings]:
    folder, draw = tmp_path_factory.mktemp("pools"), np.random.default_rng(0)
    found = {}
    for name, n in (("target", 8), ("openset", 600)):
        # Half of the open-set twice, under other keys: ties.
        rows = np.concatenate([draw.normal(size=(n // 2, 6)) + 1] * 2)
        write_embeddings(folder / name, [f"{name}/{number:03d}" for number in range(n)], rows)
        found[name] = open_embeddings(folder / name)
    return found


def centroids(embeddings: dict[str, Embeddings], settings: ParameterTree, k: int | str | None) -> Clustering:
    given = settings.clustering.model_copy(update={"n_clusters": 4})
    return (
        cluster_target(embeddings["target"], given)
        if k is None
        else cluster_target_in(embeddings["target"], given, n_clusters=k)
    )


@pytest.mark.parametrize("k", [None, 1, "all"])
@pytest.mark.parametrize("truncate", ["similarity", "random", None])
def test_cuts_are_what_fresh_selections_pick(
    embeddings: dict[str, Embeddings],
    settings: ParameterTree,
    k: int | str | None,
    truncate: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clusters = centroids(embeddings, settings, k)
    excluded = pd.DataFrame({"key": ["openset/003", "openset/299"], "reason": "because"})
    given = settings.selection.model_copy(update={"truncate": truncate})
    rounds = peel_rounds(clusters, embeddings["openset"], excluded, given, settings.runtime)
    fresh = {
        name: pick_coreset(
            clusters,
            embeddings["openset"],
            excluded,
            adapt_selection(given, ArmParameters(openset="coreset", **arm)),
            settings.runtime,
        )
        for name, arm in ARMS.items()
    }
    scans = []
    select = nodes.select_coreset
    monkeypatch.setattr(nodes, "select_coreset", lambda *args, **more: scans.append(1) or select(*args, **more))
    for name, arm in ARMS.items():
        scans.clear()
        own = ArmParameters(openset="coreset", **arm)
        coreset, trace, certificate = cut_coreset(
            rounds, clusters, embeddings["openset"], excluded, given, settings.runtime, own
        )
        pd.testing.assert_frame_equal(coreset, fresh[name][0])
        pd.testing.assert_frame_equal(trace, fresh[name][1])
        for fact in ("stopped_by", "budget", "settings", "unkept", "exact", "n_excluded"):
            assert certificate[fact] == fresh[name][2][fact], (name, fact)
        assert not set(excluded["key"]) & set(coreset["key"])
        assert len(scans) == (name in BEYOND), name
    assert len({len(part[0]) for part in fresh.values()}) > len(ARMS) // 2


def test_a_larger_budget_of_all_arms_is_in_the_rounds(
    embeddings: dict[str, Embeddings], settings: ParameterTree
) -> None:
    clusters = centroids(embeddings, settings, None)
    nobody = pd.DataFrame({"key": pd.Series(dtype=str)})
    for budget, least in ((500, 500), (0.9, 540), (7, 400), (None, 400)):
        given = settings.selection.model_copy(update={"budget": budget})
        assert len(peel_rounds(clusters, embeddings["openset"], nobody, given, settings.runtime)) >= least


@pytest.mark.parametrize(("k", "n"), [(3, 3), ("all", 8)])
def test_other_numbers_of_centroids(
    embeddings: dict[str, Embeddings], settings: ParameterTree, k: int | str, n: int
) -> None:
    same = ClusteringParameters(**{**settings.clustering.model_dump(), "n_clusters": n})
    expected = cluster_target(embeddings["target"], same).centroids
    np.testing.assert_array_equal(centroids(embeddings, settings, k).centroids, expected)
