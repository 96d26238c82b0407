"""Inputs that a node reads only under some parameter, and nodes that nobody needs for that reason."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from kedro.pipeline import Pipeline

_ATTRIBUTE = "reads_only_if"
_WANTED = "wanted_only_if"

Function = TypeVar("Function", bound=Callable[..., Any])


def reads_only_if(dataset: str, *, parameter: str, field: str, value: Any = None) -> Callable[[Function], Function]:
    """Return a decorator that says: the node's result depends on `dataset` only where a parameter's field is true.

    Kedro's inputs are fixed when the pipeline is built. Where the field is false, re-use leaves the dataset out of what
    the node's artefacts are made from, so that a change of it re-makes nothing; and nodes that make only what nobody
    reads do not run, if that dataset says that it `may_be_missing`.

    Args:
        dataset: Name of the input in the catalog.
        parameter: Name of another input, `params:...`.
        field: Name of a value in it.
        value: Where it is given, the field has to equal it instead of being true.

    Example:
        >>> @reads_only_if("coreset", parameter="params:pretraining", field="match")
        ... def train(images, pretraining, coreset):
        ...     return images
        >>> unread(train, {"params:pretraining": {"match": False}})
        {'coreset'}
    """

    def mark(function: Function) -> Function:
        conditions: dict[str, tuple[str, str, Any]] = getattr(function, _ATTRIBUTE, {})
        setattr(function, _ATTRIBUTE, {**conditions, dataset: (parameter, field, value)})
        return function

    return mark


def unread(function: Callable[..., Any], parameters: Mapping[str, Any]) -> set[str]:
    """Return the inputs that a marked function does not depend on with these parameters, by name with plain values."""
    conditions: dict[str, tuple[str, str, Any]] = getattr(function, _ATTRIBUTE, {})
    return {
        dataset
        for dataset, (parameter, field, value) in conditions.items()
        if not (parameters[parameter][field] if value is None else parameters[parameter][field] == value)
    }


def wanted_only_if(
    function: Callable[..., Any], *, parameter: str, field: str, given: bool = True
) -> Callable[..., Any]:
    """Return the function, marked: what its node makes is wanted by itself only where a parameter's field is given.

    Otherwise the node runs only where another node of the pipeline reads what it makes. So one pipeline can serve two
    wishes, such as to evaluate the arms, or an encoder from elsewhere without them.

    Args:
        function: Of the node; not shared with nodes that are marked otherwise.
        parameter: Name of a parameter of the pipeline, `params:...`; where no node takes it, the mark says nothing.
        field: Name of a value in it.
        given: False: wanted where the field is null.
    """
    setattr(function, _WANTED, (parameter, field, given))
    return function


def is_wanted(function: Callable[..., Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether what a function makes is wanted by itself, with the plain parameters of a pipeline by name."""
    mark: tuple[str, str, bool] | None = getattr(function, _WANTED, None)
    if mark is None or mark[0] not in parameters:
        return True
    parameter, field, given = mark
    return (parameters[parameter][field] is not None) == given


def only_needed(
    pipeline: Pipeline, unread_by: Mapping[str, set[str]], unwanted: AbstractSet[str] = frozenset()
) -> Pipeline:
    """Return the pipeline without the nodes of which every output goes to nodes, but to none that reads it.

    Args:
        pipeline: The nodes asked for.
        unread_by: Name of a node to the inputs that it does not read.
        unwanted: Names of nodes that also go where outputs of theirs go to no node (`wanted_only_if`).
    """
    dropped: set[str] = set()
    for node in reversed(pipeline.nodes):
        used = {name: [other for other in pipeline.nodes if name in other.inputs] for name in node.outputs}
        if used and all(
            (others or node.name in unwanted)
            and all(other.name in dropped or name in unread_by[other.name] for other in others)
            for name, others in used.items()
        ):
            dropped.add(node.name)
    return Pipeline([node for node in pipeline.nodes if node.name not in dropped]) if dropped else pipeline
