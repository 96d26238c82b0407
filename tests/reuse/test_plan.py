"""Which nodes run again after which change."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from simcore.errors import ArtefactError
from simcore.parameters.base import Parameters
from simcore.reuse import ReuseRunner, make_plan, read_record
from simcore.reuse.values import value_fingerprint

CALLS: list[str] = []


class Settings(Parameters):
    runtime_only = frozenset({"speed"})
    factor: int
    speed: int = 1
    folder: str = ""

    def outside_state(self) -> str:
        return Path(self.folder).read_text() if self.folder else ""


def load(settings: Settings) -> pd.DataFrame:
    CALLS.append("load")
    return pd.DataFrame({"x": [settings.factor]})


def double(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    CALLS.append("double")
    return frame * 2 * settings.factor


def negate(frame: pd.DataFrame) -> pd.DataFrame:
    CALLS.append("negate")
    return -frame


PIPELINE = Pipeline(
    [
        Node(load, "params:load", "raw", name="load"),
        Node(double, ["raw", "params:double"], "doubled", name="double"),
        Node(negate, "raw", "negated", name="negate"),
    ]
)


def run(
    root: Path,
    version: str,
    *,
    load_settings: Settings,
    double_settings: Settings,
    pipeline: Pipeline = PIPELINE,
) -> list[str]:
    """Run the pipeline as a new session would; return the names of the nodes that ran."""
    CALLS.clear()
    entries = {
        name: {
            "type": "simcore.datasets.TableDataset",
            "filepath": f"{root}/{name}.parquet",
            "versioned": True,
        }
        for name in ("raw", "doubled", "negated")
    }
    catalog = DataCatalog.from_config(entries, save_version=version)
    catalog["params:load"], catalog["params:double"] = load_settings, double_settings
    from kedro.framework.hooks.manager import _create_hook_manager

    ReuseRunner().run(pipeline, catalog, _create_hook_manager(), version)
    return list(CALLS)


def test_second_run_makes_nothing_again(tmp_path: Path) -> None:
    settings = {"load_settings": Settings(factor=1), "double_settings": Settings(factor=3)}
    assert run(tmp_path, "2020-01-01T00.00.00.000Z", **settings) == ["load", "double", "negate"]
    assert run(tmp_path, "2020-01-02T00.00.00.000Z", **settings) == []


def test_change_of_a_parameter_remakes_only_what_is_downstream(tmp_path: Path) -> None:
    run(tmp_path, "1", load_settings=Settings(factor=1), double_settings=Settings(factor=3))
    again = run(tmp_path, "2", load_settings=Settings(factor=1), double_settings=Settings(factor=4))
    assert again == ["double"]
    everything = run(tmp_path, "3", load_settings=Settings(factor=2), double_settings=Settings(factor=4))
    assert everything == ["load", "double", "negate"]


def test_change_of_speed_remakes_nothing(tmp_path: Path) -> None:
    run(tmp_path, "1", load_settings=Settings(factor=1), double_settings=Settings(factor=3))
    assert run(tmp_path, "2", load_settings=Settings(factor=1, speed=9), double_settings=Settings(factor=3)) == []


def test_change_of_outside_data_remakes_all(tmp_path: Path) -> None:
    data = tmp_path / "data.txt"
    data.write_text("one")
    settings = Settings(factor=1, folder=str(data))
    run(tmp_path, "1", load_settings=settings, double_settings=Settings(factor=3))
    data.write_text("two")
    assert run(tmp_path, "2", load_settings=settings, double_settings=Settings(factor=3)) == [
        "load",
        "double",
        "negate",
    ]


def test_part_of_a_pipeline_judges_its_inputs_by_their_records(tmp_path: Path) -> None:
    part = PIPELINE.only_nodes("double")
    run(tmp_path, "1", load_settings=Settings(factor=1), double_settings=Settings(factor=3))
    settings = {"load_settings": Settings(factor=1), "double_settings": Settings(factor=3)}
    assert run(tmp_path, "2", **settings, pipeline=part) == []
    run(
        tmp_path,
        "3",
        load_settings=Settings(factor=5),
        double_settings=Settings(factor=3),
        pipeline=PIPELINE.only_nodes("load"),
    )
    assert run(tmp_path, "4", **settings, pipeline=part) == ["double"]


def test_artefact_without_record_is_made_again(tmp_path: Path) -> None:
    settings = {"load_settings": Settings(factor=1), "double_settings": Settings(factor=3)}
    run(tmp_path, "1", **settings)
    (tmp_path / "doubled.parquet" / "1" / "made_from.json").unlink()
    assert run(tmp_path, "2", **settings) == ["double"]


def test_broken_record_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    settings = {"load_settings": Settings(factor=1), "double_settings": Settings(factor=3)}
    run(tmp_path, "1", **settings)
    record = tmp_path / "doubled.parquet" / "1" / "made_from.json"
    record.write_text("{")
    with pytest.raises(ArtefactError, match=r"made_from\.json"):
        run(tmp_path, "2", **settings)


def test_reuse_off_plans_everything(tmp_path: Path) -> None:
    settings = {"load_settings": Settings(factor=1), "double_settings": Settings(factor=3)}
    run(tmp_path, "1", **settings)
    catalog = DataCatalog.from_config(
        {
            n: {
                "type": "simcore.datasets.TableDataset",
                "filepath": f"{tmp_path}/{n}.parquet",
                "versioned": True,
            }
            for n in ("raw", "doubled", "negated")
        }
    )
    catalog["params:load"], catalog["params:double"] = settings["load_settings"], settings["double_settings"]
    assert len(make_plan(PIPELINE, catalog, reuse=False).stale) == 3
    assert make_plan(PIPELINE, catalog).stale == ()
    record = read_record(catalog["doubled"])
    assert record is not None
    assert record.values == {"params:double": {"factor": 3, "folder": "", "outside state": ""}}


def test_fingerprint_of_values_ignores_order_and_sees_content() -> None:
    assert value_fingerprint({"a": (1, 2), "b": None}) == value_fingerprint({"b": None, "a": [1, 2]})
    assert value_fingerprint({"a": 1}) != value_fingerprint({"a": 2})
