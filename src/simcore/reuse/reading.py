"""Inputs that a node reads only under some parameter, and nodes that nobody needs for that reason."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from kedro.pipeline import Pipeline

_READS = "reads_only_if"
_WANTED = "wanted_only_if"
_ANEW = "never_reused"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Condition:
    """What a value among the parameters has to be.

    Attributes:
        parameter: Name in the catalog, `params:...`.
        field: Name of a value in it; dots lead deeper.
        test: `true`; `given` or `missing`: not null or null; `equals` or `contains` the value below.
        value: See `test`.
    """

    parameter: str
    field: str
    test: Literal["true", "given", "missing", "equals", "contains"] = "true"
    value: Any = None

    def holds(self, parameters: Mapping[str, Any]) -> bool:
        """Return whether it does, with plain parameters by name.

        Example:
            >>> Condition("params:comparison", "arms", "contains", "x").holds({"params:comparison": {"arms": ["x"]}})
            True
        """
        found = parameters[self.parameter]
        for name in self.field.split("."):
            found = found[name]
        if self.test == "equals":
            return bool(found == self.value)
        if self.test == "contains":
            return self.value in found
        return bool(found) if self.test == "true" else (found is not None) == (self.test == "given")


def reads_only_if(dataset: str, *conditions: Condition) -> Callable[[Function], Function]:
    """Return a decorator that says: the node's result depends on `dataset` only where all `conditions` hold.

    Kedro's inputs are fixed when the pipeline is built. Where they do not hold, re-use leaves the dataset out of what
    the node's artefacts are made from, so that a change of it re-makes nothing; and nodes that make only what nobody
    reads do not run, if that dataset says that it `may_be_missing`.

    Args:
        dataset: Name of the input in the catalog.
        conditions: On parameters of the pipeline.

    Example:
        >>> @reads_only_if("coreset", Condition("params:pretraining", "match"))
        ... def train(images, pretraining, coreset):
        ...     return images
        >>> unread(train, {"params:pretraining": {"match": False}})
        {'coreset'}
    """

    def mark(function: Function) -> Function:
        known: dict[str, tuple[Condition, ...]] = getattr(function, _READS, {})
        setattr(function, _READS, {**known, dataset: conditions})
        return function

    return mark


def never_reused(function: Function) -> Function:
    """Mark a node as one that runs whenever it is asked for, such as one that people ask for what it prints."""
    setattr(function, _ANEW, True)
    return function


def may_be_reused(function: Callable[..., Any]) -> bool:
    """Return whether what a node has made may stand for what it would make."""
    return not getattr(function, _ANEW, False)


def unread(function: Callable[..., Any], parameters: Mapping[str, Any]) -> set[str]:
    """Return the inputs that a marked function does not depend on with these parameters, by name with plain values."""
    known: dict[str, tuple[Condition, ...]] = getattr(function, _READS, {})
    return {
        dataset
        for dataset, conditions in known.items()
        if not all(condition.holds(parameters) for condition in conditions)
    }


def wanted_only_if(function: Function, *conditions: Condition) -> Function:
    """Return the function, marked: what its node makes is wanted by itself only where all `conditions` hold.

    Otherwise the node runs only where another node of the pipeline reads what it makes. So one pipeline can serve
    several wishes, such as to evaluate the arms, or an encoder from elsewhere without them.

    Args:
        function: Of the node; not shared with nodes that are marked otherwise.
        conditions: On parameters of the project, whether or not a node takes them; added to those of before.
    """
    setattr(function, _WANTED, tuple(dict.fromkeys((*getattr(function, _WANTED, ()), *conditions))))
    return function


def is_wanted(function: Callable[..., Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether what a function makes is wanted by itself, with plain parameters by name."""
    conditions: tuple[Condition, ...] = getattr(function, _WANTED, ())
    return all(condition.holds(parameters) for condition in conditions)


def parameters_asked(functions: Iterable[Callable[..., Any]]) -> set[str]:
    """Return the names of the parameters that the marks of `functions` look at, beside those that nodes take."""
    asked = set()
    for function in functions:
        marks = (getattr(function, _WANTED, ()), *getattr(function, _READS, {}).values())
        asked |= {condition.parameter for conditions in marks for condition in conditions}
    return asked


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
