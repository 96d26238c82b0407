"""The main job from images to report, run again, changed, broken and resumed."""

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from simcore.backbones import Encoder
from simcore.embeddings import open_embeddings, write_embeddings
from simcore.images import ImageStore, eval_pixels
from tests.projects import ROOT, make_small_data, run_here, session_here

STAGES = (
    "ingestion",
    "retrieval",
    "embedding",
    "clustering",
    "selection",
    "pretraining",
    "evaluation",
    "reporting",
)


def newest(root: Path, name: str) -> Path:
    """Return the newest version of the artefact file or folder called `name`."""
    found = sorted(path for path in root.rglob(name) if path.parent.parent.name == name)
    assert found, f"{name} is not below {root}"
    return found[-1]


def ran(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the nodes that the logged run completed."""
    return [
        re.sub(r".*Completed node: ", "", record.getMessage())
        for record in caplog.records
        if "Completed node" in record.getMessage()
    ]


def test_every_stage_leaves_its_artefacts(finished: Path) -> None:
    for name in (
        "target_manifest.parquet",
        "openset_manifest.parquet",
        "retrieval_encoder",
        "target_embeddings",
        "openset_embeddings",
        "centroids.parquet",
        "coreset_simcore.parquet",
        "coreset_random.parquet",
        "trace.parquet",
        "certificate.json",
        "metrics_x.json",
        "metrics_random.json",
        "metrics_simcore.json",
        "metrics_references.json",
        "comparison.parquet",
        "report.html",
        "gallery.png",
    ):
        newest(finished, name)


def test_every_artefact_has_a_record_and_nothing_is_left_half_done(finished: Path) -> None:
    versions = {path.parent for path in finished.rglob("made_from.json")}
    artefacts = {path for path in finished.glob("0*/**/*T*Z") if path.is_dir()}
    assert artefacts == versions
    assert not list(finished.rglob("*.partial"))
    # Locks are held by a process and stay as files.
    left = [path for path in (finished / ".work").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert not left


def test_no_dataset_lives_in_memory_only(finished: Path) -> None:
    with session_here(finished) as session:
        catalog = session.load_context().catalog
        for name in sorted(pipelines["__default__"].datasets()):
            if not name.startswith(("params:", "parameters")):
                assert name in catalog, f"{name} has no catalog entry: it would be lost at the end of a run"


def test_coreset_and_random_draw_are_of_equal_size(finished: Path) -> None:
    coreset = pd.read_parquet(newest(finished, "coreset_simcore.parquet"))
    random = pd.read_parquet(newest(finished, "coreset_random.parquet"))
    assert len(coreset) == len(random) > 0
    assert coreset["key"].is_unique and random["key"].is_unique
    assert coreset["position"].is_unique
    openset = pd.read_parquet(newest(finished, "openset_manifest.parquet"))
    assert set(coreset["key"]) <= set(openset["key"])
    assert coreset["source"].notna().all()


def test_training_sets_hold_all_of_x_and_the_coreset(finished: Path) -> None:
    coreset = pd.read_parquet(newest(finished, "coreset_simcore.parquet"))
    target = pd.read_parquet(newest(finished, "target_manifest.parquet"))
    train = "target:" + target.loc[target["split"] == "train", "key"]
    sets = sorted((finished / "06_encoders" / "simcore" / "training_set.parquet").glob("*/training_set.parquet"))
    joined = pd.read_parquet(sets[-1])
    assert set(joined["key"]) == {*train, *("openset:" + coreset["key"])}


def test_embedding_rows_are_the_encoders_output_for_their_keys(finished: Path) -> None:
    encoder = Encoder.load(newest(finished, "retrieval_encoder"))
    embeddings = open_embeddings(newest(finished, "openset_embeddings"))
    manifest = pd.read_parquet(newest(finished, "openset_manifest.parquet"))
    assert embeddings.keys().tolist() == manifest["key"].tolist()
    rows = embeddings.to_numpy()
    for row in (0, 17, len(manifest) - 1):
        pixels = eval_pixels(ImageStore(manifest.iloc[[row]].reset_index(drop=True)), image_size=28)
        np.testing.assert_allclose(
            rows[row], encoder.encode(pixels)[0].numpy().astype(np.float16), rtol=2e-3, atol=1e-4
        )


def test_every_pick_is_explained_by_target_images(finished: Path) -> None:
    explanations = pd.read_parquet(newest(finished, "explanations.parquet"))
    coreset = pd.read_parquet(newest(finished, "coreset_simcore.parquet"))
    target = pd.read_parquet(newest(finished, "target_manifest.parquet"))
    assert explanations.groupby("key").size().eq(3).all()
    assert set(explanations["key"]) == set(coreset["key"])
    assert set(explanations["target"]) <= set(target.loc[target["split"] == "train", "key"])
    assert explanations.groupby("key")["target_similarity"].is_monotonic_decreasing.all()


def test_the_report_sets_one_centroid_against_all_without_training_on_its_coreset(finished: Path) -> None:
    report = newest(finished, "report.html").read_text()
    k = len(pq.read_table(newest(finished, "centroids.parquet")))
    assert f"One centroid against {k}" in report and "images are in both" in report
    assert not (finished / "06_encoders" / "simcore_k1").exists()


def test_metrics_name_arm_seed_and_protocol(finished: Path) -> None:
    records = json.loads(newest(finished, "metrics_simcore.json").read_text())
    assert {record["arm"] for record in records} == {"simcore"}
    assert {record["seed"] for record in records} == {0}
    assert all(record["protocol"] and record["n"] > 0 for record in records)
    assert {"linear", "knn", "label_free"} <= {record["evaluation"] for record in records}


def test_second_run_makes_nothing_and_leaves_no_row_in_mlflow(
    finished: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run_here(finished, params=small_data)
    assert ran(caplog) == []
    assert any("no new MLflow run" in record.getMessage() for record in caplog.records)


def test_same_seed_gives_the_same_coreset_anywhere(finished: Path, small_data: dict, tmp_path: Path) -> None:
    run_here(
        tmp_path,
        params=small_data,
        pipeline_names=["ingestion", "retrieval", "embedding", "clustering", "selection"],
    )
    first = pd.read_parquet(newest(finished, "coreset_simcore.parquet"))
    second = pd.read_parquet(newest(tmp_path, "coreset_simcore.parquet"))
    pd.testing.assert_frame_equal(first, second)


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished data root, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_changed_tau_remakes_selection_and_what_follows(
    copy: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(pd.read_parquet(newest(copy, "coreset_simcore.parquet")))
    with caplog.at_level(logging.INFO):
        run_here(copy, params={**small_data, "selection": {"tau": 0.99}})
    done = ran(caplog)
    assert {
        "pick_coreset",
        "pick_random",
        "simcore.pretrain",
        "random.pretrain",
        "simcore.evaluate",
        "compare",
        "write_report",
    } <= set(done)
    assert not {
        "ingest_target",
        "train_retrieval_encoder",
        "embed_openset",
        "cluster_target",
        "x.pretrain",
        "x.evaluate",
    } & set(done)
    assert len(pd.read_parquet(newest(copy, "coreset_simcore.parquet"))) < before


def test_changed_data_remake_everything_that_rests_on_them(
    copy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sources = make_small_data(tmp_path / "changed")
    params = {"target": {"source": sources["target"]}, "openset": {"source": sources["openset"]}}
    chain = ["ingestion", "retrieval", "embedding", "clustering", "selection"]
    run_here(copy, params=params, pipeline_names=chain)
    openset = pq.read_table(sources["openset"])
    pq.write_table(openset.slice(0, len(openset) - 100), sources["openset"])
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_here(copy, params=params, pipeline_names=chain)
    picking = {"pick_coreset", "pick_random", "explain_coreset", "peel_rounds_k1", "pick_simcore_k1"}
    assert set(ran(caplog)) == {"ingest_openset", "embed_openset", *picking}
    assert len(open_embeddings(newest(copy, "openset_embeddings"))) == len(openset) - 100


class BreakAt:
    """A hook that breaks the run at a stage's first node."""

    def __init__(self, nodes: set[str]) -> None:
        self.nodes = nodes

    @hook_impl
    def before_node_run(self, node) -> None:
        if node.name in self.nodes:
            raise RuntimeError(f"broken at {node.name}")


def test_chain_broken_at_any_stage_resumes_with_the_printed_command(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bootstrap_project(ROOT)
    pipelines.set_requested(None)
    nodes = {stage: {node.name for node in pipelines[stage].nodes} for stage in STAGES}
    resume: dict[str, list[str]] = {}
    for stage in STAGES:
        caplog.clear()
        with pytest.raises(RuntimeError, match="broken at"), caplog.at_level(logging.INFO):
            run_broken(tmp_path, small_data, BreakAt(nodes[stage]), resume)
        printed = "\n".join(record.getMessage() for record in caplog.records)
        command = re.search(r'--from-nodes "([^"]*)"', printed)
        resume = {"from_nodes": command.group(1).split(",")} if command else {}
    run_here(tmp_path, params=small_data, **resume)
    for name in ("coreset_simcore.parquet", "comparison.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(newest(tmp_path, name)), pd.read_parquet(newest(finished, name)))
    newest(tmp_path, "report.html")


def run_broken(root: Path, params: dict, breaker: BreakAt, resume: dict[str, list[str]]) -> None:
    """Run with a hook that breaks the chain."""
    load_context = KedroSession.load_context

    def with_breaker(session: KedroSession):
        session._hook_manager.register(breaker)
        return load_context(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KedroSession, "load_context", with_breaker)
        run_here(root, params=params, **resume)


def test_small_data_are_what_the_tests_say(small_data: dict) -> None:
    target = pq.read_table(small_data["target"]["source"])
    assert target.filter(pa.compute.equal(target["split"], "train")).num_rows == 60


def test_selection_on_own_embeddings_needs_no_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    draw = np.random.default_rng(0)
    for name, n in (("target", 40), ("openset", 500)):
        keys = [f"{name}/{i:04d}" for i in range(n)]
        write_embeddings(tmp_path / name, keys, draw.normal(size=(n, 16)))
    params = {
        "target": {"embeddings": str(tmp_path / "target")},
        "openset": {"embeddings": str(tmp_path / "openset")},
        "selection": {"budget": 30, "tau": None},
    }
    run_here(tmp_path / "root", params=params, pipeline_names=["clustering", "selection"])
    coreset = pd.read_parquet(newest(tmp_path / "root", "coreset_simcore.parquet"))
    assert len(coreset) == 30
    assert set(coreset["source"]) == {"openset"}
    write_embeddings(tmp_path / "other", [f"o/{i}" for i in range(100)], draw.normal(size=(100, 16)))
    params["openset"] = {"embeddings": str(tmp_path / "other")}
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_here(tmp_path / "root", params=params, pipeline_names=["clustering", "selection"])
    picking = {"pick_coreset", "pick_random", "explain_coreset", "peel_rounds_k1", "pick_simcore_k1"}
    assert set(ran(caplog)) == picking
