"""Parameters of embedding, clustering and selection."""

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator

from simcore.parameters.base import Parameters


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
