"""The methods' blocks against the methods themselves."""

import inspect

import pytest

from simcore.methods import METHODS
from simcore.parameters.training import _BLOCKS, TrainingParameters

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
