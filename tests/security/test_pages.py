"""Hostile names of files, classes and arms stay text: on the report, on the galleries, in MLflow."""

import html
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from mlflow.tracking import MlflowClient

from simcore.reporting import Gallery, Report, Section, Table, render_report
from simcore.reporting.gallery_page import render_gallery
from simcore.reporting.query_gallery import query_gallery, wanted_gallery
from simcore.reporting.report import DataFacts, Figure
from simcore.tracking import Tracker
from tests.fuzz.hostile import NAMES
from tests.reporting.conftest import ArrayImages
from tests.security.pages import Document

# What is no Unicode is refused where images are listed and parameters are typed.
UNICODE_NAMES = [name for name in NAMES if name != "\ud800"]
HARMLESS = "bird_1.jpg"


def make_report(name: str) -> str:
    """Return a report that shows `name` wherever a name can stand."""
    images = ArrayImages([name])
    asked = pd.DataFrame({"key": [name], "label": [name], "round": [1], "share": [0.1], "position": [0]})
    rows = tuple(wanted_gallery(pd.DataFrame({"key": [name]}), images=images))
    figure = go.Figure(go.Bar(x=[name], y=[1], name=name), layout={"title": {"text": name}})
    blocks = (
        name,
        Table(name, (name, "n"), ((name, name),), note=name),
        Figure(figure, caption=name, alt=name),
        Gallery(name, rows, caption=name),
        Gallery(name, tuple(query_gallery(asked.assign(query="random", protocol="clean", seed=0), images=images))),
    )
    return render_report(
        Report(
            title=name,
            answer=name,
            command=f"kedro run --params target.source={name}",
            data=(DataFacts(name, 1, 0, 1, name),),
            settings={name: name, "arms": {name: [name]}},
            machine={name: name},
            artefacts={name: name},
            created=name,
            sections=(Section(name, "anchor", blocks),),
        )
    )


@pytest.fixture(scope="module")
def harmless() -> Document:
    return Document(make_report(HARMLESS))


@pytest.mark.parametrize("name", UNICODE_NAMES)
def test_the_report_has_the_elements_it_has_with_a_harmless_name(name: str, harmless: Document) -> None:
    document = Document(make_report(name))
    assert document.shape() == harmless.shape()
    assert document.comments == harmless.comments and document.open == harmless.open
    assert document.text.count(name.strip()) >= harmless.text.count(HARMLESS) - 1
    for tag, attributes in document.elements:
        assert not any(each.startswith("on") for each in attributes), tag
        assert str(attributes.get("href", "#")).startswith(("#", "data:,"))
        assert str(attributes.get("src", "data:image/png")).startswith("data:image/png")


def test_the_check_sees_an_injected_element(harmless: Document) -> None:
    """The same page with the escaping undone is another page."""
    page = make_report(NAMES[0])
    assert Document(page.replace(html.escape(NAMES[0]), NAMES[0], 1)).shape() != harmless.shape()


def test_data_for_figures_cannot_end_their_element() -> None:
    name = "</script><script>alert(1)</script><!--"
    page = make_report(name)
    assert "<script>alert" not in page and "</script><script>alert" not in page
    blocks = [part.split("</script>")[0] for part in page.split('data-figure="')[1:]]
    assert json.loads(blocks[0].split(">", 1)[1])["layout"]["title"]["text"] == name


@pytest.mark.parametrize("name", UNICODE_NAMES)
def test_the_page_of_images_to_label_has_the_elements_it_has_with_a_harmless_name(name: str) -> None:
    def make(key: str) -> Document:
        rows = wanted_gallery(pd.DataFrame({"key": [key]}), images=ArrayImages([key]))
        return Document(render_gallery(rows, title=f"Active learning: {key}", sentence=key))

    document = make(name)
    assert document.shape() == make(HARMLESS).shape() and not document.open
    assert not [tag for tag, _ in document.elements if tag == "script"]


def test_mlflow_keeps_hostile_tags_and_parameters_as_text(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("hostile", artifact_location=str(tmp_path / "artifacts"))
    parent = client.create_run(experiment).info.run_id
    parameters: dict[str, Any] = {f"p{number}": name for number, name in enumerate(UNICODE_NAMES)}
    tracker = Tracker(
        uri, experiment, parent, parameters=parameters, tags={}, data={name: name for name in UNICODE_NAMES}
    )
    tracker.log_metrics(
        [{"arm": "x", "seed": 0, "evaluation": "linear", "metric": NAMES[0], "protocol": NAMES[3], "value": 1.0}]
    )
    tracker.close("FINISHED")
    child = client.get_run(tracker.child(arm="x", seed=0))
    for number, name in enumerate(UNICODE_NAMES):
        assert child.data.params[f"p{number}"] == name
    assert all(len(value) <= 5000 for value in client.get_run(parent).data.tags.values())
    (metric,) = child.data.metrics
    assert "<" not in metric and metric.startswith("linear_")
    assert mlflow.active_run() is None
    assert np.isfinite(child.data.metrics[metric])
