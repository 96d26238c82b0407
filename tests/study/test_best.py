"""Who is marked as best, against scipy's paired t test."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from simcore.study import best_arms
from tests.study.worlds import MEASURE, arms_of, columns, fewer, frame


@fewer
@given(columns)
def test_an_arm_is_marked_unless_the_paired_test_tells_it_from_the_best(rows) -> None:
    runs = arms_of(rows)
    means = {arm: np.mean(of_arm) for arm, of_arm in runs.items()}
    best = max(sorted(means), key=lambda arm: means[arm])
    assume(sorted(means.values())[-1] - sorted(means.values())[-2] > 1e-6)
    expected = {best}
    for arm in set(runs) - {best}:
        gaps = np.array(runs[best]) - np.array(runs[arm])
        assume(gaps.std() > 1e-6 or gaps.std() < 1e-12)
        pvalue = stats.ttest_rel(runs[best], runs[arm]).pvalue if gaps.std() > 1e-6 else 1.0
        assume(abs(pvalue - 0.05) > 1e-6)
        if pvalue > 0.05:
            expected.add(arm)
    assert best_arms(frame(runs))[MEASURE] == expected


@fewer
@given(columns, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random) -> None:
    metrics = frame(arms_of(rows))
    order = list(range(len(metrics)))
    random.shuffle(order)
    assert best_arms(metrics) == best_arms(metrics.iloc[order])


def test_one_seed_marks_nobody() -> None:
    assert best_arms(frame({"x": [0.7], "simcore": [0.9]})) == {MEASURE: frozenset()}


def test_who_wins_the_common_seeds_is_marked_beside_the_highest_mean() -> None:
    # Seed 2 lifts the mean of x alone; over the seeds that both have, simcore is above.
    runs = {"x": [0.50, 0.51, 0.99], "simcore": [0.60, 0.612]}
    assert best_arms(frame(runs))[MEASURE] == {"x", "simcore"}


def test_an_arm_of_one_seed_hides_the_winner() -> None:
    clear = {"x": [0.5, 0.51, 0.5], "simcore": [0.9, 0.91, 0.92]}
    assert best_arms(frame(clear))[MEASURE] == {"simcore"}
    assert best_arms(frame({**clear, "oracle": [0.89]}))[MEASURE] == frozenset()


def test_nothing_is_marked_where_nothing_can_win() -> None:
    assert best_arms(frame({"x": [0.5, 0.6]})) == {MEASURE: frozenset()}
    for measure in (("label_free", "uniformity", "unit"), ("linear", "learning_rate", "clean")):
        assert best_arms(frame({"x": [0.5, 0.6], "simcore": [0.9, 0.91]}, measure=measure)) == {}
