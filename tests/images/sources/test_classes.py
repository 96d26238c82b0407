"""What labels must be like, from counts that came in pieces."""

import pyarrow as pa
import pytest

from simcore.errors import InputError
from simcore.images.sources.classes import Tally, check_classes


def tally(*rows: tuple[str, str | None, str | None]) -> Tally:
    found = Tally()
    for number, (source, split, label) in enumerate(rows):
        table = {"key": [f"{number}"], "source": [source], "split": [split], "label": [label]}
        found.add(pa.table({name: pa.array(values, pa.large_string()) for name, values in table.items()}))
    return found


def test_counting() -> None:
    found = tally(
        ("x", "train", "cat"), ("x", "test", "cat"), ("y", None, "dog"), ("y", None, "dog"), ("x", "train", None)
    )
    assert (found.total(), found.total("train"), found.total(source="y")) == (5, 2, 2)
    assert found.total("train", source="y") == 0
    assert (
        found.classes() == {"cat", "dog"}
        and found.classes("test") == {"cat"}
        and found.classes(sources=["y"]) == {"dog"}
    )
    assert found.unlabelled == "4"


def test_what_is_fine() -> None:
    check_classes(tally(("x", "train", "cat"), ("x", "test", "cat")), name="pets")
    check_classes(tally(("x", "train", None), ("x", "test", None)), name="pets")
    # Nobody has labelled the train images yet.
    check_classes(tally(("x", "train", None), ("x", "test", "cat"), ("x", "test", "dog")), name="pets")
    # Train images of the class are still to be drawn.
    check_classes(tally(("x", "test", "cat"), ("y", None, "cat")), name="pets")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("x", "train", "cat"), ("x", "train", None)], "Image '1' of pets has no class, but others have"),
        (
            [("x", "train", None), ("x", "test", "cat"), ("x", "test", None)],
            "Image '0' of pets has no class, but others",
        ),
        ([("x", "train", None), ("x", "test", "cat"), ("x", None, None)], "Image '0' of pets has no class, but others"),
        ([("x", "train", "cat"), ("x", "test", "dog")], "Test class 'dog' of pets has no train images; add some"),
        (
            [("x", "train", "cat"), ("x", "test", "dog"), ("x", "test", "cow")],
            r"Test class 'cow' of pets has no train images \(nor have 1 more test classes\)",
        ),
    ],
)
def test_what_is_not(rows: list[tuple[str, str | None, str | None]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_classes(tally(*rows), name="pets")


def test_other_advice() -> None:
    with pytest.raises(InputError, match="has no train images; raise `limit`"):
        check_classes(tally(("x", "test", "dog")), name="pets", advice="raise `limit`.")
