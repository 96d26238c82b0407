"""What a stop rule is, and how rules are found by name."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from simcore.errors import InputError


@runtime_checkable
class Stop(Protocol):
    """A stop rule: looks at the values of all rounds so far and says whether the last one fails.

    A round's value is the mean, over all centroids, of the similarity of each centroid's own pick.
    """

    @property
    def keep_failing_round(self) -> bool:
        """The failing round still joins the coreset."""
        ...

    def fails(self, values: Sequence[float]) -> bool:
        """Return whether the last of `values` (one a round, from round 1) ends the selection."""
        ...

    def reference(self, values: Sequence[float]) -> float | None:
        """Return the value that the trace's ratios refer to, or None while it is not known."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return the name it is registered under and its settings, JSON-ready: `stop_rule(**settings)` rebuilds it."""
        ...


Factory = TypeVar("Factory", bound=Callable[..., Stop])
_RULES: dict[str, Callable[..., Stop]] = {}


def register(name: str) -> Callable[[Factory], Factory]:
    """Return a decorator that makes a rule's factory available as `stop_rule(name, ...)`."""

    def add(factory: Factory) -> Factory:
        _RULES[name] = factory
        return factory

    return add


def stop_rule_names() -> list[str]:
    """Return the names of all rules, sorted.

    Example:
        >>> stop_rule_names()
        ['authors', 'none', 'paper', 'ratio']
    """
    return sorted(_RULES)


def stop_rule(rule: str, **settings: Any) -> Stop:
    """Return the stop rule registered as `rule`.

    Raises:
        InputError: there is no such rule, or it does not have such settings.

    Example:
        >>> stop_rule("paper", threshold=0.9)
        StopRule(threshold=0.9, reference_round=1, keep_failing_round=False)
    """
    if rule not in _RULES:
        raise InputError(f"There is no stop rule `{rule}`; choose one of {', '.join(stop_rule_names())}.")
    try:
        return _RULES[rule](**settings)
    except TypeError as error:
        raise InputError(f"The stop rule `{rule}` does not take these settings ({settings}): {error}.") from error
