"""Inputs that count only where a parameter says so."""

from functools import partial, update_wrapper

import pytest
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from simcore.reuse import make_plan
from simcore.reuse.reading import Condition, reads_only_if, unread, wanted_only_if


@reads_only_if("other", Condition("params:p", "wanted"))
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
    marked = reads_only_if("more", Condition("params:p", "all"))(train)
    part = update_wrapper(partial(marked, other=None), marked)
    assert unread(part, {"params:p": {"wanted": False, "all": False}}) == {"other", "more"}
    assert unread(part, {"params:p": {"wanted": True, "all": False}}) == {"more"}


@reads_only_if("found", Condition("params:p", "exclude", "equals", "audit"))
def pick(p, found):
    return found


class Optional(MemoryDataset):
    may_be_missing = True


@pytest.mark.parametrize(
    ("exclude", "dataset", "planned"),
    [
        ("audit", Optional, ["hash", "search", "pick"]),
        ("a list", Optional, ["pick"]),
        (None, Optional, ["pick"]),
        # It has to be loaded, although nothing comes of it.
        (None, MemoryDataset, ["hash", "search", "pick"]),
    ],
)
def test_nodes_run_only_where_somebody_reads_what_they_make(
    exclude: str | None, dataset: type[AbstractDataset], planned: list[str]
) -> None:
    chain = [
        Node(lambda p: p, inputs="params:p", outputs="hashes", name="hash"),
        Node(lambda hashes: hashes, inputs="hashes", outputs="found", name="search"),
        Node(pick, inputs=["params:p", "found"], outputs="picked", name="pick"),
    ]
    catalog = DataCatalog({"params:p": MemoryDataset({"exclude": exclude}), "found": dataset()})
    assert [step.node for step in make_plan(Pipeline(chain), catalog).steps] == planned
    # Asked for by themselves, or read by somebody else, they run.
    assert len(make_plan(Pipeline(chain[:2]), catalog).steps) == 2
    other = Node(lambda found: found, inputs="found", outputs="shown", name="show")
    assert len(make_plan(Pipeline([*chain, other]), catalog).steps) == 4
    side = Node(lambda hashes: hashes, inputs="hashes", outputs="side", name="aside")
    steps = [step.node for step in make_plan(Pipeline([*chain, side]), catalog).steps]
    assert ("search" in steps) == (len(planned) == 3) and {"hash", "aside", "pick"} <= set(steps)


def evaluate(p, network):
    return network


@pytest.mark.parametrize("encoder", [None, "timm:resnet50"])
def test_nodes_that_are_wanted_for_themselves_under_a_parameter_only(encoder: str | None) -> None:
    """Either the arm or the given encoder is evaluated; where somebody reads both, both are."""
    given, arm = (
        wanted_only_if(update_wrapper(partial(evaluate), evaluate), Condition("params:p", "encoder", test))
        for test in ("given", "missing")
    )
    nodes = [
        Node(lambda p: p, inputs="params:p", outputs="network", name="load"),
        Node(given, inputs=["params:p", "network"], outputs="of_given", name="given"),
        Node(arm, inputs=["params:p", "trained"], outputs="of_arm", name="arm"),
        Node(arm, inputs=["params:p", "of_arm"], outputs="picture", name="draw"),
    ]
    catalog = DataCatalog({"params:p": MemoryDataset({"encoder": encoder}), "trained": MemoryDataset(1)})
    steps = {step.node for step in make_plan(Pipeline(nodes), catalog).steps}
    assert steps == ({"arm", "draw"} if encoder is None else {"load", "given"})
    joined = Node(lambda one, other: one, inputs=["of_given", "of_arm"], outputs="joined", name="join")
    every = {step.node for step in make_plan(Pipeline([*nodes, joined]), catalog).steps}
    assert {"load", "given", "arm", "join"} <= every and ("draw" in every) == (encoder is None)


@pytest.mark.parametrize("arms", [("x",), ("x", "os"), ()])
def test_marks_add_up_and_look_at_parameters_that_no_node_takes(arms: tuple[str, ...]) -> None:
    nodes = []
    for arm in ("x", "os"):
        chosen = Condition("params:c", "arms", "contains", arm)
        function = wanted_only_if(update_wrapper(partial(evaluate), evaluate), chosen)
        function = wanted_only_if(function, Condition("params:p", "deep.er", "missing"))
        nodes.append(Node(function, inputs=["params:p", "network"], outputs=f"of_{arm}", name=arm))
    catalog = DataCatalog(
        {
            "params:p": MemoryDataset({"deep": {"er": None}}),
            "params:c": MemoryDataset({"arms": arms}),
            "network": MemoryDataset(1),
        }
    )
    assert {step.node for step in make_plan(Pipeline(nodes), catalog).steps} == set(arms)
    catalog["params:p"] = MemoryDataset({"deep": {"er": 1}})
    assert not make_plan(Pipeline(nodes), catalog).steps
