"""Arms that are one training are trained once."""

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from simcore.backbones import Encoder, create_random_encoder
from simcore.parameters import ParameterTree
from simcore.pipelines.pretraining.same_training import describe_training
from simcore.pipelines.recipe import Recipe
from simcore.reuse.values import value_fingerprint
from tests.journeys.test_main_job import newest
from tests.projects import run_here

# The coreset of `twin` is that of `simcore`; its recipe is not.
ARMS = {"twin": {"openset": "coreset", "tau": 0.9500001}, "other": {"openset": "coreset", "ratio": 0.05}}
STAGES = ["ingestion", "retrieval", "embedding", "clustering", "selection", "pretraining"]


@pytest.fixture(scope="module")
def compared(finished: Path, small_data: dict, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A copy of the finished root to which arms were added, and what the run said."""
    root = Path(shutil.copytree(finished, tmp_path_factory.mktemp("same") / "root"))
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("simcore").addHandler(handler)
    try:
        params = {**small_data, "arms": ARMS, "comparison": {"arms": "x+simcore+twin+x_matched+other"}}
        run_here(root, params=params, pipeline_names=STAGES)
    finally:
        logging.getLogger("simcore").removeHandler(handler)
    return root, said


def fingerprint(root: Path, arm: str) -> str:
    return Encoder.load(newest(root / "06_encoders" / arm, "encoders") / "seed-0").fingerprint


def test_the_same_training_is_done_once_and_said_in_one_line(compared: tuple[Path, list[str]]) -> None:
    root, said = compared
    taken = sorted(line for line in said if "taken over" in line)
    assert [line.split(" of ")[0] for line in taken] == [
        "twin.pretrain: taken over from encoders_simcore",
        "x_matched.pretrain: taken over from encoders_x",
    ]
    first, second = (pd.read_parquet(newest(root, f"coreset_{arm}.parquet")) for arm in ("simcore", "twin"))
    pd.testing.assert_frame_equal(first, second)
    assert fingerprint(root, "twin") == fingerprint(root, "simcore") != fingerprint(root, "other")
    curves = pd.read_parquet(newest(root / "06_encoders" / "twin", "curves.parquet"))
    assert set(curves["arm"]) == {"twin"}


def test_its_run_says_whose_encoders_they_are_and_has_their_curves(compared: tuple[Path, list[str]]) -> None:
    root, _ = compared
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiment = client.get_experiment_by_name("simcore").experiment_id
    runs = {
        arm: client.search_runs([experiment], f"tags.arm = '{arm}'")[0]
        for arm in ("simcore", "twin", "x_matched", "other")
    }
    origins = {arm: run.data.tags.get("encoders_of") for arm, run in runs.items()}
    assert origins == {"simcore": None, "twin": "simcore", "x_matched": "x", "other": None}
    losses = {
        arm: [(point.step, point.value) for point in client.get_metric_history(runs[arm].info.run_id, "loss")]
        for arm in ("simcore", "twin")
    }
    assert losses["twin"] == losses["simcore"] and len(losses["twin"]) > 1


@pytest.fixture
def training_set(tmp_path: Path) -> pd.DataFrame:
    rows = []
    for number in range(20):
        path = tmp_path / f"{number}.png"
        path.write_bytes(b"image")
        os.utime(path, ns=(10**18, 10**18))
        rows.append({"key": f"target:{number}", "uri": str(path), "label": None if number else "cat", "split": "train"})
    return pd.DataFrame(rows)


@pytest.fixture
def recipe(settings: ParameterTree) -> Recipe:
    training, runtime = settings.pretraining, settings.runtime
    return Recipe(training, runtime, purpose="target", image_size=28, grey=True, n_target=20, n_shared=60)


def identity(training_set: pd.DataFrame, recipe: Recipe, settings: ParameterTree, **changed) -> str | None:
    facts = {"recipe": recipe, "images": settings.images, "seeds": (0,), "start": None, **changed}
    found = describe_training(training_set, **facts)
    return None if found is None else value_fingerprint(found)


def test_what_decides_a_training_counts(training_set: pd.DataFrame, recipe: Recipe, settings: ParameterTree) -> None:
    before = identity(training_set, recipe, settings)
    assert before == identity(training_set.copy(), recipe, settings)
    longer = settings.pretraining.optimisation.model_copy(update={"steps": 7})
    method = settings.pretraining.simclr.model_copy(update={"temperature": 0.3})
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=1)
    others = [
        identity(training_set.iloc[1:], recipe, settings),
        identity(training_set.assign(label="dog"), recipe, settings),
        identity(training_set, recipe, settings, seeds=(0, 1)),
        identity(training_set, recipe, settings, start={0: encoder}),
        identity(training_set, replace(recipe, image_size=32), settings),
        identity(training_set, replace(recipe, grey=False), settings),
        identity(training_set, replace(recipe, matched_steps=9), settings),
        *(
            identity(training_set, replace(recipe, training=recipe.training.model_copy(update=change)), settings)
            for change in ({"optimisation": longer}, {"simclr": method}, {"backbone": "resnet50"})
        ),
    ]
    Path(training_set["uri"][0]).write_bytes(b"another")
    others.append(identity(training_set, recipe, settings))
    assert len({before, *others}) == len(others) + 1


def test_what_does_not_decide_it_does_not_count(
    training_set: pd.DataFrame, recipe: Recipe, settings: ParameterTree
) -> None:
    before = identity(training_set, recipe, settings)
    steps = recipe.settings.resolved_steps(20)
    assert identity(training_set, replace(recipe, matched_steps=steps, purpose="coreset"), settings) == before
    faster = settings.runtime.model_copy(update={"workers": 3, "threads": 1})
    assert identity(training_set, replace(recipe, runtime=faster), settings) == before


def test_images_behind_urls_are_trained_on_anew(
    training_set: pd.DataFrame, recipe: Recipe, settings: ParameterTree
) -> None:
    training_set.loc[0, "uri"] = "https://example.org/0.png"
    assert identity(training_set, recipe, settings) is None
