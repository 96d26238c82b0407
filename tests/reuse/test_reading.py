"""Inputs that count only where a parameter says so."""

from functools import partial, update_wrapper

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from simcore.reuse import make_plan
from simcore.reuse.reading import reads_only_if, unread


@reads_only_if("other", parameter="params:p", field="wanted")
def train(images, p, other):
    return images


def plain_train(images, p, other):
    return images


def plan(function, *, wanted: bool, upstream: str) -> str:
    """Return the fingerprint of a node whose input `other` was made from `upstream`."""
    make = Node(lambda u: u, inputs="params:upstream", outputs="other", name="make")
    node = Node(function, inputs=["images", "params:p", "other"], outputs="trained", name="train")
    catalog = DataCatalog(
        {
            "images": MemoryDataset(1),
            "params:p": MemoryDataset({"wanted": wanted}),
            "params:upstream": MemoryDataset(upstream),
        }
    )
    return make_plan(Pipeline([make, node]), catalog).step("train").fingerprint


@pytest.mark.parametrize("wanted", [True, False])
def test_an_unread_input_is_no_part_of_the_recipe(wanted: bool) -> None:
    changed = plan(train, wanted=wanted, upstream="a") != plan(train, wanted=wanted, upstream="b")
    assert changed == wanted


def test_an_unmarked_function_reads_everything() -> None:
    assert plan(plain_train, wanted=False, upstream="a") != plan(plain_train, wanted=False, upstream="b")


def test_the_mark_survives_a_partial_and_marks_add_up() -> None:
    marked = reads_only_if("more", parameter="params:p", field="all")(train)
    part = update_wrapper(partial(marked, other=None), marked)
    assert unread(part, {"params:p": {"wanted": False, "all": False}}) == {"other", "more"}
    assert unread(part, {"params:p": {"wanted": True, "all": False}}) == {"more"}
