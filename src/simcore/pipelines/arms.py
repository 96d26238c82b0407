"""The arms of a comparison, and the references beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

from kedro.framework import project as kedro_project
from kedro.utils import find_kedro_project

from simcore.errors import InputError
from simcore.parameters import ArmParameters, ParameterTree, check_parameters
from simcore.parameters.variants import VARIANTS, in_variant

REFERENCES = ("pixels", "random_network")
"""Representations without pretraining that every arm has to beat."""

GIVEN = "given"
"""The encoder that `evaluation.encoder` gives, beside the arms or instead of them."""

SELECTED = "simcore"
"""The arm whose coreset the report shows, and whose steps the others take for equal compute."""

SINGLE = "simcore_k1"
"""The arm whose coreset the report sets beside that of `simcore`, also where it is not compared."""

COMPARISON = "params:comparison"

Arms = dict[str, ArmParameters]

_PARAMETER = "params:"


# What stands on which groups of parameters, of all that is made before the arms' own parts of the open-set.
_RESTS_ON = {
    "openset_manifest": ("openset",),
    "openset_rejected": ("openset",),
    "openset_counts": ("openset",),
    "openset_hashes": ("openset",),
    "leaks": ("openset",),
    "excluded": ("openset", "selection"),
    "retrieval_encoder": ("retrieval",),
    "retrieval_curves": ("retrieval",),
    "target_embeddings": ("retrieval",),
    "openset_embeddings": ("retrieval", "openset"),
    "centroids": ("retrieval", "clustering"),
    "rounds": ("retrieval", "openset", "clustering", "selection"),
    f"coreset_{SELECTED}": ("retrieval", "openset", "clustering", "selection"),
}


@dataclass(frozen=True)
class Known:
    """What the parameters say of the arms.

    Attributes:
        described: All arms by name, those that studies make under variants among them.
        compared: Names of those that are compared.
        studies: Names of those in each study.
        variants: The groups of parameters in which each variant differs from the run's own.
    """

    described: Arms
    compared: tuple[str, ...]
    studies: Mapping[str, tuple[str, ...]]
    variants: Mapping[str, frozenset[str]]


# Kedro builds pipelines without arguments: what they depend on has to lie somewhere.
_KNOWN: list[Known] = []


def set_arms(tree: ParameterTree) -> bool:
    """Say what arms there are, which are compared, and which in studies; return whether that changes the pipelines.

    A session does so once it knows its parameters; pipelines built without a session have the arms of `conf/base`.

    Raises:
        InputError: The arm that others are measured by is not what it has to be, or a name is taken.
    """
    described = tree.arms
    reserved = sorted({*REFERENCES, GIVEN} & set(described))
    if reserved or SELECTED not in described or not described[SELECTED].is_plain or described[SELECTED].variant:
        raise InputError(
            f"The arms need one line `{SELECTED}: {{openset: coreset}}`, and none may be called "
            f"{', '.join([*REFERENCES, GIVEN])}; see conf/base/parameters/arms.yml."
        )
    groups = tree.groups()
    variants = {name: variant.changes(groups) for name, variant in tree.variants.items()}
    # A variant that changes nothing would make everything twice under two names.
    same = {name: arm.base for name, arm in described.items() if arm.base and arm.variant and not variants[arm.variant]}
    studies = {
        name: tuple(dict.fromkeys(same.get(arm) or arm for arm in study.chosen()))
        for name, study in tree.studies.items()
    }
    known = [Known(dict(described), tree.comparison.arms, studies, variants)]
    changes, _KNOWN[:] = known != _KNOWN, known
    return changes


def _known() -> Known:
    if not _KNOWN:
        project = find_kedro_project(Path.cwd()) or Path(__file__).parents[3]
        if kedro_project.PACKAGE_NAME is None:  # without a session, as in a notebook
            kedro_project.configure_project(__package__.partition(".")[0])
        settings = kedro_project.settings
        options: dict[str, Any] = {**settings.CONFIG_LOADER_ARGS, "default_run_env": "base"}
        loader = settings.CONFIG_LOADER_CLASS(str(project / settings.CONF_SOURCE), **options)
        set_arms(check_parameters(loader["parameters"]))
    return _KNOWN[0]


def arms(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, in their order."""
    known = _known()
    return {name: known.described[name] for name in (known.studies[study] if study else known.compared)}


def described_arms() -> Arms:
    """Return all arms that there are."""
    return _known().described


def studies() -> tuple[str, ...]:
    """Return the names of the studies."""
    return tuple(_known().studies)


def shown_beside() -> Arms:
    """Return the arms whose coresets are picked to be shown, whether or not they are compared."""
    settings = _known().described.get(SINGLE)
    return {} if settings is None or settings.openset != "coreset" else {SINGLE: settings}


def arms_with_images(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, and those whose coresets they refer to."""
    described = _known().described
    found: Arms = {}
    waiting = list(arms_to_train(study))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = described[name]
            arm = found[name]
            # Equal compute looks at the coreset of the variant's own `simcore`.
            others = (arm.size_of, arm.steps_of, selected(arm.variant) if arm.variant else None)
            waiting += [other for other in others if other is not None]
    return found


def arms_to_train(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, and those whose encoders they start from."""
    described = _known().described
    found = dict(arms(study))
    for arm in list(found.values()):
        before = arm.starts_from
        while before is not None and before not in found:
            found[before] = described[before]
            before = described[before].starts_from
    return found


def of_variant(name: str, variant: str | None) -> str:
    """Return what stands for the dataset or parameter `name` under a variant: itself, where that changes nothing of it.

    Example:
        >>> of_variant("openset_embeddings", None), of_variant("params:runtime", "byol")
        ('openset_embeddings', 'params:runtime')
    """
    if variant is None:
        return name
    changed = _known().variants[variant]
    if name.startswith(_PARAMETER):
        group = name.removeprefix(_PARAMETER).partition(".")[0]
        return name.replace(_PARAMETER, f"{_PARAMETER}{VARIANTS}.{variant}.", 1) if group in changed else name
    return in_variant(name, variant) if changed & set(_RESTS_ON.get(name, ())) else name


def coreset_of(arm: str) -> str:
    """Return the dataset with the arm's part of the open-set: that of `simcore`, where it is the same."""
    settings = _known().described[arm]
    if not settings.is_plain:
        return f"coreset_{arm}"
    return of_variant(f"coreset_{SELECTED}", settings.variant)


def selected(variant: str | None) -> str:
    """Return the arm of a variant whose steps the others take for equal compute."""
    return SELECTED if variant is None else in_variant(SELECTED, variant)


def for_arm(function: Callable[..., Any], arm: str) -> Callable[..., Any]:
    """Return the node function with its `arm` set, under its own name and annotations."""
    return update_wrapper(partial(function, arm=arm), function)
