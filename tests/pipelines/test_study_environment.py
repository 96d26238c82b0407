"""The environment `study`: a larger target out of the shipped open-set, which no arm may then train on as a pool."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from simcore.embeddings import write_embeddings
from tests.journeys.test_main_job import newest
from tests.pipelines.test_arms import training_set
from tests.projects import RAW, ROOT, run_here, type_command

ARMS = ("x", "os", "x_os", "random", "simcore_k1", "simcore", "oracle")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with both manifests, made by the command that a person types, in a folder below the project."""
    root = tmp_path_factory.mktemp("study")
    params = f"data_root={root}"
    said = type_command("run", "--env", "study", "--pipelines", "ingestion", "--params", params, cwd=ROOT / "docs")
    assert said.returncode == 0, said.stdout
    return root


def excluded_keys() -> set[str]:
    return set((RAW / "study_excluded.txt").read_text().split())


@pytest.mark.parametrize("name", ["study_target.csv", "study_excluded.txt"])
def test_shipped_lists_are_what_the_script_writes(name: str, tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "tools" / "write_study_lists.py"))["main"](tmp_path)
    assert (tmp_path / name).read_bytes() == (RAW / name).read_bytes()


def test_the_list_names_the_image_of_each_key() -> None:
    listed = pd.read_csv(RAW / "study_target.csv")
    files = {
        name: pq.read_table(RAW / name, columns=["key", "label", "split"]).to_pandas()
        for name in ("quadrupeds_openset.parquet", "quadrupeds_target.parquet")
    }
    for row in listed.to_dict("records"):
        file, _, number = row["uri"].partition("#row=")
        there = files[file].iloc[int(number)]
        assert there["key"] == row["key"]
        assert there["label"].removeprefix("animal/") == row["label"]
    shipped = files["quadrupeds_target.parquet"]
    assert set(listed.loc[listed["split"] == "test", "key"]) == set(shipped.loc[shipped["split"] == "test", "key"])


def test_x_has_the_classes_of_the_test_images_in_their_shares(root: Path) -> None:
    target = pd.read_parquet(newest(root, "target_manifest.parquet"))
    counts = target.groupby(["split", "label"]).size().unstack()
    assert counts.loc["train"].sum() == 1500 and counts.loc["test"].sum() == 1200
    assert (counts.loc["train"] * 1200 == counts.loc["test"] * 1500).all()
    assert set(target.loc[target["split"] == "train", "key"]) == excluded_keys()


def test_no_arm_takes_an_image_of_x_from_the_pool(root: Path, tmp_path: Path) -> None:
    target = pd.read_parquet(newest(root, "target_manifest.parquet"))
    openset = pd.read_parquet(newest(root, "openset_manifest.parquet"))
    keys, rows = openset["key"].to_numpy(), np.random.default_rng(0).normal(size=(len(openset), 8))
    in_x = np.isin(keys, target.loc[target["split"] == "train", "key"])
    given = {name: {"embeddings": str(tmp_path / name)} for name in ("target", "openset")}
    write_embeddings(tmp_path / "openset", keys, rows)
    # The same vectors: without the exclusion, the images of X would be the first that their centroids pick.
    write_embeddings(tmp_path / "target", keys[in_x], rows[in_x])
    params = {**given, "clustering": {"n_clusters": 20}, "selection": {"budget": 3000, "tau": None}}
    params["comparison"] = {"arms": "+".join(ARMS)}
    run_here(root, env="study", params=params, pipeline_names=["clustering", "selection"])
    run_here(root, env="study", params=params, pipeline_names=["pretraining"], tags=["cpu"])
    excluded = excluded_keys()
    x, allowed = {f"target:{key}" for key in excluded}, {f"openset:{key}" for key in set(openset["key"]) - excluded}
    sets = {arm: training_set(root, arm) for arm in ARMS}
    assert sets["x"] == x and sets["os"] == allowed and sets["x_os"] == x | allowed
    for arm in ("random", "simcore_k1", "simcore"):
        assert len(sets[arm] - x) == 3000 and x < sets[arm] < x | allowed
    animals = set("openset:" + openset.loc[openset["label"].str.startswith("animal/"), "key"])
    assert sets["oracle"] - x == animals & allowed and len(animals & allowed) == 1500
