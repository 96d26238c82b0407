"""Typed parameters: one model a group of `conf/*/parameters/`, and the whole tree."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from simcore.errors import InputError
from simcore.parameters.base import Parameters
from simcore.parameters.data import ImageParameters, OpensetParameters, TargetParameters
from simcore.parameters.evaluation import EvaluationParameters, ReportingParameters, RuntimeParameters
from simcore.parameters.plan import PlanParameters
from simcore.parameters.selection import ClusteringParameters, EmbeddingParameters, SelectionParameters
from simcore.parameters.training import (
    MACHINE_FIELDS,
    PretrainingParameters,
    RetrievalParameters,
    TrainingParameters,
)

# A key that Kedro and the catalog read from `--params`; it is no parameter of a node.
CATALOG_KEYS = frozenset({"data_root"})


class ParameterTree(Parameters):
    """All parameters of a run."""

    method: str
    target: TargetParameters
    openset: OpensetParameters
    images: ImageParameters
    retrieval: RetrievalParameters
    embedding: EmbeddingParameters
    clustering: ClusteringParameters
    selection: SelectionParameters
    pretraining: PretrainingParameters
    evaluation: EvaluationParameters
    reporting: ReportingParameters
    plan: PlanParameters
    runtime: RuntimeParameters


def _model_of(annotation: Any) -> Any:
    """Return the model behind `Model | None`; anything else as it is."""
    choices = [choice for choice in get_args(annotation) if hasattr(choice, "model_fields")]
    return choices[0] if choices else annotation


def _locate(location: tuple[Any, ...]) -> tuple[tuple[str, ...], Any]:
    """Return the path of names down the tree, and the model in which its last step stands.

    Pydantic appends the tried branch of a union (`int`, `literal['auto']`) to a location; names end before it.
    """
    path: list[str] = []
    holder: Any = ParameterTree
    model: Any = ParameterTree
    for step in location:
        fields = getattr(model, "model_fields", None)
        if fields is None or not isinstance(step, str):
            break
        path.append(step)
        holder = model
        if step not in fields:
            break
        model = _model_of(fields[step].annotation)
    return tuple(path), holder


def _sentence(problem: Any) -> str:
    """Return one validation problem in words: what was given, what is allowed."""
    path, model = _locate(problem["loc"])
    name = ".".join(path)
    if problem["type"] == "extra_forbidden":
        allowed = sorted(model.model_fields)
        near = difflib.get_close_matches(path[-1], allowed, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"allowed are: {', '.join(allowed)}"
        return f"unknown parameter `{name}`; {hint}"
    if problem["type"] == "missing":
        return f"parameter `{name}` is missing; see conf/base/parameters for its meaning"
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], Mapping):
        return f"in `{name}`, {message.rstrip('.')}"
    for opening in ("Input should be ", "should be "):
        if message.startswith(opening):
            return f"parameter `{name}` is {problem['input']!r}, but should be {message.removeprefix(opening)}"
    return f"parameter `{name}` is {problem['input']!r}: {message.rstrip('.')}"


def check_parameters(parameters: Mapping[str, Any]) -> ParameterTree:
    """Return the typed parameter tree.

    Raises:
        InputError: If a name is unknown, a type is wrong or a value is out of range; names all of them.
    """
    # Keys with a leading underscore hold YAML anchors.
    tree = {key: value for key, value in parameters.items() if key not in CATALOG_KEYS and not key.startswith("_")}
    try:
        return ParameterTree.model_validate(
            {
                key: value.model_dump(exclude_unset=True) if isinstance(value, Parameters) else value
                for key, value in tree.items()
            }
        )
    except ValidationError as error:
        sentences = [_sentence(problem) for problem in error.errors()]
        raise InputError(
            f"Wrong parameters: {'; '.join(dict.fromkeys(sentences))}. Change them in conf/ or with --params."
        ) from error


def typed_parameter(name: str, value: Any) -> Any:
    """Return the value of a catalog entry `params:<group>` as its model; any other as it is.

    Kedro types only what the nodes of the running pipeline take.

    Example:
        >>> typed_parameter("params:plan", {"probe_steps": 5, "probe_batch_size": 32})
        PlanParameters(probe_steps=5, probe_batch_size=32)
    """
    group = ParameterTree.model_fields.get(name.removeprefix("params:"))
    if group is None or not isinstance(value, Mapping) or not name.startswith("params:"):
        return value
    model: type[Parameters] = group.annotation  # type: ignore[assignment] # every group is a model
    return model.model_validate(value)


__all__ = [
    "MACHINE_FIELDS",
    "ClusteringParameters",
    "EmbeddingParameters",
    "EvaluationParameters",
    "ImageParameters",
    "OpensetParameters",
    "ParameterTree",
    "PlanParameters",
    "PretrainingParameters",
    "ReportingParameters",
    "RetrievalParameters",
    "RuntimeParameters",
    "SelectionParameters",
    "TargetParameters",
    "TrainingParameters",
    "check_parameters",
    "typed_parameter",
]
