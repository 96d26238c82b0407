"""What is made from the same is made once, whatever it is called."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from simcore.parameters import RuntimeParameters
from simcore.reuse import ReuseRunner, read_record
from simcore.reuse.taking_over import find_same

CALLS: list[str] = []
NAMES = ("a", "b", "c")


def cut(number: int) -> pd.DataFrame:
    return pd.DataFrame({"x": [min(number, 10)]})


def work(numbers: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    value = int(numbers["x"].iloc[0])
    found = find_same({"value": value}) if value else None
    if found is not None:
        CALLS.append(f"{name} from {found.names[0]}")
        done, told = found.outputs
        return done, told.assign(name=name)
    CALLS.append(name)
    return numbers * 2, pd.DataFrame({"name": [name], "x": numbers["x"]})


def pipeline(names: tuple[str, ...] = NAMES) -> Pipeline:
    nodes = []
    for name in names:
        cutting = Node(cut, f"params:{name}", f"{name}.cut", name="cut", namespace=name)
        inputs = {"numbers": f"{name}.cut", "name": f"params:name_{name}"}
        nodes += [cutting, Node(work, inputs, [f"work_{name}", f"told_{name}"], name="work", namespace=name)]
    return Pipeline(nodes)


def run(root: Path, version: str, *, reuse: bool = True, names: tuple[str, ...] = NAMES, **numbers: int) -> DataCatalog:
    """Run as a new session would, and return its catalog."""
    CALLS.clear()
    entries = {}
    for name in names:
        for dataset, place in ((f"{name}.cut", "cut"), (f"work_{name}", "work"), (f"told_{name}", "told")):
            path = f"{root}/{name}/{place}.parquet"
            entries[dataset] = {"type": "simcore.datasets.TableDataset", "filepath": path, "versioned": True}
    catalog = DataCatalog.from_config(entries, save_version=version)
    runtime = {"device": "cpu", "processes": 1, "threads": 1, "workers": 0, "work_dir": str(root / ".work")}
    catalog["params:runtime"] = RuntimeParameters(**runtime, reuse=reuse)
    for name in names:
        catalog[f"params:{name}"], catalog[f"params:name_{name}"] = numbers[name], name
    ReuseRunner().run(pipeline(names), catalog, _create_hook_manager(), version)
    return catalog


def test_equal_content_is_made_once_and_keeps_its_own_name(tmp_path: Path) -> None:
    catalog = run(tmp_path, "1", a=11, b=12, c=3)
    assert CALLS == ["a", "b from work_a", "c"]
    pd.testing.assert_frame_equal(catalog["work_a"].load(), catalog["work_b"].load())
    assert catalog["told_b"].load()["name"].tolist() == ["b"]
    assert [read_record(catalog[f"work_{name}"]).taken_from for name in NAMES] == ["", "work_a", ""]


def test_what_was_taken_over_is_as_good_as_made(tmp_path: Path) -> None:
    run(tmp_path, "1", a=11, b=12, c=3)
    run(tmp_path, "2", a=11, b=12, c=3)
    assert CALLS == []
    # The first maker is named, not the one it came by.
    catalog = run(tmp_path, "3", names=("b", "c"), b=12, c=13)
    assert CALLS == ["c from work_a"]
    assert read_record(catalog["told_c"]).taken_from == "told_a"


def test_an_older_version_of_the_node_itself_is_found(tmp_path: Path) -> None:
    run(tmp_path, "1", names=("a",), a=2)
    run(tmp_path, "2", names=("a",), a=3)
    assert CALLS == ["a"]
    run(tmp_path, "3", names=("a",), a=2)
    assert CALLS == ["a from work_a"]


@pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
@pytest.mark.parametrize("part", ["work", "told"])
def test_what_is_not_whole_is_not_taken_over(tmp_path: Path, part: str, damage: str) -> None:
    run(tmp_path, "1", names=("a",), a=11)
    file = tmp_path / "a" / f"{part}.parquet" / "1" / f"{part}.parquet"
    whole = file.read_bytes()
    if damage == "lost":
        file.unlink()
    else:
        file.write_bytes(whole[:-1] if damage == "cut" else whole[:-1] + b"?")
    run(tmp_path, "2", names=("b",), b=11)
    assert CALLS == ["b"]
    if damage == "cut":  # which the plan sees, and the node itself would find again
        run(tmp_path, "3", names=("a",), a=11)
        assert CALLS == ["a from work_b"]


def test_nothing_is_taken_over_where_it_may_not(tmp_path: Path) -> None:
    run(tmp_path, "1", reuse=False, a=11, b=12, c=0)
    assert CALLS == ["a", "b", "c"]
    run(tmp_path, "2", names=("b", "c"), b=0, c=14)
    assert CALLS == ["b", "c from work_b"]
    assert work(numbers=pd.DataFrame({"x": [10]}), name="outside a run")[1]["name"].tolist() == ["outside a run"]
