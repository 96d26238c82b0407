"""Variants: groups in full, arms that studies make under them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from simcore.config import LayeredConfigLoader
from simcore.errors import InputError
from simcore.parameters import ParameterTree, check_parameters
from simcore.parameters.variants import expand_arms, resolve_variants
from simcore.settings import CONFIG_LOADER_ARGS

CONF = str(Path(__file__).parents[2] / "conf")


def tree_of(env: str = "test", **typed: Any) -> ParameterTree:
    options: dict[str, Any] = {**CONFIG_LOADER_ARGS, "runtime_params": typed}
    return check_parameters(LayeredConfigLoader(CONF, env=env, **options)["parameters"])


@pytest.mark.parametrize("env", ["base", "test", "study", "paper", "paper_code"])
@pytest.mark.parametrize("method", ["byol", "dino", "mae"])
def test_a_methods_variant_is_the_run_with_that_method(env: str, method: str) -> None:
    variant, run = tree_of(env).variants[method], tree_of(env, method=method)
    for group in ("openset", "retrieval", "clustering", "selection", "pretraining"):
        assert getattr(variant, group) == getattr(run, group), group


def test_a_variant_lies_over_what_was_typed_and_keeps_the_rest_of_it() -> None:
    typed = {"retrieval": {"optimisation": {"steps": 4, "learning_rate": 0.5}}, "clustering": {"n_clusters": 3}}
    variant = tree_of(**typed).variants["retrieval_long"]
    assert variant.retrieval.optimisation.steps == 900
    assert variant.retrieval.optimisation.learning_rate == 0.5
    assert variant.clustering.n_clusters == 3


def test_a_variant_says_in_which_groups_it_differs() -> None:
    tree = tree_of()
    changes = {name: variant.changes(tree.groups()) for name, variant in tree.variants.items()}
    assert changes["coco"] == {"openset"} and changes["retrieval_short"] == {"retrieval"}
    assert changes["resnet18"] == {"retrieval", "pretraining"}
    assert tree_of(method="byol").variants["byol"].changes(tree_of(method="byol").groups()) == frozenset()


def test_studies_make_their_arms_under_variants_and_what_these_refer_to() -> None:
    arms = {
        "x": {"openset": "none"},
        "simcore": {"openset": "coreset"},
        "random": {"openset": "random", "size_of": "simcore"},
        "os": {"openset": "all"},
        "os_then_x": {"openset": "none", "starts_from": "os"},
        "simcore_b": {"openset": "coreset", "tau": 0.5, "variant": "b"},
    }
    studies = {
        "one": {"arms": "x+random", "variants": "a+b"},
        "two": {"arms": ["x"], "variants": ["a"], "varied": ["os_then_x"]},
    }
    made = expand_arms(arms, studies)
    assert set(made) - set(arms) == {"x_a", "x_b", "random_a", "random_b", "simcore_a", "os_then_x_a", "os_a"}
    assert made["random_a"] == {"openset": "random", "size_of": "simcore_a", "variant": "a", "base": "random"}
    assert made["os_then_x_a"]["starts_from"] == "os_a"
    # Written down by a person: stays.
    assert made["simcore_b"] == arms["simcore_b"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"images": {"image_size": 8}},
            "`variants.mine` holds images; a variant changes parameters below method, openset",
        ),
        ({}, "`variants.mine` holds nothing"),
        (3, "`variants.mine` holds 3"),
    ],
)
def test_what_no_variant_may_change_is_refused(values: Any, sentence: str) -> None:
    with pytest.raises(InputError, match="a variant changes parameters below") as caught:
        resolve_variants({"variants": {"mine": values}}, [{}], {})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"studies": {"methods": {"variants": "bjol"}}}, "names 'bjol', but the variants are byol, swav"),
        ({"studies": {"methods": {"variants": "byol", "varied": "y"}}}, "`studies.methods.varied` names 'y'"),
        ({"studies": {"mine": {"arms": "x"}}}, "a study sets at least two arms against each other"),
        ({"studies": {"mine": {"arms": "x+os", "varied": "x"}}}, "`varied` says what is made under `variants`"),
        ({"arms": {"mine": {"openset": "coreset", "variant": "no"}}}, "`arms.mine.variant` names 'no'"),
        (
            {"variants": {"byol": {"retrieval": {"bakbone": "x"}}}},
            "unknown parameter `variants.byol.retrieval.bakbone`",
        ),
    ],
)
def test_wrong_studies_and_variants_are_refused_in_one_sentence(typed: dict, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        tree_of(**typed)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"epochs": 3}, "Wrong parameters: unknown parameter `pretraining.epochs`; "),
        ({"method": []}, "Wrong parameters: parameter `pretraining.method` is [], but should be a valid string."),
        ({"method": {}}, "Wrong parameters: parameter `pretraining.method` is {}, but should be a valid string."),
    ],
)
def test_what_is_wrong_in_every_variant_is_told_once(wrong: dict, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        tree_of(pretraining=wrong)
    assert str(caught.value).startswith(sentence)
    assert "variants." not in str(caught.value)
