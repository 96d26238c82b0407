import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from simcore.reporting import compare_pairs, state_finding

shares = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8)


def pair(record, arm_values, other_values, *, arm="simcore", other="random"):
    return [
        record(name, seed, value)
        for name, values in ((arm, arm_values), (other, other_values))
        for seed, value in enumerate(values)
    ]


@settings(deadline=None)
@given(shares)
def test_the_interval_leaves_out_zero_exactly_when_the_paired_t_test_rejects(values) -> None:
    arm, other = np.array(values).T
    assume(np.std(arm - other) > 1e-6)
    base = {"evaluation": "linear", "metric": "top1", "protocol": "clean", "n": 1200}
    records = [
        {**base, "arm": name, "seed": seed, "value": float(value)}
        for name, column in (("simcore", arm), ("random", other))
        for seed, value in enumerate(column)
    ]
    differences = compare_pairs(records, arms=["random", "simcore"])
    row = differences.iloc[0]
    test = stats.ttest_rel(arm, other)
    assume(abs(test.pvalue - 0.05) > 1e-6)
    assert (row["low"] > 0 or row["high"] < 0) == (test.pvalue < 0.05)
    claimed = "no difference can be claimed" not in state_finding(differences)
    assert claimed == (test.pvalue < 0.05)


def test_each_pair_is_judged_once(all_records) -> None:
    frame = compare_pairs(all_records, arms=["x", "random", "simcore"], references=["raw_pixels", "random_network"])
    linear = frame[(frame["evaluation"] == "linear") & (frame["metric"] == "top1")]
    assert list(zip(linear["arm"], linear["against"], strict=True)) == [
        ("random", "x"),
        ("simcore", "x"),
        ("simcore", "random"),
    ]
    assert not frame["metric"].eq("learning_rate").any()


def test_pairs_are_made_by_seed(record) -> None:
    records = [record("random", seed, 0.1 * seed) for seed in (0, 1, 2)]
    records += [record("simcore", seed, 0.1 * seed + 0.05 * (seed == 2)) for seed in (2, 1, 3)]
    row = compare_pairs(records, arms=["random", "simcore"]).iloc[0]
    assert row["n_seeds"] == 2
    assert row["mean"] == pytest.approx(0.025)
    assert row["against_mean"] == pytest.approx(0.15)


def test_an_arm_that_was_not_compared_is_not_subtracted(record) -> None:
    assert compare_pairs([record("simcore", 0, 0.8)], arms=["simcore"]).empty


def test_one_seed_supports_no_claim(record) -> None:
    differences = compare_pairs(pair(record, [0.8], [0.7]), arms=["random", "simcore"])
    assert math.isnan(differences.iloc[0]["std"])
    assert state_finding(differences) == (
        "Linear probe, top-1 accuracy (clean): X + SimCore 0.800, X + random 0.700, difference +0.100; "
        "one seed: no spread, no claim."
    )


@pytest.mark.parametrize(
    ("simcore", "random", "ending"),
    [
        ([0.80, 0.82], [0.79, 0.78], "; no difference can be claimed from 2 seeds."),
        ([0.80, 0.81, 0.80], [0.70, 0.72, 0.71], "; X + SimCore is above X + random over these 3 seeds."),
        ([0.70, 0.72, 0.71], [0.80, 0.81, 0.80], "; X + SimCore is below X + random over these 3 seeds."),
        (
            [0.75, 0.5],
            [0.5, 0.25],
            "; the difference is the same on all 2 seeds, so it has no interval: no claim.",
        ),
    ],
)
def test_a_finding_claims_what_the_interval_shows(record, simcore, random, ending) -> None:
    differences = compare_pairs(pair(record, simcore, random), arms=["random", "simcore"])
    sentence = state_finding(differences)
    assert sentence.endswith(ending)
    assert "95 % interval" in sentence


def test_an_interval_end_close_to_zero_shows_its_side(record) -> None:
    records = pair(record, [0.9143742709, 0.9, 0.9287485418], [0.9, 0.9, 0.9])
    differences = compare_pairs(records, arms=["random", "simcore"])
    differences.loc[0, ["low", "high"]] = [0.0003, 0.0284]
    assert "(95 % interval +0.0003 to +0.028)" in state_finding(differences)


def test_without_labels_there_is_no_finding(record) -> None:
    label_free = {"evaluation": "label_free", "metric": "uniformity", "protocol": "unit"}
    records = [record(arm, 0, -2.0, **label_free) for arm in ("random", "simcore")]
    for given_records in (records, []):
        differences = compare_pairs(given_records, arms=["random", "simcore"])
        assert state_finding(differences) == "Accuracy: not evaluated: no labels."


def test_arms_without_a_common_seed_are_not_compared(record) -> None:
    records = [record("random", 0, 0.7), record("simcore", 1, 0.8), record("x", 0, 0.75)]
    differences = compare_pairs(records, arms=["x", "random", "simcore"])
    assert state_finding(differences).endswith("share no seed, so they are not compared.")
