"""Parameters of embedding, clustering and selection."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveInt, field_validator

from simcore.parameters.base import Parameters
from simcore.parameters.export import find_list

AUDIT = "audit"
"""What `selection.exclude` says to leave out what the audit found."""


def _split(value: Any) -> Any:
    return value.split("+") if isinstance(value, str) else value


Splits = Annotated[tuple[Literal["test", "train"], ...], BeforeValidator(_split), Field(min_length=1)]
"""Parts of the target: a YAML list, one name, or `test+train`."""


class EmbeddingParameters(Parameters):
    """Extraction of embeddings."""

    runtime_only: ClassVar[frozenset[str]] = frozenset({"batch_size"})

    batch_size: PositiveInt
    rows_per_shard: PositiveInt


class ClusteringParameters(Parameters):
    """Spherical k-means on the target's embeddings."""

    n_clusters: PositiveInt
    seed: int
    n_redo: PositiveInt
    n_iterations: PositiveInt


class SelectionParameters(Parameters):
    """Selection of the coreset."""

    budget: int | float | None
    tau: float | None = Field(gt=0, le=1)
    reference_round: PositiveInt
    keep_failing_round: bool
    truncate: Literal["similarity", "random"] | None
    seed: int
    explained_by: PositiveInt
    exclude: str | None
    exclude_copies_of: Splits

    @field_validator("exclude")
    @classmethod
    def _find_list(cls, exclude: str | None) -> str | None:
        """Anchor the path of a list where the command was typed; its name may not be mistaken for the audit."""
        if exclude is None or exclude == AUDIT:
            return exclude
        try:
            return find_list(exclude)
        except ValueError as error:
            raise ValueError(f"should be null, 'audit' or a list of keys; {error}") from error

    def outside_state(self) -> str | None:
        """Return the fingerprint of the content of the list of what is left out, if it is one."""
        if self.exclude is None or self.exclude == AUDIT:
            return None
        return hashlib.sha256(Path(self.exclude).read_bytes()).hexdigest()

    @field_validator("budget")
    @classmethod
    def _check_budget(cls, budget: float | None) -> float | None:
        if budget is None:
            return None
        if budget <= 0:
            raise ValueError("should be a positive number of images, a share of the open-set below 1, or null")
        if isinstance(budget, float) and budget >= 1:
            if not budget.is_integer():
                raise ValueError("should be a whole number of images, or a share of the open-set below 1")
            return int(budget)
        return budget
