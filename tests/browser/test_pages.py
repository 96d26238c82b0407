"""What a person sees: the graph in kedro-viz, the runs in MLflow, the report."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.page import browser, click_all, look, serve
from tests.journeys.test_main_job import STAGES, newest
from tests.projects import ROOT, type_command

LAYERS = (
    "manifests",
    "retrieval encoder",
    "embeddings",
    "coreset",
    "training set",
    "encoder",
    "evaluation",
    "report",
)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the pages are kept to look at: `$SIMCORE_PICTURES`, else a temporary folder."""
    return Path(os.environ.get("SIMCORE_PICTURES") or tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def site(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the static site that `kedro viz build --include-previews` makes of the finished data root."""
    # The command writes `build/` where it is typed and takes no parameters: a copy of the project whose local
    # configuration points at the finished data root.
    project = tmp_path_factory.mktemp("site")
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", project)
    (project / "conf" / "local" / "globals.yml").write_text(f"data_root: {finished}\n")
    seen = type_command("viz", "build", "--include-previews", cwd=project)
    assert seen.returncode == 0, seen.stdout
    return project / "build"


def test_graph_shows_stages_layers_and_previews(site: Path, pictures: Path) -> None:
    with serve(site) as address, browser() as driver:
        driver.get(f"{address}/?expandAllPipelines=true")
        page = look(driver, expected=(*LAYERS, "write_report"), picture=pictures / "viz.png")
    assert not page.errors
    main = json.loads((site / "api" / "main").read_text())
    assert main["layers"] == list(LAYERS)
    assert set(STAGES) <= {pipeline["id"] for pipeline in main["pipelines"]}
    nodes = [json.loads(path.read_text()) for path in (site / "api" / "nodes").iterdir()]
    shown = {str(node.get("filepath", "")).split("/")[-1] for node in nodes if node.get("preview")}
    for name in (
        "comparison.parquet",
        "coreset_simcore.parquet",
        "trace.parquet",
        "figure_trace.json",
        "gallery.png",
    ):
        assert name in shown, f"{name} has no preview"


def test_every_stage_can_be_opened_in_the_graph(site: Path, pictures: Path) -> None:
    bootstrap_project(ROOT)
    pipelines.set_requested(None)
    with serve(site) as address, browser() as driver:
        for stage in STAGES:
            driver.get(f"{address}/?pid={stage}&expandAllPipelines=true")
            nodes = tuple(node.name.split(".")[-1] for node in pipelines[stage].nodes)
            page = look(driver, expected=(stage, *nodes), picture=pictures / f"viz_{stage}.png")
            assert not page.errors, stage


@pytest.fixture(scope="module")
def tracking_server(finished: Path) -> Iterator[str]:
    """Serve the finished data root's MLflow store on a loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", f"sqlite:///{finished}/mlflow.db", "--disable-security-middleware"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail("the MLflow server did not come up in a minute")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_mlflow_lists_parent_and_arms_with_equal_columns(finished: Path, tracking_server: str, pictures: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{finished}/mlflow.db")
    experiment = client.get_experiment_by_name("simcore")
    runs = client.search_runs([experiment.experiment_id])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    arms = {run.data.tags["arm"]: run for run in children}
    assert {"x", "random", "simcore"} <= set(arms)
    columns = {arm: (set(arms[arm].data.metrics), set(arms[arm].data.params)) for arm in ("x", "random", "simcore")}
    assert columns["x"] == columns["random"] == columns["simcore"]
    assert {"linear_top1.clean cached", "loss"} <= columns["x"][0]
    assert all(run.info.status == "FINISHED" for run in runs)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {run.data.tags["git.revision"] for run in children} == {revision.stdout.strip()}
    curve = client.get_metric_history(arms["x"].info.run_id, "loss")
    assert len(curve) > 1

    with browser() as driver:
        driver.get(f"{tracking_server}/#/experiments/{experiment.experiment_id}/runs")
        page = look(driver, expected=("__default__", f"{len(runs)} matching runs"), picture=pictures / "mlflow.png")
        assert not page.errors
        # Children are folded below their parent.
        click_all(driver, 'button[data-component-id*="runnamecellrenderer"]')
        arms_shown = ("x seed 0", "random seed 0", "simcore seed 0")
        page = look(driver, expected=arms_shown, picture=pictures / "mlflow_arms.png")
        assert not page.errors


@pytest.fixture(scope="module")
def runs_page(finished: Path, tracking_server: str) -> str:
    """Return the address of the list of runs."""
    client = mlflow.MlflowClient(f"sqlite:///{finished}/mlflow.db")
    return f"{tracking_server}/#/experiments/{client.get_experiment_by_name('simcore').experiment_id}/runs"


def listed(driver: WebDriver) -> set[str]:
    """Return the names of the runs in the list."""
    links = driver.find_elements(By.CSS_SELECTOR, "[role=gridcell] a")
    return {link.text for link in links if link.text}


@pytest.mark.parametrize(
    ("question", "answer", "picture"),
    [
        ('tags.arm = "simcore"', {"simcore seed 0"}, "arm"),
        ('params.arm = "x" and params.seed = "0"', {"x seed 0"}, "parameter"),
        (
            "metrics.`linear_top1.clean` > 0",
            {"x seed 0", "random seed 0", "simcore seed 0", "random_network seed 0"},
            "metric",
        ),
        ("metrics.`linear_top1.clean` > 1", set(), "nothing"),
    ],
)
def test_mlflow_filters_by_arm_and_metric(
    runs_page: str, pictures: Path, question: str, answer: set[str], picture: str
) -> None:
    with browser() as driver:
        driver.get(runs_page)
        look(driver, expected=("__default__",), picture=pictures / "mlflow_before.png")
        box = driver.find_element(By.CSS_SELECTOR, 'input[data-component-id*="runssearchautocomplete"]')
        box.send_keys(question, Keys.ENTER)
        # MLflow lists, and counts, the parent of what matches, with its children folded below it.
        wanted = answer | {"__default__"} if answer else set()
        count = f"{len(wanted)} matching run"
        look(driver, expected=(count,), picture=pictures / f"mlflow_filter_{picture}.png")
        if answer:
            click_all(driver, 'button[data-component-id*="runnamecellrenderer"]')
        page = look(driver, expected=tuple(wanted), picture=pictures / f"mlflow_filter_{picture}.png")
        assert not page.errors
        assert listed(driver) == wanted


def test_mlflow_compares_two_runs_side_by_side(finished: Path, runs_page: str, pictures: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{finished}/mlflow.db")
    experiment = client.get_experiment_by_name("simcore").experiment_id
    chosen = {arm: client.search_runs([experiment], f"tags.arm = '{arm}'")[0] for arm in ("x", "simcore")}
    with browser(size=(1600, 2400)) as driver:
        driver.get(runs_page)
        look(driver, expected=("__default__",), picture=pictures / "mlflow_before.png")
        click_all(driver, 'button[data-component-id*="runnamecellrenderer"]')
        look(driver, expected=("x seed 0", "simcore seed 0"), picture=pictures / "mlflow_before.png")
        for run in chosen.values():
            click_all(driver, f'[row-id="{run.info.run_id}"] input[aria-label*="row selection"]')
        click_all(driver, '[data-testid="runs-compare-button"]')
        look(driver, expected=("Comparing 2 Runs", "Parameters", "Metrics"), picture=pictures / "mlflow_compare.png")
        for part in ("Parameters", "Tags"):
            assert table_of(driver, part), f"{part} are not compared"
        click_all(driver, '[aria-label="Parameters - Show diff only"]')
        WebDriverWait(driver, 20).until(lambda d: [row[0] for row in table_of(d, "Parameters")] == ["arm"])
        page = look(driver, expected=("Parameters",), picture=pictures / "mlflow_compare_differing.png")
        order = table_of(driver, "Parameters")[0][1:]
        text = driver.find_element(By.TAG_NAME, "body").text
    assert not page.errors
    assert sorted(order) == ["simcore", "x"]
    # The list of metrics is as long as its window, and rounds to three digits.
    for metric in ("feature_spread", "knn_top1.clean k-5"):
        assert metric in text
        for run in chosen.values():
            assert f"{run.data.metrics[metric]:.3f}".rstrip("0") in text, (metric, text)


def table_of(driver: WebDriver, part: str) -> list[list[str]]:
    """Return the rows of the compared parameters, metrics or tags: a name, and a value a run."""
    return driver.execute_script(
        """
        const button = document.querySelector(`[aria-label="${arguments[0]} - Show diff only"]`);
        let part = button;
        while (part && !part.querySelector("table")) part = part.parentElement;
        return part ? [...part.querySelectorAll("tr")].map(r => [...r.children].map(c => c.innerText.trim())) : [];
        """,
        part,
    )


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("desktop", (1280, 2400), False), ("phone", (390, 2400), False), ("dark", (1280, 2400), True)],
)
def test_report_opens_without_errors(
    finished: Path, pictures: Path, name: str, size: tuple[int, int], dark: bool
) -> None:
    with browser(size=size, dark=dark) as driver:
        driver.get(newest(finished, "report.html").as_uri())
        page = look(driver, expected=("X + SimCore", "How to repeat it"), picture=pictures / f"report_{name}.png")
        assert not page.errors
        broken = driver.execute_script("return [...document.images].filter(i => !i.complete || !i.naturalWidth).length")
        assert broken == 0
        assert driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [size[0]] * 2
