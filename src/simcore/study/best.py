"""Which arms are best: all that the seeds cannot tell from the highest mean."""

from collections.abc import Iterable

import pandas as pd

from simcore.study.differences import judge_difference, pair_arms
from simcore.study.records import Measure, Record, needs_labels, read_records, split_measures


def best_arms(records: Iterable[Record] | pd.DataFrame) -> dict[Measure, frozenset[str]]:
    """Return for each measure the arms that cannot be told from the one with the highest mean, that one included.

    The best is told from an arm where it is above over their common seeds: where the 95 % interval of the paired
    differences lies above zero and is no point. The set is empty where the best shares fewer than two seeds with any
    other arm, or stands alone: then nothing can be marked. A set of one arm is a winner; of several, none of them is.

    Args:
        records: Flat records, or a frame of them, as `read_records` takes them; measures without labels and what was
            chosen are left out.

    Raises:
        InputError: As `read_records`.

    Example:
        >>> base = {"evaluation": "linear", "metric": "top1", "protocol": "clean", "n": 1200}
        >>> runs = {"x": (0.70, 0.72, 0.71), "random": (0.60, 0.62, 0.62), "simcore": (0.71, 0.71, 0.72)}
        >>> records = [{**base, "arm": arm, "seed": s, "value": runs[arm][s]} for arm in runs for s in range(3)]
        >>> sorted(best_arms(records)[("linear", "top1", "clean")])
        ['simcore', 'x']
    """
    return {measure: _best_of(rows) for measure, rows in split_measures(needs_labels(read_records(records)))}


def _best_of(of_measure: pd.DataFrame) -> frozenset[str]:
    means = of_measure.groupby("arm")["value"].mean()
    best = str(means.idxmax())
    others = [str(arm) for arm in means.index if arm != best]
    marked = {best}
    for arm in others:
        difference = pair_arms(of_measure, best, arm)
        verdict = "one_seed" if difference is None else judge_difference(difference)
        if verdict == "one_seed":
            return frozenset()
        # Means over all seeds and differences over the common ones may disagree: who wins the pairs is not beaten.
        if verdict != "above":
            marked.add(arm)
    return frozenset(marked) if others else frozenset()
