"""An artefact counts only while the node that makes it is wanted and would make the same."""

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from simcore.datasets import if_fresh
from simcore.datasets.if_fresh import IfFreshDataset, IfFreshRecordsDataset
from simcore.reuse.plan import Plan, Step


def first() -> int:
    return 1


def second(value: int) -> int:
    return value + 1


PIPELINE = Pipeline(
    [Node(first, inputs=None, outputs="one", name="first"), Node(second, inputs="one", outputs="two", name="second")]
)


def step(node: str, *, fresh: bool = True) -> Step:
    return Step(node, f"fingerprint of {node}", fresh, "" if fresh else "changed", "code", {}, {}, {})


@pytest.mark.parametrize(
    ("steps", "holds"),
    [
        ([step("first"), step("second")], True),
        # Dropped, because nothing wants it: what is stored is from another time.
        ([step("first")], False),
        ([], False),
        ([step("first", fresh=False), step("second", fresh=False)], False),
    ],
)
def test_it_holds_while_its_maker_is_planned_and_fresh(monkeypatch, steps, holds) -> None:
    monkeypatch.setattr(if_fresh, "make_plan", lambda *_: Plan(tuple(steps)))
    dataset = IfFreshDataset(dataset="two")
    dataset.attach(DataCatalog({"two": MemoryDataset(2)}), pipeline=PIPELINE)
    assert dataset.load() == (2 if holds else None)
    assert (dataset.outside_state() == "fingerprint of second") == holds


def of_arm(arm: str, name: str, output: str) -> Pipeline:
    return Pipeline([Node(first, inputs=None, outputs=output, name=name)], namespace=arm, outputs={output})


def test_evaluations_beside_the_stages_are_known_by_their_arms(monkeypatch) -> None:
    """Arms called `os` and `x_os`: the stage's `metrics_x_os` is no evaluation `x` of the arm `os`."""
    whole = Pipeline([Node(first, inputs=None, outputs="metrics_references", name="references")])
    for arm in ("os", "x_os"):
        whole += of_arm(arm, "evaluate", f"metrics_{arm}") + of_arm(arm, "tune", f"metrics_few_labels_{arm}")
    names = [name for name in whole.all_outputs() if name.startswith("metrics_")]
    assert len(names) == 5
    monkeypatch.setattr(
        if_fresh, "make_plan", lambda pipeline, _: Plan(tuple(step(node.name) for node in pipeline.nodes))
    )
    dataset = IfFreshRecordsDataset(pattern="metrics_.+_{namespace}")
    dataset.attach(DataCatalog({name: MemoryDataset([{"of": name}]) for name in names}), pipeline=whole)
    assert dataset.load() == [{"of": "metrics_few_labels_os"}, {"of": "metrics_few_labels_x_os"}]
