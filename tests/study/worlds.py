"""Metric records that the tests of this room share."""

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

MEASURE = ("linear", "top1", "clean")

values = st.floats(0, 1, width=32)
columns = st.lists(st.tuples(values, values, values), min_size=2, max_size=8)
fewer = settings(max_examples=25, deadline=None)  # grouping in pandas takes its time


def frame(runs: dict[str, list[float]], *, measure=MEASURE, n=1200) -> pd.DataFrame:
    evaluation, metric, protocol = measure
    return pd.DataFrame(
        [
            {
                "arm": arm, "seed": seed, "evaluation": evaluation, "metric": metric, "protocol": protocol,
                "value": float(value), "n": n,
            }
            for arm, of_arm in runs.items()
            for seed, value in enumerate(of_arm)
        ]
    )  # fmt: skip


def arms_of(rows) -> dict[str, list[float]]:
    return dict(zip(("x", "random", "simcore"), map(list, zip(*rows, strict=True)), strict=True))
