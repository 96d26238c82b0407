import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from simcore.errors import InputError
from simcore.reporting import size_figure, trace_figure


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


@pytest.mark.parametrize(("kept", "words"), [(False, "left out"), (True, "kept")])
def test_the_failing_round_is_marked_and_its_fate_told(trace, kept, words) -> None:
    figure = trace_figure(trace.assign(kept=[True, True, True, kept]), threshold=0.95, stopped="threshold")
    failing = figure.data[2]
    assert (failing.name, list(failing.x), list(failing.y)) == ("failing round", [4], [0.889])
    assert words in failing.hovertemplate


@pytest.mark.parametrize("stopped", ["budget", "exhausted", None])
def test_no_round_is_marked_as_failing_unless_the_threshold_stopped(trace, stopped) -> None:
    figure = trace_figure(trace.head(3), threshold=0.95, stopped=stopped)
    assert [data.name for data in figure.data] == ["round value / reference", "coreset size"]
    assert len(figure.layout.shapes) == (1 if stopped is None else 3)  # the threshold, and the stop in both panels


def test_the_size_stands_against_a_budget_in_reach(trace) -> None:
    figure = size_figure(trace, budget=6, stopped="budget")
    assert [data.name for data in figure.data] == ["coreset size"]
    assert list(figure.data[0].y) == [2, 4, 6, 6]
    assert texts(figure) == ["budget 6", "stop at round 4: the budget was reached"]
    assert figure.layout.shapes[0].y0 == 6
    assert figure.layout.yaxis.range[1] > 6
    assert figure.layout.yaxis.title.text == "coreset (images)"


def test_a_budget_out_of_reach_does_not_flatten_the_curve(trace) -> None:
    figure = size_figure(trace, budget=184_000)
    assert texts(figure) == ["budget 184,000, beyond this axis"]
    assert figure.layout.yaxis.range[1] < 10
    assert not figure.layout.shapes


@pytest.mark.parametrize("draw", [lambda trace: trace_figure(trace, threshold=0.9), size_figure])
def test_no_round_is_said_and_another_frame_is_refused(trace, draw) -> None:
    assert texts(draw(trace.head(0))) == ["No round was run."]
    with pytest.raises(InputError, match="lacks round, value, ratio, n_total"):
        draw(pd.DataFrame({"other": [1]}))
