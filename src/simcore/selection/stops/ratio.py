"""Stop when a round's value falls below a share of a reference round's value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simcore.errors import InputError
from simcore.selection.stops.none import NoStop
from simcore.selection.stops.registry import register


@register("ratio")
@dataclass(frozen=True)
class StopRule:
    """Fails the first round t after `reference_round` with `value(t) < threshold · value(reference_round)`.

    The supplementary algorithm tests `f̂(S_t) < τ·f̂(S_1)` in a loop whose counter runs ahead of the sets; read
    naturally, every later round is compared with the first (`StopRule.paper`). As printed the failing round is
    already in the coreset: `keep_failing_round=True`. The authors' code refers to round 20 and drops the failing
    round (`StopRule.authors`). The rules give different coresets.

    Args:
        threshold: τ in (0, 1]; 0.95 in the paper, 0.6 for DINO.
        reference_round: round (from 1) whose value is the reference; rounds up to it never fail.
        keep_failing_round: let the failing round join the coreset.

    Raises:
        InputError: `threshold` outside (0, 1], `reference_round` below 1; later, a reference value ≤ 0.

    Example:
        >>> rule = StopRule(threshold=0.95)
        >>> rule.fails([0.8]), rule.fails([0.8, 0.77]), rule.fails([0.8, 0.77, 0.75])
        (False, False, True)
    """

    threshold: float = 0.95
    reference_round: int = 1
    keep_failing_round: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InputError(f"`threshold` is {self.threshold}; τ must be above 0 and at most 1 (the paper uses 0.95).")
        if self.reference_round < 1:
            raise InputError(f"`reference_round` is {self.reference_round}; rounds count from 1.")

    @classmethod
    def paper(cls, threshold: float = 0.95, *, keep_failing_round: bool = False) -> "StopRule":
        """Return the paper's rule: the first round is the reference and the failing round is dropped."""
        return cls(threshold=threshold, reference_round=1, keep_failing_round=keep_failing_round)

    @classmethod
    def authors(cls, threshold: float = 0.95) -> "StopRule":
        """Return the rule of the authors' code: round 20 is the reference; goes with `truncate="random"`."""
        return cls(threshold=threshold, reference_round=20, keep_failing_round=False)

    @staticmethod
    def none() -> NoStop:
        """Return the rule that never stops: only the budget does."""
        return NoStop()

    def reference(self, values: Sequence[float]) -> float | None:
        """Return the value of the reference round, or None before it."""
        return values[self.reference_round - 1] if len(values) >= self.reference_round else None

    def fails(self, values: Sequence[float]) -> bool:
        """Return whether the last of `values` is below the threshold's share of the reference.

        Raises:
            InputError: the reference value is not positive, so a share of it bounds nothing.
        """
        reference = self.reference(values)
        if reference is None:
            return False
        if reference <= 0:
            raise InputError(
                f"The value of round {self.reference_round} is {reference:.4g}; a share of a value ≤ 0 is no bound "
                "from below. Use `stop=None` with a `budget`, or centroids and open-set of the same encoder."
            )
        return len(values) > self.reference_round and values[-1] < self.threshold * reference

    def settings(self) -> dict[str, Any]:
        """Return the settings, JSON-ready."""
        return {
            "rule": "ratio",
            "threshold": self.threshold,
            "reference_round": self.reference_round,
            "keep_failing_round": self.keep_failing_round,
        }


register("paper")(StopRule.paper)
register("authors")(StopRule.authors)
