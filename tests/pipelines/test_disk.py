"""What a run will write, held against what it wrote; and a run on a disk that is too small."""

import logging
import shutil
from pathlib import Path

import pytest
from kedro.framework.project import pipelines

from simcore.disk import folder_bytes, total_bytes
from simcore.errors import DiskError
from simcore.parameters import check_parameters
from simcore.pipelines.plan.disk import find_needs
from tests.journeys.test_main_job import newest
from tests.projects import run_here, session_here

SPACE = 2**17


def test_needs_are_what_the_job_has_written(finished, small_data):
    with session_here(finished, params=small_data) as session:
        context = session.load_context()
        tree = check_parameters(dict(context.config_loader["parameters"]))
        manifests = pipelines["ingestion"].all_outputs()
        nodes = [node for node in pipelines["__default__"].nodes if not manifests & set(node.outputs)]
        left = sum(
            (pipelines["__default__"].filter(node_names=[node.name]) for node in nodes[1:]), start=nodes_of(nodes)
        )
        needs = {need.what: need for need in find_needs(left, context._get_catalog(), tree)}
    for what, name in (
        ("target embeddings", "target_embeddings"),
        ("openset embeddings", "openset_embeddings"),
        ("retrieval encoder", "retrieval_encoder"),
        ("encoders x", "encoders"),
    ):
        written = folder_bytes(newest(finished, name))
        assert 0.8 * written < needs[what].bytes < 1.05 * written, what
    lasting = [need for need in needs.values() if need.lasting]
    assert sorted(need.what for need in lasting) == sorted(
        ["openset embeddings", "target embeddings", "retrieval encoder", *(f"encoders {arm}" for arm in ARMS)]
    )
    states = [need.bytes for need in needs.values() if not need.lasting]
    assert total_bytes(list(needs.values())) == sum(need.bytes for need in lasting) + max(states)


ARMS = ("x", "random", "simcore")


def nodes_of(nodes):
    return pipelines["__default__"].filter(node_names=[nodes[0].name])


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcore.disk.free_bytes", lambda folder: SPACE)


def test_a_new_job_stops_once_its_size_is_known(tmp_path: Path, small_data, small_disk):
    with pytest.raises(DiskError, match=r"writes up to .* MiB below .*openset embeddings.*0\.1 MiB are free"):
        run_here(tmp_path, params=small_data, pipeline_names=["ingestion", "retrieval", "embedding"])
    assert (tmp_path / "02_manifests").exists() and not (tmp_path / "03_retrieval").exists()


def test_a_finished_job_needs_nothing_and_a_wish_is_a_wish(finished, tmp_path, small_data, small_disk, caplog):
    root = tmp_path / "root"
    shutil.copytree(finished, root)
    with caplog.at_level(logging.INFO):
        run_here(root, params=small_data, pipeline_names=["ingestion", "retrieval", "embedding"])
        assert "writes up to" not in caplog.text
        changed = {**small_data, "embedding": {"rows_per_shard": 100}}
        stages = ["ingestion", "retrieval", "embedding"]
        caplog.clear()
        with pytest.raises(DiskError):
            run_here(root, params=changed, pipeline_names=stages)
        assert "Completed node" not in caplog.text  # the manifests are there: it stops before anything runs
        run_here(root, params={**changed, "plan": {"disk": "ignore"}}, pipeline_names=stages)
        assert "Completed node" in caplog.text and "writes up to" not in caplog.text
