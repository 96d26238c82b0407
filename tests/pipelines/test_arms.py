"""Arms as configuration: what each trains on, how long, and what a run makes of the ones that are chosen."""

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import torch
from kedro.framework.project import pipelines
from safetensors.torch import load_file

from simcore.backbones import Encoder
from simcore.errors import InputError
from simcore.parameters import check_parameters
from simcore.pipelines.arms import arms, set_arms
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here, session_here

STANDARD = "x+x_matched+os+x_os+random+simcore_k1+simcore+oracle"
EPOCHS = {"optimisation": {"steps": None, "epochs": 1, "warmup_steps": 0}}


@pytest.fixture(scope="module")
def params(small_data: dict) -> dict:
    own = {"mine": {"openset": "coreset", "n_clusters": "all", "ratio": 0.05}}
    comparison = {"arms": f"{STANDARD}+mine", "fairness": "paper"}
    return {**small_data, "pretraining": EPOCHS, "comparison": comparison, "arms": own}


@pytest.fixture(scope="module")
def compared(params: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in which all kinds of arms were run, one of them described by the run alone."""
    root = tmp_path_factory.mktemp("compared")
    run_here(root, params=params)
    return root


def training_set(root: Path, arm: str) -> set[str]:
    versions = sorted((root / "06_encoders" / arm / "training_set.parquet").glob("*/training_set.parquet"))
    return set(pd.read_parquet(versions[-1])["key"])


def steps(root: Path, arm: str) -> int:
    folder = sorted((root / "06_encoders" / arm / "encoders").glob("*"))[-1]
    return Encoder.load(next(folder.rglob("card.json")).parent).card.steps


def test_every_arm_trains_on_what_it_says(compared: Path) -> None:
    target = pd.read_parquet(newest(compared, "target_manifest.parquet"))
    openset = pd.read_parquet(newest(compared, "openset_manifest.parquet"))
    x = set("target:" + target.loc[target["split"] == "train", "key"])
    pool = set("openset:" + openset["key"])
    sets = {arm: training_set(compared, arm) for arm in [*STANDARD.split("+"), "mine"]}
    assert sets["x"] == sets["x_matched"] == x
    assert sets["os"] == pool and sets["x_os"] == x | pool
    for arm in ("random", "simcore_k1", "simcore", "oracle", "mine"):
        assert x < sets[arm] < x | pool
    assert len(sets["random"]) == len(sets["simcore"])
    assert len(sets["mine"] - x) == int(0.05 * len(pool))
    animals = set("openset:" + openset.loc[openset["label"].str.startswith("animal/"), "key"])
    assert sets["oracle"] - x == animals
    # One centroid picks one image a round.
    trace = pd.read_parquet(newest(compared, "trace_simcore_k1.parquet"))
    assert set(trace.loc[trace["kept"], "n_new"]) == {1}
    assert json.loads(newest(compared, "certificate_simcore_k1.json").read_text())["exact"]


def test_length_follows_the_images_unless_another_arm_is_named(compared: Path) -> None:
    assert steps(compared, "x") < steps(compared, "x_matched") == steps(compared, "simcore")
    assert steps(compared, "os") > steps(compared, "simcore") == steps(compared, "random")


def test_equal_compute_gives_every_arm_the_steps_of_the_coreset(
    compared: Path, params: dict, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = {**params, "comparison": {"arms": "x+simcore", "fairness": "equal_compute"}}
    with caplog.at_level(logging.INFO):
        run_here(compared, params=chosen, pipeline_names=["pretraining"])
    assert set(ran(caplog)) == {"x.pretrain", "simcore.pretrain"}
    assert steps(compared, "x") == steps(compared, "simcore")


def test_all_arms_stand_in_comparison_and_report(compared: Path) -> None:
    comparison = pd.read_parquet(newest(compared, "comparison.parquet"))
    names = [*STANDARD.split("+"), "mine"]
    assert list(dict.fromkeys(comparison.loc[comparison["role"] == "arm", "arm"])) == names
    page = newest(compared, "report.html").read_text()
    for title in ("X + SimCore, k = 1", "X + oracle", "mine"):
        assert title in page


def test_another_arm_re_makes_none_of_the_others(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    root = Path(shutil.copytree(finished, tmp_path / "root"))
    with caplog.at_level(logging.INFO):
        run_here(root, params={**small_data, "comparison": {"arms": "x+simcore_k1+random+simcore"}})
    trained = {name for name in ran(caplog) if name.endswith((".pretrain", ".evaluate"))}
    assert trained == {"simcore_k1.pretrain", "simcore_k1.evaluate"}


def test_two_stages_start_from_the_encoders_of_another_arm(
    small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The arm that is started from is trained, though it is not compared."""
    short = {"optimisation": {"steps": 2, "warmup_steps": 0, "learning_rate": 1e-12}}
    params = {**small_data, "pretraining": short, "comparison": {"arms": "x+os_then_x", "seeds": "0+1"}}
    with caplog.at_level(logging.INFO):
        run_here(tmp_path, params=params)
    assert {"os.pretrain", "os_then_x.pretrain"} <= set(ran(caplog)) and "os.evaluate" not in ran(caplog)
    for seed in (0, 1):
        weights = {
            arm: load_file(next((tmp_path / "06_encoders" / arm).rglob(f"seed-{seed}/*.safetensors")))
            for arm in ("os", "os_then_x", "x")
        }
        name = next(name for name, value in weights["x"].items() if value.ndim == 4)
        # Hardly a step was taken: the second stage is where the first one ended, and that is not where X began.
        assert torch.allclose(weights["os_then_x"][name], weights["os"][name], atol=1e-6)
    table = pd.read_parquet(newest(tmp_path, "comparison.parquet"))
    assert set(table.loc[table["role"] == "arm", "arm"]) == {"x", "os_then_x"}


def test_a_random_arm_as_large_as_one_that_is_not_compared(small_data: dict, tmp_path: Path) -> None:
    described = {"like": {"openset": "random", "size_of": "simcore_k1"}}
    params = {**small_data, "arms": described, "comparison": {"arms": "like"}}
    run_here(tmp_path, params=params, pipeline_names=["ingestion", "retrieval", "embedding", "clustering", "selection"])
    sizes = {name: len(pd.read_parquet(newest(tmp_path, f"coreset_{name}.parquet"))) for name in ("like", "simcore_k1")}
    assert sizes["like"] == sizes["simcore_k1"] > 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"comparison": {"arms": "x+simcor"}}, "names 'simcor', but the arms are x, x_matched"),
        ({"arms": {"a": {"openset": "none", "starts_from": "a"}}}, "a -> a start from each other"),
        ({"comparison": {"arms": "x+x"}}, "x stand more than once"),
        ({"arms": {"new": {"openset": "random", "size_of": "nobody"}}}, "arms.new.size_of` names 'nobody'"),
        ({"arms": {"new": {"openset": "coreset", "labels": "a"}}}, "labels say nothing about an arm"),
        ({"arms": {"new": {"openset": "none", "target": False}}}, "needs images"),
        ({"arms": {"new": {"openset": "random"}}}, "size_of"),
        ({"arms": {"new": {"openset": "coreset", "taus": 1}}}, "unknown parameter `arms.new.taus`; did you mean `tau`"),
        ({"arms": {"given": {"openset": "none"}}}, "none may be called"),
        ({"arms": {"simcore": {"tau": 0.9}}}, "simcore: {openset: coreset}"),
    ],
)
def test_wrong_arms_are_refused_in_one_sentence(change: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, session_here(tmp_path, params=change) as session:
        session.load_context()
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_an_oracle_needs_labels_that_are_there(small_data: dict, tmp_path: Path) -> None:
    params = {**small_data, "arms": {"oracle": {"labels": "machine/*"}}, "comparison": {"arms": "oracle"}}
    with pytest.raises(InputError, match=r"No label of the open-set matches machine/\*; it has"):
        run_here(tmp_path, params=params)


def test_a_session_builds_the_pipelines_anew_for_its_arms(tmp_path: Path) -> None:
    told = check_parameters(load("test"))
    set_arms(told.model_copy(update={"comparison": told.comparison.model_copy(update={"arms": ("simcore",)})}))
    assert list(arms()) == ["simcore"]
    with session_here(tmp_path) as session:
        session.load_context()
        assert list(arms()) == ["x", "random", "simcore"]
        assert {node.namespace for node in pipelines["pretraining"].nodes} == {"x", "random", "simcore"}
