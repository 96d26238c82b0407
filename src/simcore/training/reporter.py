"""What training tells the outside while it runs."""

from collections.abc import Mapping
from typing import Protocol


class Reporter(Protocol):
    """Receives training curves; domain code logs through it and knows no tracking system."""

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Record `metrics` (name to value) at training step `step` (1-based count of optimiser steps)."""


class SilentReporter:
    """A reporter that keeps nothing: the default wherever no run is being tracked."""

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Drop `metrics`."""
