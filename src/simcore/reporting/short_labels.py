"""The section of the page on learning with few or noisy labels: methods by rows, arms by columns."""

from collections.abc import Mapping

import pandas as pd

from simcore.reporting.comparison import explain_marks, format_result
from simcore.reporting.names import arm_title, start_sentence
from simcore.reporting.names import evaluation_title as title_of
from simcore.reporting.report import Block, Section, Table
from simcore.study.records import CHOICES

BY_METHOD = ("semi_supervised", "openset_semi_supervised", "webly")
"""Evaluations whose protocols name a method, in the order of the page."""

OWN_SECTIONS = frozenset({*BY_METHOD, "active_learning"})
"""Evaluations that stand in sections of their own: a measure for every method and share would hide the others."""

_ACCURACIES = frozenset({"top1", "top5", "mean_per_class"})


def short_labels_section(comparison: pd.DataFrame, *, headline: Mapping[str, str]) -> Section | None:
    """Return a table for each of these evaluations that there is: one row a protocol, one column an arm; else None.

    Args:
        comparison: What `compare_arms` returned.
        headline: The accuracy that leads an evaluation, by evaluation; further measures (such as the area under the ROC
            curve of outliers) follow it, other accuracies are left out.

    Example:
        >>> from simcore.reporting.comparison import compare_arms
        >>> base = {"evaluation": "webly", "metric": "top1", "protocol": "clean co_teaching", "n": 1200, "seed": 0}
        >>> compared = compare_arms([{**base, "arm": "x", "value": 0.7}], arms=["x"])
        >>> section = short_labels_section(compared, headline={"webly": "top1"})
        >>> section.blocks[0].columns, section.blocks[0].rows
        (('protocol', 'measure', 'X'), (('clean co_teaching', 'top1', '0.700 (1 seed)'),))
    """
    blocks: list[Block] = []
    for evaluation in BY_METHOD:
        frame = comparison[(comparison["evaluation"] == evaluation) & (comparison["n_seeds"] > 0)]
        hidden = _ACCURACIES - {headline.get(evaluation, "top1")}
        frame = frame[~frame["metric"].isin(hidden) & ~frame["metric"].isin(CHOICES)]
        if frame.empty:
            continue
        arms = list(dict.fromkeys(frame["arm"]))
        rows = []
        for (protocol, metric), measured in frame.groupby(["protocol", "metric"], sort=False):
            cells = {row["arm"]: format_result(row) for row in measured.to_dict("records")}
            rows.append((str(protocol), str(metric), *(cells.get(arm, "not evaluated") for arm in arms)))
        columns = ("protocol", "measure", *map(arm_title, arms))
        blocks.append(Table(start_sentence(title_of(evaluation)), columns, tuple(rows), explain_marks(frame)))
    return Section("With few or noisy labels", "short-labels", tuple(blocks)) if blocks else None
