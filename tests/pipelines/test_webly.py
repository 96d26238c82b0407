"""Noisy labels as a person brings them: from the web, planted, from a file; and what is refused."""

import json
import logging
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from simcore.backbones import create_random_encoder
from simcore.downstream.webly import WEBLY_METHODS
from simcore.errors import InputError
from simcore.parameters import ParameterTree, check_parameters
from simcore.parameters.webly import WeblyMethod
from simcore.pipelines.webly.nodes import join_labelled, learn_from_noise, make_recipe
from simcore.reuse.values import value_fingerprint
from tests.journeys.test_main_job import newest, ran
from tests.parameters.test_parameters import load
from tests.projects import run_here

NODE = "given.learn_from_noise"
ROWS = ("", ", network 2", ", ensemble")
CLASSES = ("bear", "cat", "cow", "dog", "horse", "sheep")


def test_planted_noise_is_found_and_test_images_keep_their_labels(
    small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    root = tmp_path / "root"
    params = {**small_data, "evaluation": {"encoder": "random:resnet10_small"}, "webly": {"planted_noise": 0.4}}
    run_here(root, pipeline_names=["webly"], params=params)
    assert NODE in ran(caplog)
    found = pd.DataFrame(json.loads(newest(root, "metrics_webly_given.json").read_text()))
    end = "100 % of labels, 40 % planted noise"
    pairs = [f"clean {method} {end}{who}" for method in ("co_teaching", "dividemix") for who in ROWS]
    assert set(found["protocol"]) == {f"clean supervised {end}", *pairs}
    agreement = found[found["metric"].str.startswith("clean_")]
    assert agreement["value"].between(0, 1).all() and set(agreement["n"]) == {202}
    counts = agreement.groupby("recipe")["metric"].agg(set).to_dict()
    assert counts["supervised"] == {"clean_auroc"}
    assert counts["co_teaching"] == {"clean_precision", "clean_recall", "clean_auroc"} == counts["dividemix"]
    split = pd.read_parquet(newest(root, "label_split_given.parquet"))
    assert split.groupby("method").size().to_dict() == dict.fromkeys(("supervised", "co_teaching", "dividemix"), 202)
    # 60 images of X and the open-set's 142 animals, each class with 40 % wrong labels, rounded up.
    assert split[split["method"] == "dividemix"]["planted"].sum() == 83
    co_teaching = split[split["method"] == "co_teaching"]
    clean = co_teaching[co_teaching["clean"].astype(bool)]
    [precision] = agreement[(agreement["recipe"] == "co_teaching") & (agreement["metric"] == "clean_precision")][
        "value"
    ]
    assert precision == pytest.approx(1 - clean["planted"].mean())


def test_labels_from_a_file_replace_those_of_x_and_count_by_content(
    manifests: dict, settings: ParameterTree, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    train = manifests["target"][manifests["target"]["split"] == "train"]
    train[["key"]].head(3).assign(label="dog").to_csv(path, index=False)
    webly = check_parameters(load("test", webly={"web_images": False, "labels": str(path)})).webly
    joined = join_labelled(train, manifests["openset"], None, classes=CLASSES, webly=webly)
    expected = train.set_index("target:" + train["key"])["label"].astype("str")
    expected[expected.index[:3]] = "dog"
    assert joined.set_index("key")["label"].to_dict() == expected.to_dict()
    # They are no planted noise: nobody knows which of them are wrong.
    assert not joined["planted"].any()
    before = value_fingerprint(webly)
    train[["key"]].head(2).assign(label="dog").to_csv(path, index=False)
    assert value_fingerprint(webly) != before


def test_what_is_trained_on(manifests: dict, settings: ParameterTree) -> None:
    target, openset = manifests["target"], manifests["openset"]
    train = target[target["split"] == "train"]

    def joined(excluded: pd.DataFrame | None = None, **changes: object) -> pd.DataFrame:
        webly = settings.webly.model_copy(update=changes)
        return join_labelled(train, openset, excluded, classes=CLASSES, webly=webly).set_index("key")

    whole = joined()
    animals = openset[openset["label"].str.startswith("animal/")]
    assert set(whole.index) == {*("target:" + train["key"]), *("openset:" + animals["key"])}
    assert not whole["planted"].any() and whole["label"].isin(CLASSES).all()
    true = animals.set_index("openset:" + animals["key"])["label"].str.removeprefix("animal/").to_dict()
    assert whole.loc[list(true), "label"].to_dict() == true

    noisy = joined(planted_noise=0.4)
    assert (noisy["planted"] == (noisy["label"] != whole["label"])).all()
    assert 0.4 <= noisy["planted"].mean() < 0.45
    assert joined(animals[["key"]].head(5)).index.size == whole.index.size - 5
    assert set(joined(web_images=False).index) == set("target:" + train["key"])


def test_an_open_set_without_the_classes(manifests: dict, settings: ParameterTree) -> None:
    target, openset = manifests["target"], manifests["openset"]
    train = target[target["split"] == "train"]
    fashion = openset[openset["label"].str.startswith("fashion/")]
    for pool, said in ((fashion, "its labels are such as 'fashion/"), (fashion.assign(label=None), "it has no labels")):
        with pytest.raises(InputError, match=f"is of a class of X .bear, cat, .*{said}"):
            join_labelled(train, pool, None, classes=CLASSES, webly=settings.webly)


def test_bad_input_stops_before_anything_is_trained(manifests: dict, settings: ParameterTree, tmp_path: Path) -> None:
    target, openset = manifests["target"], manifests["openset"]
    encoders = {0: create_random_encoder("resnet10_small", image_size=28, seed=0)}
    path = tmp_path / "labels.csv"
    path.write_text("key,label\nnowhere.png,cat\n")
    unknown = settings.webly.model_copy(update={"labels": str(path)})
    with pytest.raises(InputError, match=r"labels.csv has 1 unknown key: 'nowhere.png'"):
        learn_from_noise(encoders, target, openset, None, settings.images, unknown, settings.runtime, arm="given")
    one = target[target["label"] == "cat"].reset_index(drop=True)
    with pytest.raises(InputError, match="are of the one class 'cat'"):
        learn_from_noise(encoders, one, openset, None, settings.images, settings.webly, settings.runtime, arm="given")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"methods": "co-teaching"}, r"`webly.methods` is 'co-teaching', but should be 'supervised', 'co_teaching' or"),
        ({"planted_noise": 1}, r"`webly.planted_noise` is 1, but should be less than 1"),
        ({"noise": "odd"}, r"`webly.noise` is 'odd', but should be 'symmetric' or 'next'"),
        ({"labels": "nowhere.csv"}, r"`webly.labels` is 'nowhere.csv': there is no file .*nowhere.csv; give a .csv"),
        ({"dividemix": {"warmup_epochs": 99}}, r"in `webly.dividemix`, DivideMix divides the images after"),
        ({"co_teaching": {"forget": 1}}, r"`webly.co_teaching.forget` is 1, but should be less than 1"),
    ],
)
def test_wrong_parameters(change: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        check_parameters(load(webly=change))
    assert "\n" not in str(caught.value)


def test_the_settings_of_the_paper() -> None:
    webly = check_parameters(load("paper")).webly
    assert (webly.weight_decay, webly.scale, webly.planted_noise) == (1e-4, (0.2, 1.0), 0)
    assert webly.web_images and webly.labels is None and webly.protocols == ("clean", "published")
    lengths = {"supervised": (200, 256), "co_teaching": (200, 256), "dividemix": (400, 128)}
    for method, length in lengths.items():
        recipe = make_recipe(method, webly)
        assert (recipe.epochs, recipe.batch_size) == length
        assert (recipe.learning_rate, recipe.weight_decay) == (0.03, 1e-4)
    assert make_recipe("co_teaching", webly).options == {"forget": 0.2, "ramp_epochs": 10, "exponent": 1}
    assert make_recipe("dividemix", webly).options == {
        "warmup_epochs": 30,
        "clean_threshold": 0.2,
        "temperature": 0.5,
        "alpha": 0.75,
        "unlabelled_weight": 75,
        "ramp_epochs": 16,
        "memory_epochs": 5,
        "confidence_penalty": 1,
    }


def test_every_method_can_be_asked_for() -> None:
    assert set(get_args(WeblyMethod)) == set(WEBLY_METHODS)
    assert set(check_parameters(load()).webly.methods) == set(WEBLY_METHODS)
