"""`kedro run --pipelines active_learning`: with the labels there are, and as a person labels between rounds."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simcore.backbones import create_random_encoder
from simcore.downstream.active_learning import task
from simcore.errors import InputError
from simcore.parameters import ParameterTree
from simcore.pipelines.active_learning.nodes import learn_arm
from simcore.supervised import draw_share
from simcore.workspace import enter_work_directory, leave_work_directory
from tests.journeys.test_main_job import newest, ran
from tests.projects import run_here

NODES = {f"given.{name}" for name in ("learn_actively", "draw_rounds", "wait_for_labels")}


def run(root: Path, small_data: dict, **active: Any) -> None:
    params = {
        "target": small_data["target"],
        "evaluation": {"encoder": "random:resnet10_small"},
        "active_learning": {"queries": "badge", **active},
    }
    run_here(root, pipeline_names=["active_learning"], params=params)


def learn(manifest: pd.DataFrame, settings: ParameterTree, **active: Any) -> Any:
    """Return what the node makes of the encoder that `run` is given."""
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
    parameters = settings.active_learning.model_copy(update={"queries": ("badge",), **active})
    return learn_arm({0: encoder}, manifest, settings.images, parameters, settings.runtime, "given")


def nodes(caplog: pytest.LogCaptureFixture) -> set[str]:
    names = set(ran(caplog))
    caplog.clear()
    return names


def table(root: Path) -> pd.DataFrame:
    return pd.read_parquet(newest(root, "active_queries_given.parquet"))


def train_rows(root: Path) -> pd.DataFrame:
    manifest = pd.read_parquet(newest(root, "target_manifest.parquet"))
    return manifest[manifest["split"] == "train"]


def test_a_given_encoder_asks_and_learns(tmp_path: Path, small_data: dict, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    root = tmp_path / "root"
    run(root, small_data, queries="random+badge")
    assert nodes(caplog) >= NODES
    found = pd.DataFrame(json.loads(newest(root, "metrics_active_learning_given.json").read_text()))
    assert set(found["protocol"]) == {
        f"clean {query} {share} % of labels" for query in ("random", "badge") for share in (20, 40)
    }
    assert set(found["evaluation"]) == {"active_learning"} and set(found["encoder"]) == {"random:resnet10_small"}
    assert found[["share", "labels"]].drop_duplicates().values.tolist() == [[0.2, 12], [0.4, 24]]
    # What each query asked for, in its order; the first round is one random draw.
    queries, train = table(root), train_rows(root)
    for name in ("random", "badge"):
        asked = queries[queries["query"] == name]
        assert asked["round"].tolist() == [1] * 12 + [2] * 12 and asked["key"].nunique() == 24
        assert asked["position"].tolist() == [*range(12), *range(12)]
    drawn = {share: set(draw_share(train, share=share, seed=0, stratified=False)["key"]) for share in (0.2, 0.4)}
    assert set(queries.loc[queries["round"] == 1, "key"]) == drawn[0.2]
    assert set(queries.loc[queries["query"] == "random", "key"]) == drawn[0.4]
    assert queries["label"].tolist() == train.set_index("key")["label"].loc[queries["key"]].tolist()
    figure = json.loads(newest(root, "figure_active_learning_given.json").read_text())
    assert [line["name"] for line in figure["data"]] == ["random", "badge"]
    assert newest(root, "active_gallery_given.png").read_bytes().startswith(b"\x89PNG")
    assert "Every image that was asked for has its label" in (root / "07_evaluation/active_page_given.html").read_text()
    assert not list((root / ".work").glob("*learn_actively*"))

    # Another number of pictures draws again and learns nothing again.
    run(root, small_data, queries="random+badge", pictures=2)
    assert nodes(caplog) == {"given.draw_rounds", "given.wait_for_labels"}


def test_a_killed_node_goes_on(
    tmp_path: Path, manifests: dict, settings: ParameterTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, trained = task.fit_classifier, []

    def stopping(*given: Any, **named: Any) -> Any:
        trained.append(named["description"])
        if len(trained) == 2:
            raise KeyboardInterrupt
        return fit(*given, **named)

    def work() -> Any:
        enter_work_directory(tmp_path, node="learn", fingerprint="same")
        try:
            return learn(manifests["target"], settings)
        finally:
            leave_work_directory(remove=False)

    monkeypatch.setattr(task, "fit_classifier", stopping)
    with pytest.raises(KeyboardInterrupt):
        work()
    found = work()
    assert trained == ["start, 20 % of labels", "badge, 40 % of labels", "badge, 40 % of labels"]
    straight = learn(manifests["target"], settings)
    assert found[0] == straight[0]
    pd.testing.assert_frame_equal(found[1], straight[1])


def test_a_person_labels_between_the_rounds(
    tmp_path: Path, small_data: dict, manifests: dict, settings: ParameterTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, labels = tmp_path / "root", tmp_path / "labels.csv"
    wanted = root / "07_evaluation" / "active_wanted_given.csv"
    own_records, own_queries, _ = learn(manifests["target"], settings)
    truth = manifests["target"].set_index("key")["label"]
    # Nobody has labelled the training images.
    raw = pd.read_parquet(small_data["target"]["source"])
    raw.loc[raw["split"] == "train", "label"] = None
    raw.to_parquet(tmp_path / "target.parquet", index=False)
    unlabelled = {"target": {"source": str(tmp_path / "target.parquet")}}
    fit, trained = task.fit_classifier, []

    def counted(*given: Any, **named: Any) -> Any:
        trained.append(named["description"])
        return fit(*given, **named)

    monkeypatch.setattr(task, "fit_classifier", counted)

    labels.write_text("key,label\n")
    words = f"12 images wait for a label: {wanted} lists them, .* add its lines to {labels}"
    for number, times in ((1, 2), (2, 1)):
        # Where nothing was added, it is said again.
        for _ in range(times):
            with pytest.raises(InputError, match=words):
                run(root, unlabelled, labels=str(labels))
        assert len(trained) == number - 1
        queries = table(root)
        assert queries["round"].max() == number and queries["label"].isna().sum() == 12
        asked = pd.read_csv(wanted, dtype=str, keep_default_na=False)
        assert asked["key"].tolist() == sorted(queries.loc[queries["label"].isna(), "key"])
        page = (root / "07_evaluation" / "active_page_given.html").read_text()
        assert "12 images wait for a label" in page and all(f'"caption">{key}<' in page for key in asked["key"])
        assert not (root / "07_evaluation" / "metrics_active_learning_given.json").exists()
        with labels.open("a") as file:
            file.writelines(f"{key},{truth[key]}\n" for key in asked["key"])
    run(root, unlabelled, labels=str(labels))
    assert len(trained) == 2
    found = json.loads(newest(root, "metrics_active_learning_given.json").read_text())
    assert [record["value"] for record in found] == [record["value"] for record in own_records]
    pd.testing.assert_frame_equal(table(root).drop(columns="uri"), own_queries.drop(columns="uri"))


def test_a_labels_file_that_does_not_fit(tmp_path: Path, manifests: dict, settings: ParameterTree) -> None:
    labels, manifest = tmp_path / "labels.csv", manifests["target"]
    key = manifest.loc[manifest["split"] == "train", "key"].iloc[0]
    unlabelled_test = manifest.assign(label=manifest["label"].where(manifest["split"] == "train"))
    for target, line, words in (
        (manifest, "nobody.png,cat", "has 1 unknown key: 'nobody.png'; take keys from the training images"),
        (manifest, f"{key},unicorn", "has 1 unknown class: 'unicorn'; the classes are 'bear'"),
        (unlabelled_test, f"{key},cat", "120 of 120 test images have no label"),
    ):
        labels.write_text(f"key,label\n{line}\n")
        with pytest.raises(InputError, match=words):
            learn(target, settings, labels=str(labels))
    with pytest.raises(InputError, match="first round needs at least 2"):
        learn(manifest, settings, shares=(0.01, 0.4))


@pytest.mark.long
def test_the_arms_join_the_report(
    finished: Path, tmp_path: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    short = {**small_data, "active_learning": {"queries": "random+coreset"}}
    run_here(root, pipeline_names=["active_learning"], params=short)
    assert {name for name in nodes(caplog) if name.endswith("learn_actively")} == {
        f"{arm}.learn_actively" for arm in ("x", "random", "simcore")
    }
    run_here(root, params=short)
    assert nodes(caplog) == {"compare", "draw_figures", "write_report"}
    report = newest(root, "report.html").read_text()
    assert "Accuracy over labels" in report and "X + SimCore, coreset (clean)" in report
    assert "Asked for with X + SimCore" in report and "coreset, round 2" in report
    # Its measures, one for every query and share, do not hide the others.
    comparison = pd.read_parquet(newest(root, "comparison.parquet"))
    assert "active_learning" in set(comparison["evaluation"]) and "active learning, top-1" not in report
