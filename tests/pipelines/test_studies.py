"""Studies: pipelines of arms with a table of ratio and accuracy, and their place in the report."""

import json
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.project import pipelines

from simcore.pipelines.arms import arms, studies
from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here, session_here


@pytest.fixture(scope="module")
def studied(finished: Path, small_data: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished root in which a study was run, and then the report."""
    root = Path(shutil.copytree(finished, tmp_path_factory.mktemp("studied") / "root"))
    one_method = {**small_data, "studies": {"thresholds": {"variants": []}}}
    run_here(root, params=one_method, pipeline_names=["thresholds"])
    run_here(root, params=one_method)
    return root


def test_a_study_gives_ratio_and_accuracy_of_every_arm(studied: Path) -> None:
    table = pd.read_parquet(newest(studied, "study_thresholds.parquet"))
    arms = ["x", "simcore_tau_99", "simcore_tau_95", "simcore_tau_90"]
    leading = table[table["protocol"] == "clean"].drop_duplicates("arm").set_index("arm")
    assert list(leading.index) == arms
    sizes = [len(pd.read_parquet(newest(studied, f"coreset_{arm}.parquet"))) for arm in arms[1:]]
    assert leading["images"].tolist() == [0, *sizes] and sizes == sorted(sizes)
    openset = pd.read_parquet(newest(studied, "openset_manifest.parquet"))
    assert leading["ratio_percent"].tolist() == pytest.approx([100 * n / len(openset) for n in [0, *sizes]])
    shifts = leading["mean"] - leading.loc["x", "mean"]
    assert leading["difference"].iloc[1:].tolist() == pytest.approx(shifts.iloc[1:].tolist())
    assert set(leading["against"].iloc[1:]) == {"x"}


def test_a_coreset_of_the_usual_threshold_is_the_usual_coreset(studied: Path) -> None:
    usual, named = (pd.read_parquet(newest(studied, f"coreset_{arm}.parquet")) for arm in ("simcore", "simcore_tau_95"))
    pd.testing.assert_frame_equal(usual, named)


def test_the_report_shows_studies_that_hold_and_only_those(
    studied: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    assert "Study: Threshold of the stop rule" in newest(studied, "report.html").read_text()
    # Other embeddings: what the study says is of another time.
    changed = {**small_data, "clustering": {"seed": 7}, "studies": {"thresholds": {"variants": []}}}
    run_here(studied, params=changed)
    assert "Study: " not in newest(studied, "report.html").read_text()


def test_a_study_re_uses_the_arms_that_were_compared(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    mine = {"studies": {"thresholds": {"arms": "x+simcore+random", "variants": []}}}
    with caplog.at_level(logging.INFO):
        run_here(root, params={**small_data, **mine}, pipeline_names=["thresholds"])
    assert set(ran(caplog)) == {"tabulate_thresholds", "draw_thresholds"}


def test_studies_need_nothing_that_they_do_not_make() -> None:
    for study in studies():
        free = {name for name in pipelines[study].inputs() if not name.startswith("params:")}
        assert not free, (study, free)


def test_variants_share_what_they_do_not_change() -> None:
    nodes = {node.name: node for node in pipelines["opensets"].nodes}
    # Another open-set is read, embedded and picked from by the same encoder, and X is trained on once.
    assert nodes["clothes_and_digits.embed_openset"].inputs[0] == "retrieval_encoder"
    assert "clothes_and_digits.train_retrieval_encoder" not in nodes and "x_clothes_and_digits.pretrain" not in nodes
    picked = nodes["pick_simcore_clothes_and_digits"].inputs
    own = ["rounds", "openset_embeddings", "excluded"]
    assert [name for name in picked if name.endswith("_clothes_and_digits")][:3] == [
        f"{name}_clothes_and_digits" for name in own
    ]
    assert "centroids" in picked
    nodes = {node.name: node for node in pipelines["methods"].nodes}
    trained = nodes["byol.train_retrieval_encoder"]
    assert "params:variants.byol.retrieval" in trained.inputs and "target_manifest" in trained.inputs
    assert nodes["byol.embed_openset"].inputs[:2] == ["retrieval_encoder_byol", "openset_manifest"]
    assert "params:variants.byol.pretraining" in nodes["simcore_byol.pretrain"].inputs


def test_a_variant_that_changes_nothing_is_the_run_itself(tmp_path: Path, small_data: dict) -> None:
    with session_here(tmp_path, params={**small_data, "method": "byol"}) as session:
        session.load_context()
        assert not [name for name in arms("methods") if name.endswith("_byol")]
        assert "x_swav" in arms("methods")


def test_a_study_of_variants_gives_each_its_own_encoder_and_pool(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    study = {"arms": "x+simcore", "variants": "byol+clothes_and_digits", "varied": "simcore"}
    with caplog.at_level(logging.INFO):
        run_here(root, params={**small_data, "studies": {"methods": study}}, pipeline_names=["methods"])
    again = set(ran(caplog))
    assert "x.pretrain" not in again and "embed_target" not in again
    table = pd.read_parquet(newest(root, "study_methods.parquet"))
    leading = table[table["protocol"] == "clean"].drop_duplicates("arm").set_index("arm")
    assert list(leading.index) == ["x", "simcore", "simcore_byol", "simcore_clothes_and_digits"]
    pool = pd.read_parquet(newest(root, "openset_manifest_clothes_and_digits.parquet"))
    assert pool["label"].str.startswith(("fashion/", "digit/")).all()
    picks = pd.read_parquet(newest(root, "coreset_simcore_clothes_and_digits.parquet"))
    assert set(picks["key"]) <= set(pool["key"])
    last = leading.loc["simcore_clothes_and_digits"]
    assert last["images"] == len(picks) and last["ratio_percent"] == pytest.approx(100 * len(picks) / len(pool))
    # BYOL's own retrieval encoder orders the pool in its own way.
    folders = [newest(root, name) for name in ("retrieval_encoder", "retrieval_encoder_byol")]
    cards = [json.loads(next(folder.rglob("card.json")).read_text()) for folder in folders]
    assert [card["method"] for card in cards] == ["simclr", "byol"]
