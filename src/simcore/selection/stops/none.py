"""Never stop before the budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simcore.selection.stops.registry import register


@register("none")
@dataclass(frozen=True)
class NoStop:
    """Never fails a round: only the budget, or the end of the open-set, ends the selection.

    Example:
        >>> NoStop().fails([0.9, -0.5])
        False
    """

    keep_failing_round: bool = False

    def fails(self, values: Sequence[float]) -> bool:
        """Return False."""
        return False

    def reference(self, values: Sequence[float]) -> float | None:
        """Return the value of the first round: ratios in the trace refer to it."""
        return values[0] if values else None

    def settings(self) -> dict[str, Any]:
        """Return the name, JSON-ready."""
        return {"rule": "none"}
