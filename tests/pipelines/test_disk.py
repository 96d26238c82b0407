"""What a run will write, held against what it wrote; and a run on a disk that is too small."""

import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.io.core import Version

from simcore.datasets import TableDataset
from simcore.disk import folder_bytes, total_bytes
from simcore.errors import ArtefactError, DiskError
from simcore.parameters import check_parameters
from simcore.pipelines.plan.disk import count_rows, find_needs
from simcore.reuse import make_plan
from simcore.workspace import enter_work_directory, leave_work_directory, work_directory
from tests.journeys.test_main_job import newest
from tests.projects import run_here, session_here

SPACE = 2**17


def needs_of(root, params):
    """Return what the job will write from the manifests on, by words."""
    with session_here(root, params=params) as session:
        context = session.load_context()
        tree = check_parameters(dict(context.config_loader["parameters"]))
        manifests = pipelines["ingestion"].all_outputs()
        nodes = [node for node in pipelines["__default__"].nodes if not manifests & set(node.outputs)]
        left = sum(
            (pipelines["__default__"].filter(node_names=[node.name]) for node in nodes[1:]), start=nodes_of(nodes)
        )
        return {need.what: need for need in find_needs(left, context._get_catalog(), tree)}


def test_needs_are_what_the_job_has_written(finished, small_data):
    needs = needs_of(finished, small_data)
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


def test_states_of_all_seeds_lie_there_at_once(finished, small_data):
    one, three = (needs_of(finished, {**small_data, "comparison": {"seeds": seeds}}) for seeds in ([0], [0, 1, 2]))
    for what in ("states of training encoders x", "encoders x"):
        assert three[what].bytes == 3 * one[what].bytes
    retrieval = "states of training retrieval encoder"
    assert three[retrieval] == one[retrieval]


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


def test_a_killed_extraction_counts_for_its_own_recipe_alone(finished, tmp_path, small_data, monkeypatch):
    root = tmp_path / "root"
    shutil.copytree(finished, root)
    changed = {**small_data, "embedding": {"rows_per_shard": 100}}
    with session_here(root, params=changed) as session:
        catalog = session.load_context()._get_catalog()
        fingerprints = {step.node: step.fingerprint for step in make_plan(pipelines["embedding"], catalog).steps}
        tree = check_parameters(dict(session.load_context().config_loader["parameters"]))
        needed = {need.node: need.bytes for need in find_needs(pipelines["embedding"], catalog, tree)}
    assert set(needed) == {"embed_target", "embed_openset"}
    monkeypatch.setattr("simcore.disk.free_bytes", lambda folder: needed["embed_target"])
    for fingerprint in ("0" * 64, fingerprints["embed_openset"]):
        with pytest.raises(DiskError):
            run_here(root, params=changed, pipeline_names=["embedding"])
        enter_work_directory(root / ".work", node="embed_openset", fingerprint=fingerprint)
        (work_directory() / "left").write_bytes(bytes(2 * sum(needed.values())))
        leave_work_directory(remove=False)
    run_here(root, params=changed, pipeline_names=["embedding"])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A stored manifest."""
    dataset = TableDataset(filepath=str(tmp_path / "manifest.parquet"), version=Version(None, "1"))
    dataset.save(pd.DataFrame({"key": ["a", "bcd"] * 20, "split": ["train", "test"] * 20}))
    return tmp_path / "manifest.parquet" / "1" / "manifest.parquet"


def test_a_manifest_that_cannot_be_read_is_named(manifest: Path):
    assert count_rows(manifest) == (20, 2.0)
    whole = manifest.read_bytes()
    refused = 0
    for place in range(len(whole)):
        manifest.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:  # bytes that still parse are compared when the node loads them
            count_rows(manifest)
        except ArtefactError as error:
            assert str(error).startswith(f"{manifest} cannot be read (") and "\n" not in str(error)
            refused += 1
    assert refused > 8  # the marks at both ends alone
    manifest.write_bytes(whole[:-1])
    with pytest.raises(ArtefactError, match=r"manifest\.parquet has .* bytes instead of .*; remove .*/1, and"):
        count_rows(manifest)


def test_a_card_that_cannot_be_read_is_named(finished, tmp_path, small_data):
    root = tmp_path / "root"
    shutil.copytree(finished, root)
    card = newest(root, "retrieval_encoder") / "card.json"
    card.write_bytes(b"?" + card.read_bytes()[1:])
    changed = {**small_data, "embedding": {"rows_per_shard": 100}}
    with pytest.raises(ArtefactError, match=r"card\.json cannot be read \(.*; remove .* makes it again"):
        run_here(root, params=changed, pipeline_names=["embedding"])
