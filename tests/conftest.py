"""Settings that every test shares."""

import os
import random
import shutil
from collections.abc import Iterator

import pytest

# Before mlflow is imported anywhere: nothing is sent, and no thread pool fights with the next test.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options with which CI takes a part of the long tests."""
    parser.addoption(
        "--long-sample", type=int, default=None, help="run that many of the long tests, drawn by --long-seed"
    )
    parser.addoption("--long-seed", type=int, default=0, help="seed of --long-sample")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a seeded sample of the long tests when asked; skip browser tests by name where there is no browser."""
    size = config.getoption("--long-sample")
    if size is not None:
        long = [item for item in items if item.get_closest_marker("long")]
        kept = set(random.Random(config.getoption("--long-seed")).sample(long, min(size, len(long))))
        dropped = [item for item in long if item not in kept]
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing and not os.environ.get("SIMCORE_REQUIRE_BROWSER"):
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(
                    pytest.mark.skip(reason=f"no {' and '.join(missing)} on PATH: the page was not looked at")
                )


@pytest.fixture(autouse=True)
def no_store_is_left_behind() -> Iterator[None]:
    """Fail a test that leaves its MLflow store to the next one, whose runs would then be logged there."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    left = os.environ.get("MLFLOW_TRACKING_URI")
    if left != before:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        pytest.fail(f"the test left MLFLOW_TRACKING_URI={left}")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A tenth of the shipped images: parameters that point to it."""
    from tests.projects import make_small_data

    sources = make_small_data(tmp_path_factory.mktemp("small"))
    return {"target": {"source": sources["target"]}, "openset": {"source": sources["openset"]}}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, small_data: dict):
    """A data root in which the whole job has run once on the small data; tests must not write to it."""
    from tests.projects import run_here

    root = tmp_path_factory.mktemp("finished")
    run_here(root, params=small_data)
    return root
