"""The planner as a person meets it: before anything has run, after the selection, and after a changed parameter."""

import shutil

import pandas as pd

from tests.projects import run_here


def _plan(root, params) -> pd.DataFrame:
    return run_here(root, pipeline_names=["plan"], params=params)["plan"].load().set_index("training")


def test_bounds_before_the_selection(tmp_path, small_data, caplog):
    with caplog.at_level("INFO"):
        table = _plan(tmp_path, small_data)
    # 600 embeddings of 128 values, and keys.
    assert "embeddings of the open-set 0.2 MiB" in caplog.text and "are free there" in caplog.text
    assert list(table.index) == ["retrieval", "x", "random", "simcore"]
    assert list(table["bound"]) == ["exact", "exact", "at most", "at most"]
    n_target = table.loc["x", "images"]
    assert table.loc["simcore", "images"] == n_target + min(50 * n_target, 600)
    assert (table["hours"] > 0).all()
    assert not (tmp_path / "03_retrieval").exists()  # nothing was trained


def test_without_tau_everything_is_exact(tmp_path, small_data):
    table = _plan(tmp_path, {**small_data, "selection": {"tau": None, "budget": 30}})
    assert set(table["bound"]) == {"exact"}
    assert table.loc["simcore", "images"] == table.loc["x", "images"] + 30


def test_after_the_selection_it_is_exact_and_stale_selections_do_not_count(finished, small_data, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(finished, root)
    coreset = pd.read_parquet(next(root.glob("05_coresets/coreset_simcore.parquet/*/*.parquet")))
    table = _plan(root, small_data)
    assert set(table["bound"]) == {"exact"}
    assert table.loc["simcore", "images"] == table.loc["x", "images"] + len(coreset)
    assert "tau decided" in table.loc["simcore", "size_decided_by"]
    stale = _plan(root, {**small_data, "selection": {"tau": 0.9}})
    assert stale.loc["simcore", "bound"] == "at most"
    again = _plan(root, {**small_data, "comparison": {"arms": ["x", "random"]}})
    assert list(again.index) == ["retrieval", "x", "random"]
    again = _plan(root, small_data)
    assert again.loc["simcore", "bound"] == "exact"


def test_a_matched_arm_takes_the_steps_of_the_coreset(tmp_path, small_data):
    longer = {"optimisation": {"steps": None, "epochs": 3}}
    table = _plan(tmp_path, {**small_data, "selection": {"tau": None, "budget": 64}, "pretraining": longer})
    assert table.loc["x", "steps"] == table.loc["simcore", "steps"]
    assert table.loc["x", "images"] < table.loc["simcore", "images"]


def test_every_kind_of_arm_is_planned(tmp_path, small_data):
    arms = "x+x_matched+os+x_os+random+simcore_k1+simcore+oracle+random_5pct+simcore_tau_99"
    settings = {"optimisation": {"steps": None, "epochs": 3, "warmup_steps": 0}}
    comparison = {"arms": arms, "fairness": "paper"}
    table = _plan(tmp_path, {**small_data, "pretraining": settings, "comparison": comparison})
    n_x, n_os = table.loc["x", "images"], table.loc["os", "images"]
    assert table.loc["x_os", "images"] == n_x + n_os and table.loc["os", "of_target"] == 0
    assert table.loc["random_5pct", "images"] == n_x + int(0.05 * n_os)
    assert table.loc["x", "steps"] < table.loc["x_matched", "steps"] == table.loc["simcore", "steps"]
    assert table.loc["simcore_k1", "bound"] == table.loc["oracle", "bound"] == "at most"


def test_images_that_go_along_are_counted(tmp_path, small_data):
    epochs = {"optimisation": {"steps": None, "epochs": 3, "warmup_steps": 0, "batch_size": 16}}
    params = {**small_data, "comparison": {"arms": "x_os", "fairness": "paper"}}
    table = _plan(tmp_path, {**params, "pretraining": {"method": "ehns_m", **epochs}})
    row = table.loc["x_os"]
    assert (row["images"], row["of_target"], row["share_of_target"]) == (660, 60, 60 / 660)
    # Epochs are of X alone: three times 3 batches, each with as many images of the open-set.
    assert (row["epochs"], row["steps"], row["images_seen"]) == (3, 3 * 3, 2 * 3 * 3 * 16)
    assert row["hours"] > 0
    # The queue is in every checkpoint; all else is as of the retrieval encoder's SimCLR.
    more = row["disk_gib"] - table.loc["retrieval", "disk_gib"]
    assert more * 2**30 == 3 * (4_096 * 128 * 4 + 8)
