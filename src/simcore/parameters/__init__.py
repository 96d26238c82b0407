"""Typed parameters: one model a group of `conf/*/parameters/`, and the whole tree."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import Field, ValidationError, field_validator, model_validator

from simcore.errors import InputError, legible
from simcore.parameters.active_learning import ActiveLearningParameters
from simcore.parameters.arms import PUBLISHED, ArmParameters, ComparisonParameters, StudyParameters
from simcore.parameters.audit import AuditParameters
from simcore.parameters.base import Parameters
from simcore.parameters.data import ImageParameters, OpensetParameters, TargetParameters
from simcore.parameters.detection import DetectionParameters
from simcore.parameters.evaluation import (
    AttributesParameters,
    EvaluationParameters,
    FinetuneParameters,
    KnnParameters,
    LinearParameters,
    ReportingParameters,
    RuntimeParameters,
)
from simcore.parameters.export import ExportParameters
from simcore.parameters.openset_semi_supervised import OpensetSemiSupervisedParameters
from simcore.parameters.plan import PlanParameters
from simcore.parameters.prune import PruneParameters, StatusParameters
from simcore.parameters.segmentation import SegmentationParameters
from simcore.parameters.selection import AUDIT, ClusteringParameters, EmbeddingParameters, SelectionParameters
from simcore.parameters.semi_supervised import SemiSupervisedParameters
from simcore.parameters.training import (
    MACHINE_FIELDS,
    PretrainingParameters,
    RetrievalParameters,
    TrainingParameters,
)
from simcore.parameters.variants import GROUPS, VARIANTS, VariantParameters
from simcore.parameters.webly import WeblyParameters
from simcore.parameters.weights import GivenWeights

# Keys that the session, the catalog and other parameters read from `--params`; they are no parameters of a node.
CATALOG_KEYS = frozenset({"data_root", "datasets_root", "run_id"})


_MOST_TOLD = 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_LONGEST_NAME = 100

# What other nodes than those of the arms depend on, by its content.
GIVEN_ENCODER = "params:evaluation.encoder"


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
    finetune: FinetuneParameters
    attributes: AttributesParameters
    reporting: ReportingParameters
    plan: PlanParameters
    prune: PruneParameters
    status: StatusParameters
    audit: AuditParameters
    export: ExportParameters
    detection: DetectionParameters
    segmentation: SegmentationParameters
    semi_supervised: SemiSupervisedParameters
    active_learning: ActiveLearningParameters
    openset_semi_supervised: OpensetSemiSupervisedParameters
    webly: WeblyParameters
    runtime: RuntimeParameters
    arms: dict[str, ArmParameters]
    comparison: ComparisonParameters
    studies: dict[str, StudyParameters]
    variants: dict[str, VariantParameters] = Field(default_factory=dict)

    @field_validator("arms", "studies", "variants")
    @classmethod
    def _check_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Refuse what cannot be part of a file name, a namespace and an MLflow tag."""
        strange = next((name for name in values if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME), None)
        if strange is not None:
            raise ValueError(
                f"the name {legible(strange)!r} is no name: letters, digits and _ are, {_LONGEST_NAME} of them at most"
            )
        return values

    @model_validator(mode="after")
    def _check_arms(self) -> "ParameterTree":
        for what, names in (
            ("comparison.arms", self.comparison.arms),
            *((f"studies.{name}.arms", study.arms) for name, study in self.studies.items()),
            *((f"studies.{name}.varied", study.varied) for name, study in self.studies.items()),
            *((f"studies.{name}", study.chosen()) for name, study in self.studies.items() if study.variants),
            *((f"arms.{name}.steps_of", (arm.steps_of,)) for name, arm in self.arms.items() if arm.steps_of),
            *((f"arms.{name}.size_of", (arm.size_of,)) for name, arm in self.arms.items() if arm.size_of),
            *((f"arms.{name}.starts_from", (arm.starts_from,)) for name, arm in self.arms.items() if arm.starts_from),
        ):
            unknown = [name for name in names if name not in self.arms]
            if unknown:
                raise ValueError(
                    f"`{what}` names {', '.join(map(repr, unknown))}, but the arms are {', '.join(self.arms)}; "
                    "a new one is a line of conf/base/parameters/arms.yml"
                )
        for what, names in (
            *((f"studies.{name}.variants", study.variants) for name, study in self.studies.items()),
            *((f"arms.{name}.variant", (arm.variant,)) for name, arm in self.arms.items() if arm.variant),
        ):
            unknown = [name for name in names if name not in self.variants]
            if unknown:
                raise ValueError(
                    f"`{what}` names {', '.join(map(repr, unknown))}, but the variants are {', '.join(self.variants)}; "
                    "a new one is a line of conf/base/parameters/arms.yml"
                )
        if self.pretraining.has_openset_beside:
            without = [
                name for name in self.comparison.arms if not self.arms[name].target or self.arms[name].openset == "none"
            ]
            if without:
                raise ValueError(
                    f"`pretraining.method` is {self.pretraining.method}, which contrasts X with the open-set, but "
                    f"`comparison.arms` names {', '.join(without)}, without one of the two; give arms with both, "
                    "such as comparison.arms=x_os+simcore"
                )
        for name in self.arms:
            chain = [name]
            while (before := self.arms[chain[-1]].starts_from) is not None:
                if before in chain:
                    raise ValueError(f"the arms {' -> '.join([*chain, before])} start from each other; let one begin")
                chain.append(before)
        return self

    def groups(self) -> dict[str, Parameters]:
        """Return the groups that a variant may change, as they are without one."""
        return {name: getattr(self, name) for name in GROUPS}


def _model_of(annotation: Any) -> Any:
    """Return the model behind `Model | None`, or of the values of a mapping; anything else as it is."""
    choices = [choice for choice in get_args(annotation) if hasattr(choice, "model_fields")]
    return choices[0] if choices else annotation


def _locate(location: tuple[Any, ...]) -> tuple[tuple[str, ...], Any]:
    """Return the path of names down the tree, and the model in which its last step stands.

    Pydantic appends the tried branch of a union (`int`, `literal['auto']`) to a location; names end before it.
    """
    path: list[str] = []
    holder: Any = ParameterTree
    model: Any = ParameterTree
    named = False
    for step in location:
        fields = getattr(model, "model_fields", None)
        if fields is None or not isinstance(step, str):
            break
        path.append(step)
        if named:
            # A name that the user chose: what stands below it has the fields.
            named = False
            continue
        holder = model
        if step not in fields:
            break
        annotation = fields[step].annotation
        named, model = get_origin(annotation) is dict, _model_of(annotation)
    return tuple(path), holder


def _sentence(problem: Any) -> str:
    """Return one validation problem in words: what was given, what is allowed."""
    path, model = _locate(problem["loc"])
    name, given = legible(".".join(path)), legible(repr(problem["input"]))
    if problem["type"] == "extra_forbidden":
        allowed = sorted(model.model_fields)
        near = difflib.get_close_matches(path[-1], allowed, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"allowed are: {', '.join(allowed)}"
        return f"unknown parameter `{name}`; {hint}"
    if problem["type"] == "missing":
        return f"parameter `{name}` is missing; see conf/base/parameters for its meaning"
    message = legible(problem["msg"].removeprefix("Value error, "), most=1000)
    if not path:
        return message.rstrip(".")
    for opening in ("Input should be ", "should be "):
        if message.startswith(opening):
            return f"parameter `{name}` is {given}, but should be {message.removeprefix(opening)}"
    if isinstance(problem["input"], Mapping):
        return f"in `{name}`, {message.rstrip('.')}"
    return f"parameter `{name}` is {given}: {message.rstrip('.')}"


def _told_once(problems: Sequence[Any]) -> list[Any]:
    """Return the problems without those that variants have from the settings they lie over."""
    own = {(problem["loc"], problem["type"], repr(problem["input"])) for problem in problems}
    return [
        problem
        for problem in problems
        if problem["loc"][:1] != (VARIANTS,) or (problem["loc"][2:], problem["type"], repr(problem["input"])) not in own
    ]


def check_parameters(parameters: Mapping[str, Any]) -> ParameterTree:
    """Return the typed parameter tree.

    Raises:
        InputError: If a name is unknown, a type is wrong or a value is out of range; names the first ten.
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
        sentences = list(dict.fromkeys(_sentence(problem) for problem in _told_once(error.errors())))
        more = f"; and {len(sentences) - _MOST_TOLD} more" if len(sentences) > _MOST_TOLD else ""
        raise InputError(
            f"Wrong parameters: {'; '.join(sentences[:_MOST_TOLD])}{more}. Change them in conf/ or with --params."
        ) from error


def typed_parameter(name: str, value: Any) -> Any:
    """Return the value of a catalog entry `params:<group>` or `params:<group>.<name>` as its model; others as they are.

    Kedro types only what the nodes of the running pipeline take. A given encoder is known by its content.

    Example:
        >>> typed_parameter("params:plan", {"probe_steps": 5, "probe_batch_size": 32})
        PlanParameters(probe_steps=5, probe_batch_size=32, disk='stop', disk_margin=0.1)
        >>> typed_parameter("params:evaluation.knn", {"neighbours": [20]})
        KnnParameters(neighbours=(20,))
    """
    if name == GIVEN_ENCODER:
        return GivenWeights(spec=value)
    if not name.startswith("params:") or not isinstance(value, Mapping):
        return value
    model: Any = ParameterTree
    named = False
    for step in name.removeprefix("params:").split("."):
        if named:
            named = False
            continue
        field = getattr(model, "model_fields", {}).get(step)
        if field is None:
            return value
        named, model = get_origin(field.annotation) is dict, _model_of(field.annotation)
    if named:
        return value
    return model.model_validate(value) if hasattr(model, "model_validate") else value


__all__ = [
    "AUDIT",
    "GIVEN_ENCODER",
    "MACHINE_FIELDS",
    "PUBLISHED",
    "ActiveLearningParameters",
    "ArmParameters",
    "AttributesParameters",
    "AuditParameters",
    "ClusteringParameters",
    "ComparisonParameters",
    "DetectionParameters",
    "EmbeddingParameters",
    "EvaluationParameters",
    "ExportParameters",
    "FinetuneParameters",
    "ImageParameters",
    "KnnParameters",
    "LinearParameters",
    "OpensetParameters",
    "OpensetSemiSupervisedParameters",
    "ParameterTree",
    "PlanParameters",
    "PretrainingParameters",
    "PruneParameters",
    "ReportingParameters",
    "RetrievalParameters",
    "RuntimeParameters",
    "SegmentationParameters",
    "SelectionParameters",
    "SemiSupervisedParameters",
    "StudyParameters",
    "TargetParameters",
    "TrainingParameters",
    "VariantParameters",
    "WeblyParameters",
    "check_parameters",
    "typed_parameter",
]
