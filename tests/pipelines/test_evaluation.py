"""Evaluation by itself: of an encoder from elsewhere on any target, of shares of labels, of other labels."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from simcore.backbones import create_random_encoder
from simcore.errors import ArtefactError, InputError
from simcore.parameters import check_parameters
from tests.images.sources.miniatures.aircraft import make_aircraft
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here

# Pretraining has no part in this, but the environment's batch would not fit so few images.
SMALL_BATCH = {stage: {"optimisation": {"batch_size": "auto"}} for stage in ("retrieval", "pretraining")}
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
    assert set(found["protocol"]) == {"clean cached", "clean k=5", "unit"}
    assert set(found["metric"]) >= {"top1", "top5", "mean_per_class", "learning_rate", "uniformity"}
    table = pd.read_parquet(newest(tmp_path / "root", "per_class_given.parquet"))
    linear = table[table["evaluation"] == "linear"]
    top1 = found[(found["evaluation"] == "linear") & (found["metric"] == "top1")]["value"].item()
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
    assert not records(tmp_path / "root", "metrics_given").equals(found)

    # Weights that do not fit stop the run, with the names of what is missing and left over.
    state = other.module.state_dict()
    name = next(iter(state))
    save_file({**{key: value for key, value in state.items() if key != name}, "neck.0": torch.zeros(1)}, path)
    with pytest.raises(ArtefactError) as caught:
        run_here(tmp_path / "root", pipeline_names=["evaluation"], params=params)
    assert name in str(caught.value) and "neck.0" in str(caught.value)


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
        **SMALL_BATCH,
        "target": {"source": aircraft},
        "images": {"image_size": 28},
        "evaluation": {"encoder": "random:resnet10_small"},
    }
    run_here(tmp_path / "root", pipeline_names=["attributes"], params=given)
    assert nodes(caplog) == TARGET | {"given.load", "given.evaluate_attributes"}
    found = records(tmp_path / "root", "metrics_attributes_given")
    assert set(found["evaluation"]) == {"attribute_family", "attribute_manufacturer"}
    values = found.pivot_table(index="evaluation", columns="metric", values="value")
    manufacturer = values.loc["attribute_manufacturer"]
    # Six variants, four manufacturers.
    assert manufacturer["mean_per_class_published"] == pytest.approx(manufacturer["mean_per_class"] * 4 / 6)

    # Augmented under both protocols, for one named column; and fine-tuning of the same encoder.
    linear = {"features": "augmented", "protocols": "clean+published", "epochs": 2}
    more = {**given, "evaluation": {**given["evaluation"], "linear": linear}, "attributes": {"columns": "manufacturer"}}
    run_here(tmp_path / "root", pipeline_names=["attributes"], params=more)
    found = records(tmp_path / "root", "metrics_attributes_given")
    assert set(found["evaluation"]) == {"attribute_manufacturer"}
    assert set(found["protocol"]) == {"clean", "published"}
    nodes(caplog)
    run_here(tmp_path / "root", pipeline_names=["evaluation"], params=more)
    found = records(tmp_path / "root", "metrics_given")
    assert {"clean", "published", "clean k=5"} <= set(found["protocol"])
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
    cases: list[tuple[str, Path, str]] = [
        ("evaluation", tmp_path / "plain", "The target has no labels"),
        ("finetune", tmp_path / "plain", "The target has no labels"),
        ("attributes", tmp_path / "plain", "no label column beside `label`"),
        ("evaluation", one, "of the one class 'cat'"),
        ("finetune", one, "of the one class 'cat'"),
    ]
    for number, (pipeline, source, sentence) in enumerate(cases):
        params: dict[str, Any] = {
            **SMALL_BATCH,
            "target": {"source": str(source)},
            "evaluation": {"encoder": "random:resnet10_small"},
        }
        with pytest.raises(InputError, match=sentence):
            run_here(tmp_path / f"root{number}", pipeline_names=[pipeline], params=params)
        assert nodes(caplog) <= TARGET | {"given.load"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"evaluation": {"encoder": "nowhere.pth"}}, r"`evaluation.encoder` is 'nowhere.pth': .*does not exist"),
        ({"evaluation": {"linear": {"protocols": "published"}}}, r"the protocol published trains under augmentation"),
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
