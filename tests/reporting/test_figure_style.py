"""What holds for every figure: a title, named axes, labels that are shown and not interpreted."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from simcore.reporting import (
    FeatureMap,
    accuracy_figure,
    compare_arms,
    composition_figure,
    confusion_figure,
    coreset_shares,
    curves_figure,
    feature_figure,
    ring_figure,
    share_figure,
    similarity_figure,
    size_figure,
    trace_figure,
)
from simcore.reporting.figure_style import finish_figure


@pytest.fixture
def every_figure(coreset, pool, trace, record, hostile) -> dict[str, go.Figure]:
    """All figures, hostile text wherever text from outside arrives."""
    points = np.random.default_rng(0).normal(size=(30, 2))
    features = FeatureMap(points[:10], points[10:], points[20:], "target", 3.0, 0)
    confused = {"evaluation": "linear", "protocol": hostile, "true": hostile, "predicted": "dog", "n": 3}
    value = record(hostile, 0, 0.5, metric=hostile)
    return {
        "trace": trace_figure(trace, threshold=0.95, stopped=hostile),
        "size": size_figure(trace, budget=7, stopped=hostile),
        "accuracy": accuracy_figure(compare_arms([value], arms=[hostile]), records=[value]),
        "composition": composition_figure(coreset_shares(coreset, pool), by=hostile),
        "classes": share_figure(coreset, pool, by="label"),
        "similarity": similarity_figure({hostile: np.array([0.1, 0.2])}),
        "features": feature_figure(features),
        "ring": ring_figure(features),
        "curves": curves_figure(pd.DataFrame({"arm": [hostile], "seed": [0], "step": [1], "loss": [1.0]})),
        "confusion": confusion_figure(pd.DataFrame([confused]), arm=hostile),
    }


def test_labels_are_shown_and_not_interpreted(every_figure) -> None:
    for name, figure in every_figure.items():
        text = figure.to_json().replace("\\u003c", "<")
        assert ("script" in text) == (name not in ("features", "ring")), name
        assert "<script" not in text
        assert "<img" not in text


def test_every_figure_has_a_title_and_named_axes(every_figure) -> None:
    for name, figure in every_figure.items():
        assert figure.layout.title.text, name
        assert any(axis.title.text for axis in figure.select_xaxes()), name
        # The lines of the accuracies are named one by one.
        assert name == "accuracy" or any(axis.title.text for axis in figure.select_yaxes()), name


def test_a_long_title_is_cut_to_one_line_and_leaves_the_plot_its_height() -> None:
    short, long = (finish_figure(go.Figure(), height=300, title=title) for title in ("short", "word " * 20))
    assert short.layout.title.text == "short"
    assert long.layout.title.text == "word " * 6 + "word …"
    for figure in (short, long):
        assert figure.layout.height - figure.layout.margin.t == 260


def test_a_title_is_shown_and_not_interpreted() -> None:
    figure = finish_figure(go.Figure(), height=300, title="pool by <b>size</b>")
    assert figure.layout.title.text == "pool by &lt;b&gt;size&lt;/b&gt;"
