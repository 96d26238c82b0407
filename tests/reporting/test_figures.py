import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from simcore.errors import InputError
from simcore.reporting import (
    accuracy_figure,
    compare_arms,
    composition_figure,
    coreset_shares,
    curves_figure,
    trace_figure,
)

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_the_trace_shows_ratio_size_threshold_and_stop(trace) -> None:
    figure = trace_figure(trace, threshold=0.95, stopped="threshold")
    assert list(figure.data[0].y) == trace["ratio"].tolist()
    assert list(figure.data[1].y) == trace["n_total"].tolist()
    assert texts(figure)[0] == "threshold 0.95"
    assert texts(figure)[1].replace("<br>", " ") == "stop at round 4: the round value fell below the threshold"
    assert figure.layout.yaxis2.title.text == "coreset (images)"


def test_the_threshold_stays_in_view_when_the_budget_ended_the_run(trace) -> None:
    low, high = trace_figure(trace.head(2), threshold=0.5, stopped="budget").layout.yaxis.range
    assert low < 0.5
    assert high > 1


def test_without_a_reference_the_value_is_drawn(trace) -> None:
    figure = trace_figure(trace.assign(ratio=np.nan), threshold=0.95)
    assert list(figure.data[0].y) == trace["value"].tolist()
    assert figure.layout.yaxis.title.text == "round value"
    assert not texts(figure)


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


def test_composition_sums_the_smallest_groups() -> None:
    shares = pd.DataFrame({"group": list("abc"), "picked_share": [0.7, 0.2, 0.1], "pool_share": [0.2, 0.3, 0.5]})
    coreset, pool = composition_figure(shares, most=1).data
    assert list(coreset.y) == ["a", "2 others"]
    assert list(coreset.x) == pytest.approx([70, 30])
    assert list(pool.x) == pytest.approx([20, 80])


def test_long_curves_are_averaged_and_say_so() -> None:
    curves = pd.DataFrame({"arm": "x", "seed": 0, "step": np.arange(1, 601), "loss": np.arange(600.0)})
    figure = curves_figure(curves.sample(frac=1, random_state=0))
    assert len(figure.data[0].x) == 200
    assert list(figure.data[0].y[:2]) == [1.0, 4.0]
    assert figure.layout.yaxis.title.text == "training loss (mean of 3 logged steps)"


def test_seeds_of_an_arm_share_one_entry_of_the_legend() -> None:
    rows = [(arm, seed, 1, 5.0) for arm in ("x", "simcore") for seed in (0, 1)]
    figure = curves_figure(pd.DataFrame(rows, columns=["arm", "seed", "step", "loss"]))
    assert [data.showlegend for data in figure.data] == [True, False, True, False]
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color


def test_labels_are_shown_and_not_interpreted(hostile, pool, coreset, trace, record) -> None:
    figures = [
        composition_figure(coreset_shares(coreset, pool), by=hostile),
        trace_figure(trace, threshold=0.95, stopped=hostile),
        accuracy_figure(compare_arms([record(hostile, 0, 0.5, metric=hostile)], arms=[hostile])),
        curves_figure(pd.DataFrame({"arm": [hostile], "seed": [0], "step": [1], "loss": [1.0]})),
    ]
    for figure in figures:
        text = figure.to_json()
        assert "script" in text
        assert "<script" not in text.replace("\\u003c", "<")
        assert "<img" not in text.replace("\\u003c", "<")


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (
            lambda: trace_figure(pd.DataFrame(columns=["round", "value", "ratio", "n_total"]), threshold=0.9),
            "No round",
        ),
        (lambda: accuracy_figure(compare_arms([], arms=["x"])), "not evaluated: no labels"),
        (lambda: curves_figure(pd.DataFrame(columns=["arm", "seed", "step", "loss"])), "No training curve"),
        (
            lambda: composition_figure(pd.DataFrame(columns=["group", "picked_share", "pool_share"])),
            "the open-set is empty",
        ),
    ],
)
def test_a_figure_without_data_says_so(figure, sentence) -> None:
    assert sentence in texts(figure())[0]


@pytest.mark.parametrize(
    "draw",
    [lambda frame: trace_figure(frame, threshold=None), curves_figure, composition_figure],
)
def test_a_frame_of_another_kind_is_refused(draw) -> None:
    with pytest.raises(InputError, match="lacks"):
        draw(pd.DataFrame({"other": [1]}))
