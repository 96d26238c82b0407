import math

import pandas as pd
import plotly.graph_objects as go
import pytest

from simcore.errors import InputError
from simcore.reporting import accuracy_figure, compare_arms
from simcore.study.seeds import summarise

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_accuracies_have_dots_intervals_and_reference_lines(all_records) -> None:
    comparison = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    figure = accuracy_figure(comparison)
    row = comparison[(comparison["arm"] == "simcore") & (comparison["metric"] == "top1")].iloc[0]
    drawn = next(data for data in figure.data if data.name == "X + SimCore")
    assert list(drawn.x) == [row["mean"]]
    assert list(drawn.error_x.array) == [pytest.approx(row["high"] - row["mean"])]
    # One panel for the linear probe and one for kNN, no chosen setting, no label-free measure.
    assert len(figure.data) == 2 * len(ARMS)
    assert {shape.x0 for shape in figure.layout.shapes} == {0.697, 0.565}
    assert set(texts(figure)) == {"raw pixels", "random network"}
    assert len({(data.marker.color, data.marker.symbol) for data in figure.data[:3]}) == 3


def test_arms_unknown_to_the_palette_are_told_apart(record) -> None:
    arms = ["x", "mine", "yours"]
    figure = accuracy_figure(compare_arms([record(arm, 0, 0.5) for arm in arms], arms=arms))
    assert len({(data.marker.color, data.marker.symbol) for data in figure.data}) == 3


def test_single_seeds_stand_faintly_behind_their_mean(all_records) -> None:
    comparison = compare_arms(all_records, arms=ARMS, references=REFERENCES)
    figure = accuracy_figure(comparison, records=all_records)
    assert accuracy_figure(comparison, records=pd.DataFrame(all_records)).to_json() == figure.to_json()
    panel = figure.data[:6]
    assert [data.name for data in panel] == [
        "X + SimCore, seeds", "X + SimCore", "X + random, seeds", "X + random", "X, seeds", "X",
    ]  # fmt: skip
    assert sorted(panel[0].x) == [0.80, 0.80, 0.81]
    assert panel[0].opacity == 0.5
    assert panel[1].opacity is None
    assert panel[0].marker.color == panel[1].marker.color
    assert sorted(figure.data[6].x) == pytest.approx([0.75, 0.75, 0.76])  # kNN, a measure of its own


def test_one_seed_has_no_interval(record) -> None:
    figure = accuracy_figure(compare_arms([record("x", 0, 0.5)], arms=["x"]))
    assert math.isnan(figure.data[0].error_x.array[0])
    assert math.isnan(figure.data[0].error_x.arrayminus[0])
    assert "NaN" not in figure.to_json()


def test_a_summary_by_seeds_is_drawn_like_a_comparison(all_records) -> None:
    records = [each for each in all_records if each["arm"] in ARMS]
    summary = summarise(pd.DataFrame(records))
    figure = accuracy_figure(summary)
    counted = summary.drop(columns="n").rename(columns={"n_seeds": "n"})
    assert accuracy_figure(counted).to_json() == figure.to_json()
    expected = accuracy_figure(compare_arms(records, arms=ARMS))
    assert [axis.title.text for axis in figure.select_xaxes()] == [axis.title.text for axis in expected.select_xaxes()]
    drawn = {(trace.name, trace.xaxis): trace for trace in figure.data}
    assert len(drawn) == len(figure.data) == len(expected.data)
    for trace in expected.data:
        same = drawn[trace.name, trace.xaxis]
        assert list(same.customdata) == list(trace.customdata) == ["3 seeds"]
        assert list(same.x) == pytest.approx(list(trace.x))
        assert list(same.error_x.array) == pytest.approx(list(trace.error_x.array))


def test_without_labels_the_figure_says_so_and_another_frame_is_refused() -> None:
    assert "not evaluated: no labels" in texts(accuracy_figure(compare_arms([], arms=["x"])))[0]
    with pytest.raises(InputError, match="`summary` lacks arm"):
        accuracy_figure(pd.DataFrame({"other": [1]}))
