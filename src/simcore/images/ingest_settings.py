"""What is taken from a source, and how strictly."""

from collections.abc import Sequence
from dataclasses import dataclass

from simcore.errors import InputError
from simcore.images.count_check import Counting
from simcore.images.sources import Labels, Role
from simcore.images.verify import Verify


@dataclass(frozen=True)
class Settings:
    """What is taken from a source, and how; see `read_source`."""

    role: Role = "target"
    labels: Labels = "auto"
    test_fraction: float = 0.3
    seed: int = 0
    limit: int | None = None
    classes: Sequence[str] | int | None = None
    sample_seed: int = 0
    verify: Verify = "decode"
    max_rejected: float = 0.1
    counts: Counting = "warn"

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        for name, allowed in (
            ("role", ("target", "openset")),
            ("labels", ("auto", "folder", "none")),
            ("verify", ("decode", "header")),
            ("counts", ("warn", "stop")),
        ):
            if getattr(self, name) not in allowed:
                raise InputError(f"`{name}` is '{getattr(self, name)}'; allowed are '{allowed[0]}'{_others(allowed)}.")
        if not 0 <= self.test_fraction < 1:
            raise InputError(f"`test_fraction` is {self.test_fraction}; it must be at least 0 and below 1.")
        if not 0 <= self.max_rejected <= 1:
            raise InputError(f"`max_rejected` is {self.max_rejected}; it is a share from 0 to 1.")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"`limit` is {self.limit}; give a count of images of at least 1, or None for all.")


def _others(allowed: Sequence[str]) -> str:
    return "".join(f"{' and' if each == allowed[-1] else ','} '{each}'" for each in allowed[1:])
