"""The methods' blocks against the methods themselves."""

import inspect

import pytest

from simcore.errors import InputError
from simcore.methods import METHODS
from simcore.parameters import check_parameters
from simcore.parameters.training import _BLOCKS, TrainingParameters
from tests.parameters.test_parameters import load

LENGTHS = {"freeze_prototypes_epochs": 10, "freeze_last_layer_epochs": 10, "warmup_teacher_temperature_epochs": 2_000}


def test_every_method_has_a_block() -> None:
    assert set(METHODS) == set(_BLOCKS) <= set(TrainingParameters.model_fields)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_block_has_the_methods_settings_and_defaults(name: str) -> None:
    signature = inspect.signature(METHODS[name]).parameters
    settings = {key: entry.default for key, entry in signature.items() if key not in ("backbone", "seed")}
    block = {key: field.default for key, field in _BLOCKS[name].model_fields.items()}
    # The methods' own defaults are those of the paper's longest run.
    assert {key: LENGTHS[key] if value == "paper" else value for key, value in block.items()} == settings


BESIDE = {"pretraining": {"method": "ehns_m"}}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            {"method": "ehns_m"},
            "in `retrieval`, ehns_m contrasts X with the open-set, but the retrieval encoder trains on",
        ),
        (BESIDE, "names x, without one of the two; give arms with both"),
        ({**BESIDE, "comparison": {"arms": "os+simcore+x_matched"}}, "names os, x_matched, without one of the two"),
        (
            {"pretraining": {"method": "ehns_m", "reselections": 1}, "comparison": {"arms": "simcore"}},
            "ehns_m does not train on the coreset, so none is selected by it: set `reselections` to 0",
        ),
    ],
)
def test_what_the_openset_beside_x_cannot_be_used_for_is_refused(typed: dict, sentence: str) -> None:
    with pytest.raises(InputError, match="Wrong parameters: ") as told:
        check_parameters(load("local", **typed))
    assert sentence in str(told.value)


def test_a_given_retrieval_encoder_needs_no_method() -> None:
    typed = {"method": "ehns_m", "retrieval": {"encoder": "random:resnet10_small"}, "comparison": {"arms": "x_os"}}
    tree = check_parameters(load("local", **typed))
    assert tree.pretraining.has_openset_beside and tree.pretraining.method_settings()["queue_size"] == 4_096
    assert not check_parameters(load("local")).pretraining.has_openset_beside
