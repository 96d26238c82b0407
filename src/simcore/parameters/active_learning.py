"""Parameters of active learning on the target."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt

from simcore.parameters.base import Parameters
from simcore.parameters.evaluation import Protocols, Scale
from simcore.parameters.weights import weights_fingerprint


def _split(value: Any) -> Any:
    """Read `a+b` (the form the command line can pass) and a single number as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split("+")]
    return [value] if isinstance(value, int | float) else value


def _check_rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise((0.0, *shares))) or shares[-1] > 1:
        raise ValueError("shares of the training images have to rise, above 0 and at most 1")
    return shares


def _find_labels(path: str | None) -> str | None:
    """Anchor a relative path where the command was typed."""
    if path is None:
        return None
    found = Path(path).expanduser().absolute()
    if not found.is_file():
        raise ValueError(f"{found} is no file; begin with one that holds the line `key,label`")
    return str(found)


class ActiveLearningParameters(Parameters):
    """Rounds of asking for labels and of training, see `simcore.downstream.active_learning`."""

    # The content of the labels counts, wherever they lie; pictures are drawn by a node of their own.
    runtime_only: ClassVar[frozenset[str]] = frozenset({"labels", "pictures"})

    queries: Annotated[
        tuple[Literal["random", "entropy", "coreset", "badge"], ...], BeforeValidator(_split), Field(min_length=1)
    ]
    shares: Annotated[tuple[float, ...], BeforeValidator(_split), Field(min_length=1), AfterValidator(_check_rising)]
    protocols: Protocols
    epochs: PositiveInt
    batch_size: int = Field(ge=2)
    learning_rate: PositiveFloat
    weight_decay: float = Field(ge=0)
    scale: Scale
    seed: int
    labels: Annotated[str | None, AfterValidator(_find_labels)]
    pictures: PositiveInt

    def outside_state(self) -> str | None:
        """Return the fingerprint of the labels' content."""
        return weights_fingerprint(self.labels)
