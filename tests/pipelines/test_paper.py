"""The paper's settings as a run gets them: every number written out, by method and arm."""

from typing import Any

import pytest

from simcore.parameters import ParameterTree, check_parameters
from simcore.pipelines.recipe import Recipe, local_side
from simcore.tracking import flatten
from tests.parameters.test_parameters import load

METHODS = ("simclr", "byol", "swav", "dino", "mae")
N_PET = 3_680
N_CAPPED = 184_000  # 50 images for each of Pet's: 14.36 % of ImageNet
N_ONE_PERCENT = 12_811


def tree(method: str, env: str = "paper", **typed: Any) -> ParameterTree:
    return check_parameters(load(env, method=method, **typed))


def recipes(method: str, env: str = "paper", **typed: Any) -> dict[str, Recipe]:
    """Return the recipes of the runs on Pet."""
    made = tree(method, env, **typed)
    known = {"runtime": made.runtime, "image_size": 224, "grey": False, "n_target": N_PET}
    return {
        "retrieval": Recipe(training=made.retrieval, purpose="retrieval", **known),
        "x": Recipe(training=made.pretraining, purpose="target", **known),
        "one_percent": Recipe(training=made.pretraining, purpose="coreset", n_selected=N_ONE_PERCENT, **known),
        "simcore": Recipe(training=made.pretraining, purpose="coreset", n_selected=N_CAPPED, **known),
    }


# backbone, optimiser, rate, decay, its end, betas, schedule per, drop_last
OPTIMISATION = {
    "simclr": ("resnet50", "sgd", 0.1, 1e-4, None, (0.9, 0.999), "epoch", False),
    "byol": ("resnet50", "adam", 1e-3, 1e-6, None, (0.9, 0.999), "epoch", False),
    "swav": ("resnet50", "sgd", 0.1, 1e-4, None, (0.9, 0.999), "epoch", True),
    "dino": ("vit_tiny_16", "adamw", 1e-3, 0.04, 0.4, (0.9, 0.999), "step", False),
    "mae": ("vit_base_16", "adamw", 3e-4, 0.05, None, (0.9, 0.95), "step", False),
}


@pytest.mark.parametrize("method", METHODS)
def test_optimisers(method: str) -> None:
    for recipe in recipes(method).values():
        settings = recipe.settings
        assert (
            recipe.training.backbone,
            settings.optimiser,
            settings.learning_rate,
            settings.weight_decay,
            settings.weight_decay_end,
            settings.betas,
            settings.schedule_per,
            settings.drop_last,
        ) == OPTIMISATION[method]
        assert settings.learning_rate_floor == 0
        assert settings.momentum == 0.9
        assert settings.clip_gradient is None
        assert settings.accumulate == 1
        assert settings.resolved_batch_size(recipe.n_images) == 512


# Epochs, and lengths in epochs, of: retrieval; X; coreset of 1 %; coreset at the cap of Pet.
EPOCHS = (1_000, 5_000, 5_000, 696)
LENGTHS = {
    ("swav", "freeze_prototypes_epochs"): (10, 10, 10, 1),
    ("dino", "warmup_epochs"): (20, 100, 100, 13),
    ("dino", "warmup_teacher_temperature_epochs"): (400, 2_000, 2_000, 278),
    ("dino", "freeze_last_layer_epochs"): (10, 10, 10, 1),
    ("mae", "warmup_epochs"): (100, 100, 100, 13),
}


@pytest.mark.parametrize("method", METHODS)
def test_lengths(method: str) -> None:
    made = recipes(method)
    assert tuple(recipe.settings.epochs for recipe in made.values()) == EPOCHS
    assert all(recipe.settings.steps is None and recipe.settings.warmup_steps == 0 for recipe in made.values())
    for (owner, name), expected in LENGTHS.items():
        if owner == method:
            found = [
                recipe.settings.warmup_epochs if name == "warmup_epochs" else recipe.method_settings[name]
                for recipe in made.values()
            ]
            assert tuple(found) == expected, name
    if method not in ("dino", "mae"):
        assert all(not recipe.settings.warmup_epochs for recipe in made.values())


BLOCKS: dict[str, dict[str, Any]] = {
    "simclr": {"temperature": 0.07, "projection_dim": 128},
    "byol": {
        "momentum": 0.996,
        "momentum_end": 1.0,
        "momentum_per": "step",
        "hidden_dim": 4096,
        "projection_dim": 256,
    },
    "swav": {
        "n_prototypes": 100,
        "freeze_prototypes_epochs": 1,
        "temperature": 0.1,
        "sinkhorn_epsilon": 0.02,
        "sinkhorn_iterations": 3,
        "hidden_dim": 4096,
        "projection_dim": 2048,
    },
    "dino": {
        "output_dim": 65_536,
        "hidden_dim": 2048,
        "bottleneck_dim": 256,
        "student_temperature": 0.1,
        "teacher_temperature": 0.04,
        "teacher_temperature_end": 0.07,
        "warmup_teacher_temperature_epochs": 278,
        "centre_momentum": 0.9,
        "freeze_last_layer_epochs": 1,
        "norm_last_layer": True,
        "momentum": 0.996,
        "momentum_end": 1.0,
        "momentum_per": "step",
        "local_views": 4,
        "drop_path": 0.1,
    },
    "mae": {
        "mask_ratio": 0.75,
        "decoder_dim": 512,
        "decoder_depth": 8,
        "decoder_heads": 16,
        "normalise_targets": True,
    },
}


@pytest.mark.parametrize("method", METHODS)
def test_settings_of_the_methods(method: str) -> None:
    made = recipes(method)
    assert made["simcore"].method_settings == BLOCKS[method]
    retrieval = made["retrieval"].method_settings
    changed = {name for name, value in retrieval.items() if value != made["x"].method_settings[name]}
    # The retrieval encoder's average of BYOL stands at 0.996; DINO's temperature takes its share of 1,000 epochs.
    assert changed == {
        "byol": {"momentum_end"},
        "dino": {"warmup_teacher_temperature_epochs"},
    }.get(method, set())
    if method == "byol":
        assert retrieval["momentum"] == retrieval["momentum_end"] == 0.996


# Table 17; of the arms alone, since EHNS-m has no retrieval encoder.
MINING: dict[str, dict[str, Any]] = {
    "hns": {"beta": 1.0, "tau_plus": 0.01, "temperature": 0.07, "projection_dim": 128},
    "ehns": {"ratio": 0.7, "anchors": "all", "temperature": 0.1, "base_temperature": 0.07, "projection_dim": 128},
    "ehns_m": {"queue_size": 65_536, "ratio": 0.7, "temperature": 0.07, "projection_dim": 128},
}


@pytest.mark.parametrize("method", sorted(MINING))
def test_hard_negatives(method: str) -> None:
    made = tree("simclr", pretraining={"method": method}, comparison={"arms": "x_os"})
    known = {"runtime": made.runtime, "image_size": 224, "grey": False, "n_target": N_PET}
    recipe = Recipe(training=made.pretraining, purpose="coreset", n_selected=N_ONE_PERCENT, **known)
    settings = recipe.settings
    assert recipe.training.backbone == "resnet18"
    assert (settings.optimiser, settings.learning_rate, settings.weight_decay) == ("sgd", 0.1, 1e-4)
    assert (settings.resolved_batch_size(recipe.n_images), settings.drop_last, settings.epochs) == (256, True, 5_000)
    assert recipe.method_settings == MINING[method]
    assert made.pretraining.views.scale == (0.2, 1.0) and made.pretraining.views.jitter == 0.8
    assert recipe.n_beside == (N_ONE_PERCENT if method == "ehns_m" else 0)
    assert not recipe.n_beside or recipe.beside_batch_size == 256


@pytest.mark.parametrize("method", METHODS)
def test_views(method: str) -> None:
    made = tree(method).pretraining
    views = made.views
    assert (views.scale, views.flip) == ((0.2, 1.0), 0.5)
    assert views.ratio == (3 / 4, 4 / 3)
    if method == "mae":
        assert (views.interpolation, views.jitter, views.grayscale) == ("bicubic", 0, 0)
    else:
        assert (views.interpolation, views.jitter, views.grayscale) == ("bilinear", 0.8, 0.2)
        assert (views.brightness, views.contrast, views.saturation, views.hue) == (0.8, 0.8, 0.8, 0.2)
    if method == "dino":
        assert made.local_views is not None
        assert local_side(made.local_views.size, image_size=224, patch=16) == 96
        assert made.local_views.scale == (0.05, 0.2)


@pytest.mark.parametrize("method", METHODS)
def test_selection(method: str) -> None:
    made = tree(method)
    assert made.selection.tau == (0.6 if method == "dino" else 0.95)
    assert made.selection.budget is None
    assert made.selection.reference_round == 1
    assert made.clustering.n_clusters == 100
    assert made.images.image_size == 224
    assert made.images.eval_resize_ratio == 256 / 224


def test_two_stages_take_a_fifth() -> None:
    made = recipes("simclr", pretraining={"initialise_from": "timm:resnet50"})
    assert made["x"].settings.epochs == 1_000
    assert made["simcore"].settings.epochs == 139
    assert made["retrieval"].settings.epochs == 1_000  # the retrieval encoder does not start from them


def test_given_lengths_are_never_rescaled() -> None:
    typed = {
        "optimisation": {"epochs": 300, "warmup_epochs": 7},
        "dino": {"freeze_last_layer_epochs": 4, "warmup_teacher_temperature_epochs": 90},
    }
    made = recipes("dino", pretraining=typed)
    for name in ("x", "simcore"):
        assert (made[name].settings.epochs, made[name].settings.warmup_epochs) == (300, 7)
        assert made[name].method_settings["freeze_last_layer_epochs"] == 4
        assert made[name].method_settings["warmup_teacher_temperature_epochs"] == 90


def test_lengths_follow_given_epochs_and_steps() -> None:
    assert recipes("dino", pretraining={"optimisation": {"epochs": 400}})["x"].settings.warmup_epochs == 8
    # 3,680 images are 8 batches of 512, the last one smaller: 4,000 steps are 500 epochs.
    by_steps = recipes("dino", pretraining={"optimisation": {"epochs": None, "steps": 4_000}})["x"]
    assert by_steps.total_epochs == 500
    assert by_steps.settings.warmup_epochs == 10
    assert by_steps.method_settings["warmup_teacher_temperature_epochs"] == 200


# What the published code does otherwise, on purpose; by method, the same in both stages.
CODE = {
    "simclr": {"optimisation.learning_rate_floor": 0.001},
    "byol": {"optimisation.learning_rate_floor": 0.001, "byol.momentum_per": "epoch"},
    "swav": {"optimisation.learning_rate_floor": 0.001},
    "dino": {
        "optimisation.learning_rate_floor": 0.001,
        "optimisation.schedule_per": "epoch",
        "dino.momentum_per": "epoch",
        "dino.norm_last_layer": False,
    },
    "mae": {"optimisation.learning_rate_floor": 0.001},
}


@pytest.mark.parametrize("method", METHODS)
def test_the_published_code_differs_in_nothing_else(method: str) -> None:
    # Variants are those of the run's settings, see tests/parameters/test_variants.py.
    paper, code = (
        flatten(tree(method, env).model_dump(mode="json", exclude={"variants"})) for env in ("paper", "paper_code")
    )
    assert paper.keys() == code.keys()
    changed = {name: code[name] for name in code if code[name] != paper[name]}
    expected = {
        f"{stage}.{name}": value for stage in ("retrieval", "pretraining") for name, value in CODE[method].items()
    }
    assert changed == expected


def test_typed_values_win_over_the_published_code() -> None:
    made = tree("dino", "paper_code", pretraining={"optimisation": {"learning_rate_floor": 0.5}})
    assert made.pretraining.optimisation.learning_rate_floor == 0.5
    assert made.retrieval.optimisation.learning_rate_floor == 0.001
