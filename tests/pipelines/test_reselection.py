"""The coreset selected anew by the encoder in training."""

import pickle
from pathlib import Path

import pandas as pd
import pytest

from simcore.parameters import ArmParameters, ParameterTree
from simcore.pipelines.pretraining.nodes import plan_arm
from simcore.pipelines.pretraining.reselection import Reselection, plan_reselections
from simcore.pipelines.pretraining.training_sets import is_target, join, openset_keys

N_SELECTED = 40


@pytest.fixture
def reselection(manifests: dict[str, pd.DataFrame], settings: ParameterTree, tmp_path: Path) -> Reselection:
    training_set = join(manifests["target"], manifests["openset"], manifests["openset"]["key"].head(N_SELECTED))
    recipe = plan_arm(
        training_set,
        manifests["target"],
        image_size={"image_size": 28, "grey": True},
        pretraining=settings.pretraining,
        runtime=settings.runtime,
        settings=settings.arms["simcore"],
    )
    return Reselection(
        target_manifest=manifests["target"],
        openset_manifest=manifests["openset"],
        recipe=recipe,
        images=settings.images,
        embedding=settings.embedding,
        clustering=settings.clustering,
        selection=settings.selection,
        folder=tmp_path,
        seed=0,
    )


def test_it_gives_x_and_as_many_other_images(reselection: Reselection, tmp_path: Path) -> None:
    recipe = reselection.recipe
    assert (recipe.n_target, recipe.n_selected) == (60, N_SELECTED)
    store = reselection.renew(recipe.create_method(seed=0), 1)
    frame = pd.DataFrame({"key": store.keys})
    assert len(store) == 100 and frame["key"].is_unique
    assert is_target(frame).sum() == 60 and len(openset_keys(store.keys)) == N_SELECTED
    # It follows the weights, and nothing else.
    again, other = (reselection.renew(recipe.create_method(seed=seed), 1) for seed in (0, 5))
    assert again.keys.tolist() == store.keys.tolist()
    assert other.keys.tolist() != store.keys.tolist()
    assert not list(tmp_path.iterdir())


def test_a_store_is_restored_from_its_keys_in_any_process(reselection: Reselection) -> None:
    store = reselection.renew(reselection.recipe.create_method(seed=0), 1)
    restored = pickle.loads(pickle.dumps(reselection)).restore(store.keys.tolist())
    assert restored.keys.tolist() == store.keys.tolist()
    assert all((restored[row] == store[row]).all() for row in (0, 50, 99))


def test_renewals_are_spread_over_the_epochs(reselection: Reselection, tmp_path: Path) -> None:
    facts = {
        name: getattr(reselection, name)
        for name in ("target_manifest", "openset_manifest", "images", "embedding", "clustering", "selection", "seed")
    }
    training = reselection.recipe.training
    optimisation = training.optimisation.model_copy(update={"steps": None, "epochs": 10})
    recipe = plan_arm(
        join(reselection.target_manifest, reselection.openset_manifest, facts["openset_manifest"]["key"].head(40)),
        reselection.target_manifest,
        image_size={"image_size": 28, "grey": True},
        pretraining=training.model_copy(update={"optimisation": optimisation}),
        runtime=reselection.recipe.runtime,
        settings=ArmParameters(openset="coreset"),
    )
    renewal = plan_reselections(tmp_path, reselections=2, recipe=recipe, **facts)
    # 100 images in batches of 16: 6 steps an epoch; after epochs 3 and 6 of 10.
    assert renewal.steps == (18, 36)
