"""What a method's name brings along, and who wins over whom."""

import pytest

from simcore.errors import InputError
from simcore.parameters.presets import apply_presets, overlay

BASE = {
    "method": "simclr",
    "retrieval": {"method": None, "optimisation": {"learning_rate": 0.1, "steps": 5}},
    "pretraining": {"method": None, "optimisation": {"learning_rate": 0.1, "steps": 9}},
    "selection": {"tau": 0.95, "budget": None},
    "methods": {
        "simclr": {"simclr": {"temperature": 0.07}},
        "dino": {
            "dino": {"momentum": 0.99},
            "optimisation": {"learning_rate": 0.001},
            "retrieval": {"dino": {"momentum": 0.9}},
            "selection": {"tau": 0.6},
        },
    },
}


def run(*layers: dict, **typed) -> dict:
    """Return the parameters as a run gets them: Kedro lays what was typed over every layer."""
    return apply_presets([overlay(layer, typed) for layer in layers], typed=typed)


def test_the_default_method_brings_its_block_and_nothing_else() -> None:
    made = run(BASE)
    for stage in ("retrieval", "pretraining"):
        assert made[stage] == {**BASE[stage], "method": "simclr", "simclr": {"temperature": 0.07}}
    assert made["selection"] == BASE["selection"]
    assert "methods" not in made


def test_one_word_changes_both_stages_and_the_threshold() -> None:
    made = run(BASE, method="dino")
    assert made["retrieval"]["dino"] == {"momentum": 0.9} and made["pretraining"]["dino"] == {"momentum": 0.99}
    assert {made[stage]["method"] for stage in ("retrieval", "pretraining")} == {"dino"}
    assert {made[stage]["optimisation"]["learning_rate"] for stage in ("retrieval", "pretraining")} == {0.001}
    assert made["pretraining"]["optimisation"]["steps"] == 9
    assert made["selection"] == {"tau": 0.6, "budget": None}
    assert "simclr" not in made["pretraining"]


def test_one_stage_alone() -> None:
    made = run(BASE, pretraining={"method": "dino"})
    assert (made["retrieval"]["method"], made["pretraining"]["method"]) == ("simclr", "dino")
    # The threshold goes with the encoder that embeds.
    assert made["selection"]["tau"] == 0.95
    assert run(BASE, retrieval={"method": "dino"})["selection"]["tau"] == 0.6


def test_what_was_typed_wins_over_the_preset() -> None:
    made = run(
        BASE,
        method="dino",
        pretraining={"optimisation": {"learning_rate": 7}, "dino": {"momentum": 0.5}},
        selection={"tau": 0.7},
    )
    assert made["pretraining"]["optimisation"] == {"learning_rate": 7, "steps": 9}
    assert made["pretraining"]["dino"] == {"momentum": 0.5}
    assert made["retrieval"]["optimisation"]["learning_rate"] == 0.001
    assert made["selection"]["tau"] == 0.7


def test_a_later_layer_wins_over_an_earlier_preset_and_its_preset_over_it() -> None:
    later = {"pretraining": {"optimisation": {"learning_rate": 3}}}
    assert run(BASE, later, method="dino")["pretraining"]["optimisation"]["learning_rate"] == 3
    assert run(BASE, later, method="dino")["retrieval"]["optimisation"]["learning_rate"] == 0.001
    later["methods"] = {"dino": {"optimisation": {"learning_rate": 4}}}
    assert run(BASE, later, method="dino")["pretraining"]["optimisation"]["learning_rate"] == 4
    assert run(BASE, later)["pretraining"]["optimisation"]["learning_rate"] == 3


def test_a_later_layer_may_choose_the_method() -> None:
    assert run(BASE, {"method": "dino"})["selection"]["tau"] == 0.6
    assert run(BASE, {"method": "dino"}, method="simclr")["selection"]["tau"] == 0.95


def test_a_preset_can_be_typed() -> None:
    made = run(BASE, method="dino", methods={"dino": {"dino": {"momentum": 0.1}}})
    assert made["pretraining"]["dino"] == {"momentum": 0.1}


def test_stages_without_a_method_are_left_alone() -> None:
    assert apply_presets([{"images": {"image_size": 32}}], typed={}) == {"images": {"image_size": 32}}
    assert run({**BASE, "method": "unheard of"})["retrieval"]["method"] == "unheard of"


def test_a_preset_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(InputError, match=r"`methods.dino` is 'fast'"):
        run({**BASE, "methods": {"dino": "fast"}}, method="dino")
