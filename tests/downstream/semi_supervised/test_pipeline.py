"""The pipeline as a person runs it, its parameters, and the report that takes its records up."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from simcore.backbones import create_random_encoder
from simcore.errors import InputError
from simcore.images import read_source
from simcore.parameters import check_parameters
from simcore.pipelines.semi_supervised import nodes as module
from simcore.pipelines.semi_supervised.nodes import semi_supervise_arm
from tests.downstream.semi_supervised.worlds import make_method
from tests.journeys.test_main_job import ran
from tests.labelled_stores import make_stores
from tests.parameters.test_parameters import load
from tests.projects import run_here, session_here


def parameters(root: Path, **changes: Any) -> dict[str, Any]:
    return {
        "target": {"source": str(root / "images")},
        "evaluation": {"encoder": "random:resnet10_small"},
        "images": {"image_size": 16},
        "semi_supervised": {"methods": "supervised+fixmatch", "shares": "0.25+0.5", **changes},
    }


def newest(root: Path) -> Path:
    name = "metrics_semi_supervised_given.json"
    return sorted((root / "07_evaluation" / name).glob(f"*/{name}"))[-1]


def test_from_images_to_records_and_the_report(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    make_stores(tmp_path)
    root = tmp_path / "data"
    run_here(root, pipeline_names=["semi_supervised"], params=parameters(tmp_path))
    assert set(ran(caplog)) == {"ingest_target", "decide_image_size", "given.load", "given.semi_supervise"}
    records = json.loads(newest(root).read_text())
    found = [(each["arm"], each["seed"], each["protocol"], each["n"]) for each in records if each["metric"] == "top1"]
    assert found == [
        ("given", 0, f"clean {method} {share} % of labels", 8)
        for share in (25, 50)
        for method in ("supervised", "fixmatch")
    ]
    assert {each["encoder"] for each in records} == {"random:resnet10_small"}
    assert {each["evaluation"] for each in records} == {"semi_supervised"}
    assert not (root / "02_manifests" / "openset_manifest.parquet").exists()
    # The report takes it up while it holds.
    for epochs, taken in ((2, records), (3, [])):
        with session_here(root, params=parameters(tmp_path, epochs=epochs)) as session:
            assert session.load_context().catalog.load("evaluated_beside") == taken


def call(root: Path, **changes: Any) -> list[dict[str, Any]]:
    make_stores(root)
    tree = check_parameters(load("test", **parameters(root, **changes)))
    encoders = {seed: create_random_encoder("resnet10_small", image_size=16, seed=seed) for seed in (0, 4)}
    manifest = read_source(root / "images").manifest
    return semi_supervise_arm(encoders, manifest, tree.images, tree.semi_supervised, tree.runtime, arm="x")


def test_every_encoder_of_an_arm_under_every_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes = []
    plain = module.reporter
    monkeypatch.setattr(module, "reporter", lambda **given: prefixes.append(given) or plain(**given))
    records = call(tmp_path, shares=0.5, methods="flexmatch", protocols="clean+published")
    assert [(each["seed"], each["protocol"]) for each in records if each["metric"] == "top1"] == [
        (seed, f"{protocol} flexmatch 50 % of labels") for seed in (0, 4) for protocol in ("clean", "published")
    ]
    assert [(each["seed"], each["prefix"]) for each in prefixes] == [
        (seed, f"semi_supervised/flexmatch/0.5/{training}/") for seed in (0, 4) for training in ("all", "published")
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": "0.5+1.0"}, "All 16 training images are labelled, so there is no unlabelled one for fixmatch"),
        ({"shares": 0.1, "stratified": False}, "1 labelled images have none of the class 'class"),
    ],
)
def test_what_cannot_be_learnt_from_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(module, "judge_semi_supervised", None)
    with pytest.raises(InputError, match=message):
        call(tmp_path, **changes)


def test_all_labels_are_a_share_for_the_supervised_row(tmp_path: Path) -> None:
    records = call(tmp_path, shares=1.0, methods="supervised")
    assert records[0]["protocol"] == "clean supervised 100 % of labels"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": "fixmach"}, r"`semi_supervised.methods` is 'fixmach', but should be 'supervised', 'mixmatch'"),
        ({"methods": "fixmatch+fixmatch"}, r"in `semi_supervised`, `methods` is .*; give each once"),
        ({"shares": "0.1+1.5"}, r"`semi_supervised.shares`"),
        (
            {"fixmatch": {"treshold": 0.9}},
            "unknown parameter `semi_supervised.fixmatch.treshold`; did you mean `threshold`",
        ),
        ({"rand_augment": "2+31"}, r"`semi_supervised.rand_augment`"),
    ],
)
def test_wrong_parameters_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_parameters(load("base", semi_supervised=changes))


def test_the_papers_settings() -> None:
    """Table 15: 32 epochs of 512 steps of 256 and 256 images, 3e-2 along a cosine, 10 % of the labels."""
    tree = check_parameters(load("paper")).semi_supervised
    mixing = {"temperature": 0.5, "beta": 0.75}
    certain = {"threshold": 0.95, "temperature": 0.5, "weight": 1}
    assert tree.model_dump() == {
        "methods": ("mixmatch", "remixmatch", "fixmatch", "flexmatch"),
        "shares": (0.1,),
        "stratified": False,
        "protocols": ("clean", "published"),
        "epochs": 32,
        "epoch_steps": 512,
        "batch_size": 256,
        "unlabelled_ratio": 1,
        "learning_rate": 0.03,
        "weight_decay": 1e-4,
        "precision": "bfloat16",
        "scale": (0.2, 1.0),
        "rand_augment": (2, 10),
        "seed": 0,
        "mixmatch": {**mixing, "weight": 75},
        "remixmatch": {**mixing, "momentum": 0.999, "weight": 1.5, "strong_weight": 0.5},
        "fixmatch": {**certain, "hard": False},
        "flexmatch": {**certain, "hard": True},
    }


def test_the_default_of_each_method_is_the_papers() -> None:
    tree = check_parameters(load("paper")).semi_supervised
    for name in ("mixmatch", "remixmatch", "fixmatch", "flexmatch"):
        assert make_method(name).own_settings == tree.method_settings(name)
    assert tree.method_settings("supervised") == {}
