"""Accuracy over labels."""

from typing import Any

import pytest

from simcore.errors import InputError
from simcore.reporting.label_curves import active_learning_section, label_curve_figure, label_curves


def record(**other: Any) -> dict[str, Any]:
    base = {"arm": "x", "seed": 0, "evaluation": "active_learning", "metric": "top1", "n": 9, "value": 0.5}
    told = {"query": "badge", "share": 0.1, "labels": 12, **other}
    return {**base, "protocol": f"clean {told['query']} {100 * told['share']:g} % of labels", **told}


RECORDS = [
    record(value=0.25),
    record(value=0.75, seed=1),
    record(value=0.875, share=0.2, labels=24),
    record(value=0.375, query="random"),
    record(value=0.125, metric="mean_per_class"),
    record(value=0.625, arm="simcore"),
    {"arm": "x", "seed": 0, "evaluation": "knn", "metric": "top1", "protocol": "clean k=1", "value": 1.0, "n": 9},
]


def test_curves_are_means_over_seeds_of_one_metric() -> None:
    curves = label_curves(RECORDS, metric="top1").set_index(["arm", "query", "labels"])
    assert curves["mean"].to_dict() == {
        ("x", "badge", 12): 0.5,
        ("x", "badge", 24): 0.875,
        ("x", "random", 12): 0.375,
        ("simcore", "badge", 12): 0.625,
    }
    assert curves.loc[("x", "badge", 12), "n_seeds"] == 2
    assert label_curves(RECORDS, metric="mean_per_class")["mean"].tolist() == [0.125]


def test_a_panel_an_arm_and_a_line_a_query() -> None:
    figure = label_curve_figure(RECORDS, metric="top1")
    assert [(line.name, line.x.tolist(), line.y.tolist()) for line in figure.data] == [
        ("badge", [12, 24], [0.5, 0.875]),
        ("random", [12], [0.375]),
        ("badge", [12], [0.625]),
    ]
    assert [note.text for note in figure.layout.annotations] == ["X, clean", "X + SimCore, clean"]
    # Colour, symbol and dash tell queries apart; the same query looks the same everywhere, and is named once.
    badge, random, other = figure.data
    assert badge.line.color == other.line.color != random.line.color and badge.marker.symbol != random.marker.symbol
    assert [line.showlegend for line in figure.data] == [True, True, False]


def test_section_and_nothing_to_show() -> None:
    section = active_learning_section(RECORDS, metric="top1")
    assert section is not None
    table = section.blocks[1]
    assert table.columns == ("arm, query", "10 %", "20 %")
    assert table.rows[:2] == (("X, badge (clean)", "0.500", "0.875"), ("X, random (clean)", "0.375", ""))
    assert active_learning_section(RECORDS[-1:], metric="top1") is None
    assert "No round" in label_curve_figure([], metric="top1").layout.annotations[0].text


def test_records_without_their_share_are_refused() -> None:
    with pytest.raises(InputError, match="`records` lacks query, share, labels"):
        label_curves(
            [{name: value for name, value in RECORDS[0].items() if name not in ("query", "share", "labels")}],
            metric="top1",
        )
