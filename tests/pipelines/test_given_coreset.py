"""Pretraining on a given list in place of a selected coreset."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simcore.backbones import Encoder
from simcore.errors import InputError
from simcore.exporting import write_list
from simcore.parameters import check_parameters
from simcore.pipelines.pretraining.training_sets import check_given, join
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here

SELECTING = {"pick_coreset", "explain_coreset", "peel_rounds_k1", "pick_simcore_k1"}
BEFORE = {"ingest_target", "ingest_openset", "train_retrieval_encoder", "embed_target", "embed_openset"}


def nodes(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return which nodes have run since the last question."""
    names = set(ran(caplog))
    caplog.clear()
    return names


def given(small_data: dict, path: Path, **more: Any) -> dict[str, Any]:
    return {**small_data, "pretraining": {"coreset": str(path)}, **more}


@pytest.fixture(scope="module")
def keys(finished: Path) -> list[str]:
    return pd.read_parquet(newest(finished, "openset_manifest.parquet"))["key"].tolist()


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "root"))


def trained_on(root: Path, arm: str) -> set[str]:
    """Return the open-set's keys in the newest training set of an arm."""
    path = newest(root / "06_encoders" / arm, "training_set.parquet")
    keys = pd.read_parquet(path)["key"]
    return set(keys[keys.str.startswith("openset:")].str.removeprefix("openset:"))


@pytest.mark.long
def test_the_whole_job_on_a_list(
    root: Path, keys: list[str], small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "picks.txt"
    path.write_text("\n".join(keys[10:50]))
    earlier = {arm: trained_on(root, arm) for arm in ("simcore", "random")}
    run_here(root, params=given(small_data, path))
    first = nodes(caplog)
    # Nothing is selected, and nothing before the selection changes.
    assert not first & (SELECTING | BEFORE | {"x.pretrain"})
    assert {"simcore.pretrain", "random.pretrain", "write_report"} <= first
    assert trained_on(root, "simcore") == set(keys[10:50])
    assert len(trained_on(root, "random")) == 40
    report = newest(root, "report.html").read_text()
    assert f"The list {path} gives 40 of {len(keys)} open-set images" in report
    assert "nothing was selected" in report and "SimCore picked" not in report
    assert "One centroid against" not in report

    run_here(root, params=given(small_data, path))
    assert not nodes(caplog)

    # Another content under the same name makes again what depends on it, and that alone.
    path.write_text("\n".join(keys[10:49]))
    run_here(root, params=given(small_data, path))
    assert nodes(caplog) == first
    assert trained_on(root, "simcore") == set(keys[10:49]) and len(trained_on(root, "random")) == 39

    # Back to the selected one, which is still there.
    run_here(root, params=small_data)
    assert not nodes(caplog) & (SELECTING | BEFORE)
    assert {arm: trained_on(root, arm) for arm in ("simcore", "random")} == earlier
    assert "SimCore picked" in newest(root, "report.html").read_text()


def test_one_arm_needs_no_retrieval(
    small_data: dict, keys: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_here(tmp_path / "root", params=small_data, pipeline_names=["ingestion"])
    nodes(caplog)
    manifest = pd.read_parquet(newest(tmp_path / "root", "openset_manifest.parquet"))
    write_list(manifest.iloc[:30], tmp_path / "images.csv")
    params = given(small_data, tmp_path / "images.csv")
    run_here(tmp_path / "root", params=params, namespaces=["simcore"])
    assert nodes(caplog) == {"simcore.assemble", "simcore.pretrain", "simcore.evaluate", "simcore.draw_confusion"}
    assert trained_on(tmp_path / "root", "simcore") == set(manifest["key"].iloc[:30])


def test_our_own_coreset_gives_the_same_encoders(
    root: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: the selected coreset, given as a list, is the same training."""
    before = newest(root / "06_encoders" / "simcore", "encoders")
    coreset = newest(root, "coreset_simcore.parquet")
    caplog.set_level(logging.INFO)
    run_here(root, params=given(small_data, coreset), namespaces=["simcore"])
    assert "simcore.pretrain" in nodes(caplog)
    after = newest(root / "06_encoders" / "simcore", "encoders")
    assert after != before
    assert Encoder.load(after / "seed-0").fingerprint == Encoder.load(before / "seed-0").fingerprint


def test_the_plan_counts_the_list(root: Path, keys: list[str], small_data: dict, tmp_path: Path) -> None:
    (tmp_path / "picks.txt").write_text("\n".join(keys[:33]))
    run_here(root, params=given(small_data, tmp_path / "picks.txt"), pipeline_names=["plan"])
    plan = pd.read_parquet(newest(root, "plan.parquet")).set_index("training")
    assert plan.loc[["random", "simcore"], "images"].tolist() == [33 + 60, 33 + 60]
    assert plan.loc["simcore", "size_decided_by"] == "the given list" and plan.loc["simcore", "bound"] == "exact"


def test_unknown_keys_stop_the_run_before_any_training(
    keys: list[str], small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "picks.txt").write_text("\n".join([keys[0], *(f"lost-{number:02d}" for number in range(12))]))
    # The same error in a notebook as on the command line.
    with pytest.raises(InputError, match=r"^12 of the 13 entries of .*'lost-00', .*'lost-09' and 2 more; "):
        run_here(tmp_path / "root", params=given(small_data, tmp_path / "picks.txt"))
    assert not nodes(caplog) & {"train_retrieval_encoder", "x.pretrain"}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"coreset": "nowhere.txt"}, r"`pretraining.coreset` is 'nowhere.txt': there is no file .*nowhere\.txt"),
        ({"coreset": "."}, r"there is no file"),
        (
            {"coreset": __file__, "reselections": 2},
            r"in `pretraining`, `coreset` gives the images, so none are selected",
        ),
    ],
)
def test_what_is_refused_at_once(typed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_parameters(load("test", pretraining=typed))


def test_a_relative_list_starts_where_the_command_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picks.txt").write_text("a")
    tree = check_parameters(load("test", pretraining={"coreset": "picks.txt"}))
    assert tree.pretraining.coreset == str(tmp_path / "picks.txt")


def test_a_list_that_the_catalog_did_not_see_is_refused(manifests: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    openset = manifests["openset"]
    (tmp_path / "picks.txt").write_text("\n".join(openset["key"].iloc[:5]))
    same = join(manifests["target"], openset, openset["key"].iloc[:5])
    check_given(same, openset, str(tmp_path / "picks.txt"))
    with pytest.raises(InputError, match="give the list on the command line"):
        check_given(join(manifests["target"], openset, openset["key"].iloc[:6]), openset, str(tmp_path / "picks.txt"))


def test_unknown_keys_of_a_coreset_are_listed(manifests: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match=r"11 of 11 coreset keys .*: 'k0', .*'k9' and 1 more; "):
        join(manifests["target"], manifests["openset"], [f"k{number}" for number in range(11)])
