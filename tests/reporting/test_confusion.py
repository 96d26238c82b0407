"""Confusions and classes as they are shown."""

import numpy as np
import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.evaluation.outcome import Outcome
from simcore.evaluation.tables import confusion_table, per_class_table
from simcore.reporting import class_section, confusion_figure


def outcome(classes: int, *, protocol: str = "clean", seed: int = 0) -> Outcome:
    rng = np.random.default_rng(seed)
    true, named = rng.integers(0, classes, 300), rng.integers(0, classes, (300, 1))
    return Outcome("linear", protocol, tuple(f"c{number:03d}" for number in range(classes)), true, named)


def test_shares_are_those_of_the_outcome() -> None:
    first, other = outcome(4), outcome(4, protocol="published", seed=1)
    figure = confusion_figure(confusion_table([("x", 0, first), ("x", 0, other)]), arm="x")
    counts = first.confusion()
    np.testing.assert_allclose(figure.data[0].z, counts / counts.sum(axis=1, keepdims=True))
    assert "linear probe (clean)" in figure.layout.xaxis.title.text


def test_seeds_are_added() -> None:
    found = [("x", seed, outcome(3, seed=seed)) for seed in (0, 1)]
    figure = confusion_figure(confusion_table(found), arm="x")
    np.testing.assert_array_equal(figure.data[0].customdata, sum(each.confusion() for _, _, each in found))


def test_many_classes_are_gathered_and_no_image_is_lost() -> None:
    found = outcome(50)
    figure = confusion_figure(confusion_table([("x", 0, found)]), arm="x", most=10)
    shown = np.asarray(figure.data[0].customdata)
    assert shown.shape == (10, 10) and shown.sum() == 300
    assert figure.data[0].x[-1] == "41 others"
    wrong = found.per_class().assign(wrong=lambda frame: frame["n"] - frame["right"]).set_index("class")["wrong"]
    assert wrong[list(figure.data[0].x[:-1])].min() >= wrong.drop(list(figure.data[0].x[:-1])).max()


def test_without_labels_a_sentence_stands_instead() -> None:
    assert "not evaluated" in confusion_figure(confusion_table([]), arm="x").layout.annotations[0].text
    assert class_section(per_class_table([]), arms=["x"], confusions={}).blocks == (
        "Accuracy of each class: not evaluated: no labels.",
    )


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match="lacks true, predicted"):
        confusion_figure(pd.DataFrame({"evaluation": [], "protocol": [], "n": []}), arm="x")


def test_the_table_means_over_seeds_and_shows_every_arm() -> None:
    found = [(arm, seed, outcome(3, seed=seed + 10 * (arm == "x"))) for arm in ("x", "simcore") for seed in (0, 1)]
    table = per_class_table(found)
    section = class_section(table, arms=["x", "random", "simcore"], confusions={})
    (shown,) = section.blocks
    assert shown.columns == ("class", "test images", "X", "X + SimCore")
    of_x = table[(table["arm"] == "x") & (table["class"] == "c001")]["accuracy"].mean()
    assert shown.rows[1][2] == f"{of_x:.3f}"
