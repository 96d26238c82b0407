"""Evaluation by itself: of an encoder from elsewhere on any target, of shares of labels, of other labels."""

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from simcore.backbones import create_random_encoder
from simcore.errors import ArtefactError, InputError
from simcore.evaluation import Outcome
from simcore.images.ingest import DRAWN_TEST
from simcore.parameters import ParameterTree, check_parameters
from simcore.pipelines.attributes.nodes import evaluate_attributes
from simcore.pipelines.evaluation import linear as linear_module
from simcore.pipelines.evaluation.labels import DRAWN
from simcore.pipelines.evaluation.nodes import evaluate_arm, evaluate_references
from simcore.pipelines.finetune import nodes as finetune_module
from simcore.pipelines.finetune.nodes import finetune_arm
from simcore.reporting import compare_arms
from tests.images.sources.miniatures.aircraft import make_aircraft
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here

GIVEN = {"given.load", "given.evaluate", "given.draw_confusion"}
TARGET = {"ingest_target", "decide_image_size"}


def nodes(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return which nodes have run since the last question."""
    names = set(ran(caplog))
    caplog.clear()
    return names


def records(root: Path, name: str) -> pd.DataFrame:
    return pd.DataFrame(json.loads(newest(root, f"{name}.json").read_text()))


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "root"))


def test_a_given_encoder_needs_no_arm(small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "weights.safetensors"
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=3)
    save_file(encoder.module.state_dict(), path)
    params = {"target": small_data["target"], "evaluation": {"encoder": str(path), "architecture": "resnet10_small"}}
    run_here(tmp_path / "root", pipeline_names=["evaluation"], params=params)
    assert nodes(caplog) == TARGET | GIVEN
    found = records(tmp_path / "root", "metrics_given")
    assert set(found["arm"]) == {"given"}
    assert set(found["protocol"]) == {"clean", "clean cached", "clean k=5", "unit"}
    # Which encoder it was.
    assert set(found["encoder"]) == {str(path)}
    assert found["fingerprint"].unique().tolist() == [encoder.fingerprint]
    assert set(found["metric"]) >= {"top1", "top5", "mean_per_class", "learning_rate", "uniformity"}
    table = pd.read_parquet(newest(tmp_path / "root", "per_class_given.parquet"))
    for protocol in ("clean", "clean cached"):
        linear = table[(table["evaluation"] == "linear") & (table["protocol"] == protocol)]
        of_linear = found[(found["evaluation"] == "linear") & (found["protocol"] == protocol)]
        top1 = of_linear[of_linear["metric"] == "top1"]["value"].item()
        assert linear["right"].sum() / linear["n"].sum() == pytest.approx(top1)
        assert linear["n"].sum() == 120
    newest(tmp_path / "root", "figure_confusion_given.json")

    run_here(tmp_path / "root", pipeline_names=["evaluation"], params=params)
    assert not nodes(caplog)

    # Other weights under the same name are another encoder.
    other = create_random_encoder("resnet10_small", image_size=28, seed=4)
    save_file(other.module.state_dict(), path)
    run_here(tmp_path / "root", pipeline_names=["evaluation"], params=params)
    assert nodes(caplog) == GIVEN
    again = records(tmp_path / "root", "metrics_given")
    assert again["fingerprint"].unique().tolist() == [other.fingerprint] != [encoder.fingerprint]

    # Weights that do not fit stop the run, with the names of what is missing and left over.
    state = other.module.state_dict()
    name = next(iter(state))
    save_file({**{key: value for key, value in state.items() if key != name}, "neck.0": torch.zeros(1)}, path)
    with pytest.raises(ArtefactError) as caught:
        run_here(tmp_path / "root", pipeline_names=["evaluation"], params=params)
    assert name in str(caught.value) and "neck.0" in str(caught.value)


def test_the_clean_protocol_leads_and_the_cached_mode_stands_beside(finished: Path) -> None:
    comparison = pd.read_parquet(newest(finished, "comparison.parquet"))
    found = [tuple(row) for row in comparison[["evaluation", "metric", "protocol"]].drop_duplicates().to_numpy()]
    assert found[:2] == [("linear", "top1", "clean"), ("linear", "top1", "clean cached")]
    pixels = comparison[(comparison["arm"] == "pixels") & (comparison["metric"] == "top1")].set_index("protocol")
    assert pixels.loc["clean cached", "n_seeds"] == 1 and pixels.loc["clean", "n_seeds"] == 0
    for name in ("per_class_x", "confusion_x"):
        table = pd.read_parquet(newest(finished, f"{name}.parquet"))
        assert table["protocol"].drop_duplicates().tolist() == ["clean", "clean cached", "clean k=5"]
    # The best of the arms' records of `x` know no spec: they are known by their names.
    assert "encoder" not in records(finished, "metrics_x")
    assert "linear probe, top-1 accuracy (clean)" in newest(finished, "report.html").read_text()


def test_beside_the_arms_it_joins_their_comparison(
    root: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = newest(root, "metrics_x.json")
    run_here(root, params={**small_data, "evaluation": {"encoder": "random:resnet10_small"}})
    assert nodes(caplog) == GIVEN | {"compare", "draw_figures", "write_report"}
    assert newest(root, "metrics_x.json") == before
    comparison = pd.read_parquet(newest(root, "comparison.parquet"))
    assert comparison[(comparison["arm"] == "given") & (comparison["n_seeds"] > 0)]["role"].unique() == ["reference"]
    report = newest(root, "report.html").read_text()
    assert "given encoder" in report and "Class by class" in report

    # Without it the comparison is as it was.
    run_here(root, params=small_data)
    assert "compare" in nodes(caplog)
    assert "given" not in set(pd.read_parquet(newest(root, "comparison.parquet"))["arm"])


@pytest.mark.long
def test_fine_tuning_of_the_arms_joins_the_comparison(
    root: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    short = {**small_data, "finetune": {"recipe": "long", "shares": "0.2+1.0", "epochs": 1}}
    run_here(root, pipeline_names=["finetune"], params=short)
    assert nodes(caplog) == {f"{arm}.finetune" for arm in ("x", "random", "simcore")}
    found = records(root, "metrics_finetune_x")
    assert set(found["protocol"]) == {"clean 20 % of labels", "clean 100 % of labels"}
    assert set(found["n"]) == {120}
    run_here(root, params=short)
    assert nodes(caplog) == {"compare", "draw_figures", "write_report"}
    comparison = pd.read_parquet(newest(root, "comparison.parquet"))
    assert set(comparison[comparison["evaluation"] == "finetune"]["protocol"]) == set(found["protocol"])
    # With other parameters they no longer hold, and are left out.
    run_here(root, params=small_data)
    comparison = pd.read_parquet(newest(root, "comparison.parquet"))
    assert "finetune" not in set(comparison["evaluation"])


@pytest.fixture
def aircraft(tmp_path: Path) -> str:
    make_aircraft(tmp_path / "aircraft")
    return f"aircraft:{tmp_path / 'aircraft'}"


def test_other_labels_of_aircraft(aircraft: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    given = {
        "target": {"source": aircraft},
        "images": {"image_size": 28},
        "evaluation": {"encoder": "random:resnet10_small"},
    }
    run_here(tmp_path / "root", pipeline_names=["attributes"], params=given)
    assert nodes(caplog) == TARGET | {"given.load", "given.evaluate_attributes"}
    found = records(tmp_path / "root", "metrics_attributes_given")
    assert set(found["evaluation"]) == {"attribute_family", "attribute_manufacturer"}
    assert set(found["protocol"]) == {"clean", "clean cached"}
    assert set(found["encoder"]) == {"random:resnet10_small"} and found["fingerprint"].nunique() == 1
    values = found[found["protocol"] == "clean"].pivot_table(index="evaluation", columns="metric", values="value")
    manufacturer = values.loc["attribute_manufacturer"]
    # Six variants, four manufacturers.
    assert manufacturer["mean_per_class_published"] == pytest.approx(manufacturer["mean_per_class"] * 4 / 6)

    # Augmented under both protocols, for one named column; and fine-tuning of the same encoder.
    linear = {"features": "augmented", "protocols": "clean+published", "epochs": 2}
    more = {**given, "evaluation": {**given["evaluation"], "linear": linear}, "attributes": {"columns": "manufacturer"}}
    run_here(tmp_path / "root", pipeline_names=["attributes"], params=more)
    found = records(tmp_path / "root", "metrics_attributes_given")
    assert set(found["evaluation"]) == {"attribute_manufacturer"}
    assert set(found["protocol"]) == {"clean", "published", "clean cached"}
    nodes(caplog)
    run_here(tmp_path / "root", pipeline_names=["evaluation"], params=more)
    found = records(tmp_path / "root", "metrics_given")
    assert {"clean", "published", "clean cached", "clean k=5"} <= set(found["protocol"])
    assert nodes(caplog) == {"given.evaluate", "given.draw_confusion"}


def class_folders(root: Path, split: str, classes: tuple[str, ...], *, n: int = 4) -> Path:
    for number, name in enumerate(classes):
        (root / split / name).mkdir(parents=True)
        for image in range(n):
            Image.new("L", (28, 28), 40 * number + image).save(root / split / name / f"{image}.png")
    return root


def test_what_stops_before_anything_is_trained(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "plain").mkdir()
    for shade in range(20):
        Image.new("L", (28, 28), shade).save(tmp_path / "plain" / f"{shade}.png")
    one = class_folders(class_folders(tmp_path / "one", "train", ("cat",)), "test", ("cat",))
    unlabelled = "The target has no labels: none of 20 images of `plain` .*the first is '0.png', .*plain/0.png"
    single = "All 4 training images of `one` are of the one class 'cat' .*the first is 'train/cat/0.png', "
    cases: list[tuple[str, Path, str]] = [
        ("evaluation", tmp_path / "plain", unlabelled),
        ("finetune", tmp_path / "plain", unlabelled),
        ("attributes", tmp_path / "plain", "manifest of `plain` has no label column beside `label`"),
        ("evaluation", one, single),
        ("finetune", one, single),
    ]
    for number, (pipeline, source, sentence) in enumerate(cases):
        params: dict[str, Any] = {
            "target": {"source": str(source)},
            "images": {"image_size": 28},
            "evaluation": {"encoder": "random:resnet10_small"},
        }
        with pytest.raises(InputError, match=sentence):
            run_here(tmp_path / f"root{number}", pipeline_names=[pipeline], params=params)
        assert nodes(caplog) <= TARGET | {"given.load"}


def test_a_drawn_test_part_is_told_and_stands_in_the_protocol(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = class_folders(tmp_path / "plain", "", ("cat", "dog"), n=10)
    split = class_folders(class_folders(tmp_path / "split", "train", ("cat", "dog")), "test", ("cat", "dog"))
    for pipeline, name in (("evaluation", "metrics_given"), ("finetune", "metrics_finetune_given")):
        for source, drawn in ((plain, True), (split, False)):
            caplog.clear()
            params = {
                "target": {"source": str(source), "test_fraction": 0.2},
                "images": {"image_size": 28},
                "evaluation": {"encoder": "random:resnet10_small"},
            }
            root = tmp_path / f"root-{source.name}"
            run_here(root, pipeline_names=[pipeline], params=params)
            told = [
                record.getMessage() for record in caplog.records if "no test part of its own" in record.getMessage()
            ]
            found = records(root, name)
            marked = found[found["evaluation"] != "label_free"]["protocol"].str.endswith(" - drawn test")
            assert len(told) == int(drawn) and marked.all() == marked.any() == drawn
            if drawn:
                assert str(plain) in told[0] and "4 images, 20 % of each class" in told[0]
                assert "`train` and `test`" in told[0] and "column `split`" in told[0]


@pytest.mark.parametrize("node", ["references", "attributes"])
def test_nodes_that_speak_for_all_arms_tell_of_a_drawn_test_part(
    manifests: dict, settings: ParameterTree, caplog: pytest.LogCaptureFixture, node: str
) -> None:
    manifest = labelled(manifests, maker=manifests["target"]["label"].str[:1])
    manifest.attrs[DRAWN_TEST] = {"of": "birds/", "images": 7, "share": 0.3, "seed": 5}
    linear = settings.evaluation.linear.model_copy(update={"features": "cached"})
    if node == "attributes":
        encoders = {0: create_random_encoder("resnet10_small", image_size=28, seed=0)}
        found = evaluate_attributes(
            encoders, manifest, settings.images, settings.attributes, linear, 0, settings.runtime, arm="x"
        )
    else:
        how = (settings.images, linear, settings.evaluation.knn, 0)
        training = (settings.pretraining, settings.comparison, settings.runtime)
        found = evaluate_references(manifest, {"image_size": 28}, *how, *training)
    protocols = {record["protocol"] for record in found if record["evaluation"] != "label_free"}
    assert protocols and all(protocol.endswith(DRAWN) for protocol in protocols)
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert message.startswith("birds/ has no test part of its own: 7 images, 30 %") and "split_seed=5" in message


def test_the_protocol_that_leads_leads_on_drawn_images_too() -> None:
    record = {"arm": "x", "seed": 0, "evaluation": "linear", "metric": "top1", "value": 0.5, "n": 9}
    protocols = [f"{name}{DRAWN}" for name in ("clean cached", "published", "clean")]
    found = compare_arms([{**record, "protocol": protocol} for protocol in protocols], arms=["x"])
    assert found["protocol"].iloc[0] == f"clean{DRAWN}"


def labelled(manifests: dict[str, pd.DataFrame], **columns: Any) -> pd.DataFrame:
    return manifests["target"].assign(**columns)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (lambda labels: "cat", r"All 60 images of `target` .* that are trained on are of the one class 'cat'"),
        (lambda labels: None, r"None of 180 images of `target` \(the first is '.*', .*\) has a label"),
        (
            lambda labels: labels.where(labels.index != 5),
            r"1 of 180 images of `target` \(.*\) have no label, '.*' for one",
        ),
    ],
)
def test_in_the_whole_job_labels_that_tell_nothing_stop_nothing(
    manifests: dict, settings: ParameterTree, caplog: pytest.LogCaptureFixture, labels: Any, sentence: str
) -> None:
    manifest = labelled(manifests, label=labels(manifests["target"]["label"]))
    linear, neighbours = settings.evaluation.linear, settings.evaluation.knn
    how = (settings.images, linear, neighbours, 0)
    training = (settings.pretraining, settings.comparison, settings.runtime)
    found = evaluate_references(manifest, {"image_size": 28}, *how, *training)
    assert {record["evaluation"] for record in found} == {"label_free"}
    [message] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert re.search(sentence, message), message
    encoders = {0: create_random_encoder("resnet10_small", image_size=28, seed=0)}
    found, per_class, _ = evaluate_arm(encoders, manifest, *how, settings.runtime, arm="x")
    assert {record["evaluation"] for record in found} == {"label_free"} and per_class.empty
    # Asked for explicitly it is an error.
    with pytest.raises(InputError):
        evaluate_arm(encoders, manifest, *how, settings.runtime, arm="given")


@pytest.mark.parametrize(("source", "metric"), [("pets", "mean_per_class"), ("cars", "top1")])
def test_nodes_choose_by_the_measure_of_the_data_set_and_name_their_curves(
    manifests: dict, monkeypatch: pytest.MonkeyPatch, source: str, metric: str
) -> None:
    manifest = labelled(manifests, source=source, maker=manifests["target"]["label"].str[:1])
    tree = check_parameters(load("test", finetune={"shares": "0.5+1.0"}))
    seen: list[tuple[str, str]] = []
    prefixes: list[str] = []

    def judged(encoder: Any, train: Any, test: Any, **how: Any) -> Outcome:
        seen.append((how["evaluation"], how["metric"]))
        how["make_reporter"]("held_out")
        how["make_reporter"]("all")
        classes = how["classes"]
        true = np.array([classes.index(label) for label in test.labels])
        return Outcome(how["evaluation"], how["protocol"] + how.get("suffix", ""), classes, true, true[:, None])

    for module in (linear_module, finetune_module):
        monkeypatch.setattr(module, "train_and_judge", judged)
        monkeypatch.setattr(module, "reporter", lambda *, prefix, **of: prefixes.append(prefix))
    encoders = {0: create_random_encoder("resnet10_small", image_size=28, seed=0)}
    evaluation = tree.evaluation
    evaluate_arm(encoders, manifest, tree.images, evaluation.linear, evaluation.knn, 0, tree.runtime, arm="x")
    evaluate_attributes(encoders, manifest, tree.images, tree.attributes, evaluation.linear, 0, tree.runtime, arm="x")
    finetune_arm(encoders, manifest, tree.images, tree.finetune, tree.runtime, arm="x")
    assert seen == [(name, metric) for name in ("linear", "attribute_maker", "finetune", "finetune")]
    assert len(set(prefixes)) == len(prefixes) == 8
    assert {"linear/held_out/", "linear/all/", "finetune/0.5/held_out/", "finetune/1/all/"} <= set(prefixes)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"evaluation": {"encoder": "nowhere.pth"}}, r"`evaluation.encoder` is 'nowhere.pth': .*does not exist"),
        (
            {"evaluation": {"linear": {"features": "cached", "protocols": "published"}}},
            r"the protocol published trains under augmentation",
        ),
        ({"evaluation": {"linear": {"protocols": "clean+paper"}}}, r"evaluation.linear.protocols"),
        (
            {"evaluation": {"linear": {"epoch": 3}}},
            r"`evaluation.linear.epoch`; did you mean `epochs`",
        ),
        ({"evaluation": {"knn": {"neighbours": "0+20"}}}, r"evaluation.knn.neighbours"),
        ({"finetune": {"shares": "0.5+1.5"}}, r"finetune.shares"),
        ({"finetune": {"recipe": "short"}}, r"`finetune.recipe` is 'short'"),
        ({"attributes": {"column": "family"}}, r"unknown parameter `attributes.column`; did you mean `columns`"),
    ],
)
def test_parameters_that_are_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_parameters(load("test", **change))


def test_lists_as_they_are_typed() -> None:
    tree = check_parameters(
        load(
            "test",
            evaluation={"knn": {"neighbours": "5+20"}, "linear": {"learning_rates": "0.1+1"}},
            finetune={"shares": 0.5, "protocols": "clean+published"},
            attributes={"columns": "family+manufacturer"},
        )
    )
    assert tree.evaluation.knn.neighbours == (5, 20)
    assert tree.evaluation.linear.learning_rates == (0.1, 1.0)
    assert tree.finetune.shares == (0.5,) and tree.finetune.protocols == ("clean", "published")
    assert tree.attributes.columns == ("family", "manufacturer")
    assert check_parameters(load("test")).attributes.columns == "auto"
    assert check_parameters(load("paper")).evaluation.linear.protocols == ("clean", "published")
