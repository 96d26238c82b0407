"""The section on few or noisy labels: which measures stand where."""

import pandas as pd

from simcore.reporting.comparison import compare_arms
from simcore.reporting.short_labels import OWN_SECTIONS, short_labels_section


def record(arm: str, seed: int, *measure: str, value: float) -> dict:
    evaluation, protocol, metric = measure
    named = {"evaluation": evaluation, "protocol": protocol, "metric": metric}
    return {"arm": arm, "seed": seed, **named, "value": value, "n": 1200}


RECORDS = [
    record(arm, seed, evaluation, protocol, metric, value=value + 0.1 * seed)
    for seed in (0, 1)
    for arm, evaluation, protocol, metric, value in (
        ("x", "linear", "clean", "top1", 0.1),
        ("simcore", "linear", "clean", "top1", 0.2),
        ("x", "semi_supervised", "clean fixmatch 10 % of labels", "top1", 0.3),
        ("x", "semi_supervised", "clean fixmatch 10 % of labels", "mean_per_class", 0.35),
        ("simcore", "semi_supervised", "clean fixmatch 10 % of labels", "top1", 0.4),
        ("simcore", "semi_supervised", "clean fixmatch 10 % of labels", "mean_per_class", 0.45),
        ("simcore", "webly", "clean dividemix", "top1", 0.5),
        ("simcore", "webly", "clean dividemix", "clean_auroc", 0.6),
    )
]


def test_each_evaluation_has_a_table_with_its_leading_accuracy_and_its_own_measures() -> None:
    compared = compare_arms(RECORDS, arms=["x", "simcore"])
    section = short_labels_section(compared, headline={"semi_supervised": "mean_per_class", "webly": "top1"})
    assert section is not None
    semi, webly = section.blocks
    assert semi.columns == ("protocol", "measure", "X", "X + SimCore")
    assert [row[:2] for row in semi.rows] == [("clean fixmatch 10 % of labels", "mean_per_class")]
    assert semi.rows[0][2].startswith("0.400 ± 0.071 (2 seeds)") and semi.rows[0][3].startswith("0.500 ± 0.071")
    assert [row[1] for row in webly.rows] == ["top1", "clean_auroc"]
    assert webly.columns == ("protocol", "measure", "X + SimCore")


def test_without_such_an_evaluation_there_is_no_section() -> None:
    linear = [each for each in RECORDS if each["evaluation"] not in OWN_SECTIONS]
    assert short_labels_section(compare_arms(linear, arms=["x", "simcore"]), headline={}) is None


def test_an_arm_that_was_not_evaluated_says_so() -> None:
    only = [each for each in RECORDS if each["protocol"] != "clean fixmatch 10 % of labels" or each["arm"] == "x"]
    extra = record("simcore", 0, "semi_supervised", "clean mixmatch 10 % of labels", "top1", value=0.9)
    section = short_labels_section(compare_arms([*only, extra], arms=["x", "simcore"]), headline={})
    assert section is not None
    table = pd.DataFrame(section.blocks[0].rows, columns=section.blocks[0].columns).set_index("protocol")
    assert table.loc["clean fixmatch 10 % of labels", "X + SimCore"] == "not evaluated"
    assert table.loc["clean mixmatch 10 % of labels", "X"] == "not evaluated"
