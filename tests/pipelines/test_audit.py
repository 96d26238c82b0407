"""The audit as a person meets it: planted copies are found, counted, shown, and left out of the selection."""

import json
import logging
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simcore.audit import excluded_by_list
from simcore.errors import InputError
from simcore.parameters import ParameterTree
from simcore.pipelines.pretraining import nodes as pretraining
from simcore.pipelines.pretraining.training_sets import join
from tests.journeys.test_main_job import newest, ran
from tests.projects import make_small_data, run_here

CHAIN = ["ingestion", "retrieval", "embedding", "screening", "clustering", "selection"]
PLANTED = 5


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict[str, str]]:
    """Small data with some test and train images of the target planted in the open-set: sources, planted keys."""
    sources = make_small_data(tmp_path_factory.mktemp("leaking"))
    target, openset = pq.read_table(sources["target"]).to_pylist(), pq.read_table(sources["openset"])
    extra, planted = [], {}
    for split in ("test", "train"):
        for row in [row for row in target if row["split"] == split][:PLANTED]:
            key = f"planted/{split}/{len(extra):02d}"
            planted[key] = row["key"]
            extra.append({name: row.get(name) for name in openset.schema.names} | {"key": key})
    table = pa.concat_tables([openset, pa.Table.from_pylist(extra, schema=openset.schema)])
    pq.write_table(table, sources["openset"])
    params = {pool: {"source": sources[pool]} for pool in ("target", "openset")}
    return params, planted


@pytest.fixture(scope="module")
def audited(leaking: tuple, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in which the selection and then the audit have run; tests must not write to it."""
    root = tmp_path_factory.mktemp("audited")
    run_here(root, params=leaking[0], pipeline_names=CHAIN)
    run_here(root, params=leaking[0], pipeline_names=["audit"])
    return root


@pytest.fixture
def copy(audited: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(audited, tmp_path / "copy"))


def excluding(params: dict, exclude: str | None, **more: object) -> dict:
    return {**params, "selection": {"exclude": exclude, **more}}


def picks(root: Path, arm: str = "simcore") -> list[str]:
    return pd.read_parquet(newest(root, f"coreset_{arm}.parquet"))["key"].tolist()


def test_planted_images_are_found_by_their_bytes(audited: Path, leaking: tuple) -> None:
    duplicates = pd.read_parquet(newest(audited, "duplicates.parquet"))
    same = duplicates[(duplicates["kind"] == "bytes") & (duplicates["left_pool"] == "openset")]
    assert dict(zip(same["left_key"], same["right_key"], strict=True)) == leaking[1]
    assert (same["split"] == same["left_key"].str.split("/").str[1]).all()
    picked = set(picks(audited))
    assert set(same.loc[same["picked_by"].str.contains("simcore"), "left_key"]) == set(same["left_key"]) & picked
    # The images of X are what the centroids are made of: the selection finds the planted ones.
    assert len(picked & set(leaking[1])) >= PLANTED


def test_counts_by_arm_agree_with_the_table(audited: Path) -> None:
    records = json.loads(newest(audited, "audit_summary.json").read_text())
    values = {(r["arm"], r["metric"], r["protocol"]): r["value"] for r in records}
    duplicates = pd.read_parquet(newest(audited, "duplicates.parquet"))
    assert values["openset", "images_of_test", "bytes"] == values["openset", "images_of_train", "bytes"] == PLANTED
    for arm in ("simcore", "random"):
        of_test = duplicates[
            duplicates["left_key"].isin(picks(audited, arm))
            & (duplicates["split"] == "test")
            & (duplicates["left_pool"] == "openset")
            & (duplicates["kind"] != "embedding")
        ]
        assert values[arm, "picks_of_test", "copies"] == of_test["left_key"].nunique()
    assert values["simcore", "test_images_seen", "copies"] >= values["x", "test_images_seen", "copies"]


def test_counts_are_metrics_of_the_arms(audited: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{audited / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("simcore").experiment_id])
    logged = {
        run.data.tags.get("arm"): run.data.metrics for run in runs if "audit_test_images_seen.bytes" in run.data.metrics
    }
    assert {"x", "random", "simcore"} <= set(logged)
    assert logged["simcore"]["audit_picks_of_test.bytes"] >= 1


def test_an_audit_before_any_selection_trains_nothing(leaking: tuple, tmp_path: Path) -> None:
    run_here(tmp_path, params=leaking[0], pipeline_names=["audit"])
    assert not (tmp_path / "03_retrieval").exists()
    duplicates = pd.read_parquet(newest(tmp_path, "duplicates.parquet"))
    assert set(leaking[1]) <= set(duplicates["left_key"])
    arms = {record["arm"] for record in json.loads(newest(tmp_path, "audit_summary.json").read_text())}
    assert arms == {"openset", "x"}


def test_the_same_data_give_the_same_table_anywhere(audited: Path, leaking: tuple, tmp_path: Path) -> None:
    run_here(tmp_path, params=leaking[0], pipeline_names=["screening", "ingestion"])
    pd.testing.assert_frame_equal(
        pd.read_parquet(newest(audited, "leaks.parquet")), pd.read_parquet(newest(tmp_path, "leaks.parquet"))
    )


def test_without_exclusion_nothing_is_hashed_for_a_selection(
    leaking: tuple, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run_here(tmp_path, params=leaking[0], pipeline_names=CHAIN)
    assert "list_excluded" in ran(caplog)
    assert not {"hash_target", "hash_openset", "find_leaks"} & set(ran(caplog))
    assert pd.read_parquet(newest(tmp_path, "excluded.parquet")).empty


def test_excluding_the_audit_runs_it_first_and_leaves_its_finds_out(
    leaking: tuple, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params, planted = leaking
    with caplog.at_level(logging.INFO):
        run_here(tmp_path, params=excluding(params, "audit"), pipeline_names=CHAIN)
    done = ran(caplog)
    assert done.index("find_leaks") < done.index("list_excluded") < done.index("pick_coreset")
    excluded = pd.read_parquet(newest(tmp_path, "excluded.parquet"))
    assert set(planted) <= set(excluded["key"])
    assert dict(zip(excluded["key"], excluded["target"], strict=True)).items() >= planted.items()
    for arm in ("simcore", "random"):
        assert picks(tmp_path, arm) and not set(picks(tmp_path, arm)) & set(excluded["key"])
    certificate = json.loads(newest(tmp_path, "certificate.json").read_text())
    assert certificate["n_excluded"] == len(excluded)


def test_copies_of_the_test_part_alone(copy: Path, leaking: tuple, caplog: pytest.LogCaptureFixture) -> None:
    params, planted = leaking
    with caplog.at_level(logging.INFO):
        run_here(copy, params=excluding(params, "audit", exclude_copies_of="test"), pipeline_names=CHAIN)
    # What the audit had hashed and found holds.
    picking = {"pick_coreset", "pick_random", "explain_coreset", "peel_rounds_k1", "pick_simcore_k1"}
    assert set(ran(caplog)) == {"list_excluded", *picking}
    of_test = {key for key in planted if "/test/" in key}
    assert not set(picks(copy)) & of_test
    assert set(picks(copy)) & (set(planted) - of_test)


def test_a_list_of_keys_is_left_out(copy: Path, leaking: tuple, tmp_path: Path) -> None:
    listed = picks(copy)[:7]
    path = tmp_path / "left_out.txt"
    path.write_text("\n".join(listed))
    run_here(copy, params=excluding(leaking[0], str(path)), pipeline_names=["selection"])
    assert not set(picks(copy)) & set(listed)
    # Another content is another exclusion.
    path.write_text("\n".join(listed[:1]))
    run_here(copy, params=excluding(leaking[0], str(path)), pipeline_names=["selection"])
    assert set(picks(copy)) & set(listed[1:])
    path.write_text("unknown/key.png")
    with pytest.raises(InputError, match=r"1 of 1 excluded keys are not in the open-set: 'unknown/key.png'"):
        run_here(copy, params=excluding(leaking[0], str(path)), pipeline_names=["selection"])


def test_a_selection_that_needs_an_audit_says_so(finished: Path, small_data: dict, tmp_path: Path) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "copy"))
    with pytest.raises(InputError, match="run the stage `screening` before the selection"):
        run_here(root, params=excluding(small_data, "audit"), pipeline_names=["selection"])


def test_a_coreset_selected_anew_leaves_the_same_images_out(
    manifests: dict, settings: ParameterTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    openset = manifests["openset"]
    training_set = join(manifests["target"], openset, openset["key"].head(10))
    offered = []

    def plan_reselections(folder: Path, **facts) -> None:
        offered.append(facts["openset_manifest"]["key"].tolist())

    monkeypatch.setattr(pretraining, "plan_reselections", plan_reselections)
    monkeypatch.setattr(pretraining, "_pretrain", lambda *_, renewal, **__: renewal(tmp_path, seed=0))
    pretraining.pretrain_coreset(
        training_set=training_set,
        target_manifest=manifests["target"],
        openset_manifest=openset,
        excluded=excluded_by_list(openset["key"].iloc[5:9]),
        image_size={"image_size": 28, "grey": True},
        images=settings.images,
        embedding=settings.embedding,
        clustering=settings.clustering,
        selection=settings.selection,
        pretraining=settings.pretraining.model_copy(update={"reselections": 1}),
        comparison=settings.comparison,
        settings=settings.arms["simcore"],
        matched=None,
        runtime=settings.runtime,
        arm="simcore",
    )
    assert offered == [[*openset["key"].iloc[:5], *openset["key"].iloc[9:]]]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"selection": {"exclude": "audti"}}, r"`selection.exclude` is 'audti'.*should be null, 'audit' or a list"),
        ({"selection": {"exclude_copies_of": "tset"}}, r"`selection.exclude_copies_of`"),
        ({"audit": {"hamming": 65}}, r"`audit.hamming` is 65"),
        ({"audit": {"cosine": 1.2}}, r"`audit.cosine` is 1.2"),
    ],
)
def test_wrong_parameters_stop_before_any_work(params: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        run_here(tmp_path, params=params, pipeline_names=["audit"])


def test_a_changed_cosine_hashes_nothing_again(copy: Path, leaking: tuple, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run_here(copy, params={**leaking[0], "audit": {"cosine": 0.9}}, pipeline_names=["audit"])
    assert set(ran(caplog)) == {"find_alike", "join_duplicates", "count_duplicates", "draw_duplicates"}
    duplicates = pd.read_parquet(newest(copy, "duplicates.parquet"))
    alike = duplicates[duplicates["kind"] == "embedding"]
    # Test images have no embeddings by themselves: the audit made them.
    assert set(alike["split"]) == {"test", "train"} and alike["score"].min() >= 0.9


def test_nothing_found_is_drawn_and_counted_too(small_data: dict, tmp_path: Path) -> None:
    strict = {"hamming": 0, "correlation": 1.0, "cosine": None}
    run_here(tmp_path, params={**small_data, "audit": strict}, pipeline_names=["audit"])
    assert pd.read_parquet(newest(tmp_path, "duplicates.parquet")).empty
    assert newest(tmp_path, "duplicates_gallery.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.long
def test_the_report_shows_the_audit_once_it_holds(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "not audited" in newest(finished, "report.html").read_text()
    root = Path(shutil.copytree(finished, tmp_path / "copy"))
    run_here(root, params=small_data, pipeline_names=["audit"])
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_here(root, params=small_data)
    assert ran(caplog) == ["write_report"]
    page = newest(root, "report.html").read_text()
    assert "Copies by arm, exact or near" in page and "not audited" not in page
