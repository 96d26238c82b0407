"""Few labels and an open-set as a person runs it: from any encoder, for one method or both, and what is refused."""

import json
import logging
import shutil
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from simcore.backbones import create_random_encoder
from simcore.downstream.openset_semi_supervised import OPENSET_METHODS
from simcore.errors import InputError
from simcore.parameters import ParameterTree, check_parameters
from simcore.parameters.openset_semi_supervised import OpensetMethod
from simcore.pipelines.openset_semi_supervised import nodes
from simcore.pipelines.openset_semi_supervised.nodes import join_unlabelled, learn_from_openset, make_recipe
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here

NAME = "openset_semi_supervised"
NODE = "given.learn_from_openset"


def test_a_given_encoder_learns_from_the_open_set(
    small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    root = tmp_path / "root"
    params = {**small_data, "evaluation": {"encoder": "random:resnet10_small"}}
    run_here(root, pipeline_names=[NAME], params=params)
    assert NODE in ran(caplog)
    found = pd.DataFrame(json.loads(newest(root, f"metrics_{NAME}_given.json").read_text()))
    assert set(found["protocol"]) == {f"clean {method} 50 % of labels" for method in ("self_training", "openmatch")}
    assert dict(zip(found["protocol"], found["recipe"], strict=True)) == {
        f"clean {method} 50 % of labels": method for method in ("self_training", "openmatch")
    }
    assert set(found["metric"]) == {"top1", "top5", "mean_per_class", "learning_rate", "outlier_auroc"}
    outliers = pd.read_parquet(newest(root, "outliers_given.parquet"))
    assert outliers["key"].is_unique and outliers["outlier_score"].between(0, 1).all()
    of_x = outliers["key"].str.startswith("target:")
    # What has no label is the other half of X and all of the open-set.
    assert of_x.sum() == 28 and len(outliers) == 628 and outliers.loc[of_x, "known"].all()
    animals = outliers["known"] & ~of_x
    assert animals.sum() == 142
    [auroc] = found[found["metric"] == "outlier_auroc"]["value"]
    n = int(found[found["metric"] == "outlier_auroc"]["n"].item())
    pairs = (
        outliers.loc[~outliers["known"], "outlier_score"].to_numpy()[:, None],
        outliers.loc[outliers["known"], "outlier_score"].to_numpy(),
    )
    assert auroc == pytest.approx(((pairs[0] > pairs[1]) + 0.5 * (pairs[0] == pairs[1])).mean()) and n == 628

    # One method alone, and nothing before it.
    caplog.clear()
    run_here(root, pipeline_names=[NAME], params={**params, NAME: {"methods": "self_training"}})
    assert ran(caplog) == [NODE]
    assert pd.read_parquet(newest(root, "outliers_given.parquet")).empty


def test_an_interrupted_node_goes_on(
    monkeypatch: pytest.MonkeyPatch, manifests: dict, settings: ParameterTree, tmp_path: Path
) -> None:
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
    monkeypatch.setattr(nodes, "work_directory", lambda: tmp_path)
    only = settings.openset_semi_supervised.model_copy(update={"methods": ("openmatch",)})
    given = ({0: encoder}, manifests["target"], manifests["openset"].head(40), None, settings.images, only)
    first = learn_from_openset(*given, settings.runtime, arm="given")
    checkpoints = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pt")} or {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()
    }
    assert checkpoints
    second = learn_from_openset(*given, settings.runtime, arm="given")
    assert first[0] == second[0]
    pd.testing.assert_frame_equal(first[1], second[1])
    assert all(path.stat().st_mtime_ns == when for path, when in checkpoints.items() if path.name != "run.json")


def test_what_is_excluded_is_not_in_the_pool(manifests: dict) -> None:
    train = manifests["target"][manifests["target"]["split"] == "train"]
    openset = manifests["openset"]
    out = openset[["key"]].head(7)
    pool = join_unlabelled(train, train.head(20), openset, out)
    assert len(pool) == len(train) - 20 + len(openset) - 7
    assert not pool["key"].isin("openset:" + out["key"]).any()
    assert not pool["key"].isin("target:" + train["key"].head(20)).any()


def test_an_empty_pool_and_a_class_without_labels(manifests: dict, settings: ParameterTree) -> None:
    target, openset = manifests["target"], manifests["openset"]
    train = target[target["split"] == "train"]
    with pytest.raises(
        InputError, match=f"All {len(train)} images of X have a label .* the pool without labels is empt"
    ):
        join_unlabelled(train, train, openset, openset[["key"]])
    rare = train.groupby("label").head(1)
    few = pd.concat([rare, target[target["split"] == "test"]]).sort_values("key", ignore_index=True)
    uniform = settings.openset_semi_supervised.model_copy(update={"stratified": False})
    encoders = {0: create_random_encoder("resnet10_small", image_size=28, seed=0)}
    with pytest.raises(InputError, match=r"Test class '.*' has no training image"):
        learn_from_openset(encoders, few, openset, None, settings.images, uniform, settings.runtime, arm="given")
    one = target[target["label"] == "cat"].reset_index(drop=True)
    with pytest.raises(InputError, match="are of the one class 'cat'"):
        learn_from_openset(encoders, one, openset, None, settings.images, uniform, settings.runtime, arm="given")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"methods": "fixmatch"}, r"`openset_semi_supervised.methods` is 'fixmatch', but should be 'self_training' or"),
        ({"share": 0}, r"`openset_semi_supervised.share` is 0, but should be greater than 0"),
        ({"openmatch": {"fix_after_epochs": 99}}, r"OpenMatch chooses inliers after 99 epochs, but the run has"),
        ({"openmatch": {"rand_augment": "2+31"}}, r"rand_augment` is '31', but should be less than or equal to 30"),
        ({"openmatch": {"mu": 2}}, r"unknown parameter `openset_semi_supervised.openmatch.mu`"),
    ],
)
def test_wrong_parameters(change: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        check_parameters(load(**{NAME: change}))
    assert "\n" not in str(caught.value)


def test_the_settings_of_the_paper() -> None:
    parameters = check_parameters(load("paper")).openset_semi_supervised
    assert (parameters.share, parameters.stratified, parameters.scale) == (0.5, False, (0.2, 1.0))
    assert parameters.methods == ("self_training", "openmatch") and parameters.protocols == ("clean", "published")
    for method, batch, unlabelled in (("self_training", 256, 256), ("openmatch", 64, 128)):
        schedule = make_recipe(method, parameters).schedule
        assert (schedule.epochs * schedule.epoch_steps, schedule.batch_size) == (16_384, batch)
        assert schedule.beside_size(3_000, 56_000) == unlabelled
        assert (schedule.learning_rate, schedule.weight_decay) == (0.03, 1e-4)
    student = make_recipe("self_training", parameters)
    assert (student.teacher_epochs, student.teacher_batch_size) == (100, 256)
    assert (student.weight, student.temperature) == (0.5, 1)
    openmatch = make_recipe("openmatch", parameters)
    assert openmatch.refresh_steps() == tuple(range(5 * 512, 32 * 512, 512))
    assert openmatch.rand_augment == (2, 10)
    assert openmatch.options == {
        "entropy_weight": 0.1,
        "consistency_weight": 0.5,
        "fix_weight": 1,
        "threshold": 0,
        "temperature": 1,
        "outlier_threshold": 0.5,
    }


def test_every_method_can_be_asked_for() -> None:
    assert set(get_args(OpensetMethod)) == set(OPENSET_METHODS)
    assert set(check_parameters(load()).openset_semi_supervised.methods) == set(OPENSET_METHODS)


@pytest.mark.long
def test_arms_join_the_comparison(finished: Path, small_data: dict, tmp_path: Path) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    run_here(root, pipeline_names=[NAME, "webly"], params=small_data)
    run_here(root, params=small_data)
    comparison = pd.read_parquet(newest(root, "comparison.parquet"))
    assert {NAME, "webly"} <= set(comparison["evaluation"])
    report = newest(root, "report.html").read_text()
    assert "openmatch" in report and "co_teaching" in report
