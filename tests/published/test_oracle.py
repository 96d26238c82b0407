"""The classes of the oracle open-sets."""

import re

import pytest

from simcore.errors import InputError
from simcore.published import oracle_classes

SIZES = {"aircraft": 8, "cars": 10, "pets": 24, "birds": 20}


@pytest.mark.parametrize("target", SIZES)
def test_as_many_as_the_paper_has(target: str) -> None:
    classes = oracle_classes(target)
    assert len(classes) == len({each.synset for each in classes}) == SIZES[target]
    assert all(re.fullmatch(r"n\d{8}", each.synset) and each.name.strip() == each.name != "" for each in classes)


def test_all_62_differ() -> None:
    assert len({each.synset for target in SIZES for each in oracle_classes(target)}) == 62


@pytest.mark.parametrize(
    ("target", "synset", "name"),
    [
        ("aircraft", "n02012849", "crane (bird)"),
        ("cars", "n04285008", "sports car"),
        ("pets", "n02110958", "pug"),
        ("birds", "n01608432", "kite"),
    ],
)
def test_synsets_that_are_easily_confused(target: str, synset: str, name: str) -> None:
    assert (synset, name) in {(each.synset, each.name) for each in oracle_classes(target)}


def test_the_other_targets_have_none() -> None:
    with pytest.raises(InputError, match="no oracle classes for 'dogs', only for 'aircraft', 'birds', 'cars', 'pets'"):
        oracle_classes("dogs")
