"""Names of web images line up with those of the target."""

import pytest

from simcore.downstream.webly import match_classes
from simcore.errors import InputError


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("F-16AB", "F-16A/B"),
        ("FA-18", "F/A-18"),
        ("F-16A_B", "F-16A/B"),
        ("F_A-18", "F/A-18"),
        ("Cessna 172", "Cessna 172"),
        ("Cessna_172", "Cessna 172"),
        ("animal/cat", "cat"),
        ("animal/kitten", None),
        ("18", None),
        ("", None),
        (None, None),
    ],
)
def test_known_names(label, name) -> None:
    found = match_classes([label], ["F-16A/B", "F/A-18", "Cessna 172", "cat"])
    assert found.isna().all() if name is None else found.tolist() == [name]


def test_the_whole_label_goes_before_its_last_part() -> None:
    assert match_classes(["car/van", "van"], ["van", "car/van"]).tolist() == ["car/van", "van"]


def test_classes_that_differ_in_signs_alone() -> None:
    with pytest.raises(InputError, match="'F-16' and 'f16' differ in case and signs alone"):
        match_classes(["cat"], ["F-16", "cat", "f16"])
