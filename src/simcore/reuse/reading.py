"""Inputs that a node reads only under some parameter."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_ATTRIBUTE = "reads_only_if"

Function = TypeVar("Function", bound=Callable[..., Any])


def reads_only_if(dataset: str, *, parameter: str, field: str) -> Callable[[Function], Function]:
    """Return a decorator that says: the node's result depends on `dataset` only where a parameter's field is true.

    Kedro's inputs are fixed when the pipeline is built. Where the field is false, re-use leaves the dataset out of what
    the node's artefacts are made from, so that a change of it re-makes nothing.

    Args:
        dataset: Name of the input in the catalog.
        parameter: Name of another input, `params:...`.
        field: Name of a value in it.

    Example:
        >>> @reads_only_if("coreset", parameter="params:pretraining", field="match")
        ... def train(images, pretraining, coreset):
        ...     return images
        >>> unread(train, {"params:pretraining": {"match": False}})
        {'coreset'}
    """

    def mark(function: Function) -> Function:
        conditions: dict[str, tuple[str, str]] = getattr(function, _ATTRIBUTE, {})
        setattr(function, _ATTRIBUTE, {**conditions, dataset: (parameter, field)})
        return function

    return mark


def unread(function: Callable[..., Any], parameters: Mapping[str, Any]) -> set[str]:
    """Return the inputs that a marked function does not depend on with these parameters, by name with plain values."""
    conditions: dict[str, tuple[str, str]] = getattr(function, _ATTRIBUTE, {})
    return {dataset for dataset, (parameter, field) in conditions.items() if not parameters[parameter][field]}
