"""The arms of a comparison, and the references beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

from kedro.utils import find_kedro_project
from omegaconf import OmegaConf

from simcore.errors import InputError
from simcore.parameters import ArmParameters, ComparisonParameters, StudyParameters

REFERENCES = ("pixels", "random_network")
"""Representations without pretraining that every arm has to beat."""

GIVEN = "given"
"""The encoder that `evaluation.encoder` gives, beside the arms or instead of them."""

SELECTED = "simcore"
"""The arm whose coreset the report shows, and whose steps the others take for equal compute."""

COMPARISON = "params:comparison"

Arms = dict[str, ArmParameters]

_FILE = Path("conf", "base", "parameters", "arms.yml")


@dataclass(frozen=True)
class _Known:
    described: Arms
    compared: tuple[str, ...]
    studies: dict[str, tuple[str, ...]]


# Kedro builds pipelines without arguments: what they depend on has to lie somewhere.
_KNOWN: list[_Known] = []


def set_arms(
    described: Mapping[str, ArmParameters], compared: tuple[str, ...], studies: Mapping[str, tuple[str, ...]]
) -> bool:
    """Say what arms there are, which are compared, and which in studies; return whether that changes the pipelines.

    A session does so once it knows its parameters; pipelines built without a session have the arms of `conf/base`.

    Raises:
        InputError: The arm that others are measured by is not what it has to be, or a name is taken.
    """
    reserved = sorted({*REFERENCES, GIVEN} & set(described))
    if reserved or SELECTED not in described or not described[SELECTED].is_plain:
        raise InputError(
            f"The arms need one line `{SELECTED}: {{openset: coreset}}`, and none may be called "
            f"{', '.join([*REFERENCES, GIVEN])}; see conf/base/parameters/arms.yml."
        )
    known = [_Known(dict(described), compared, dict(studies))]
    changes, _KNOWN[:] = known != _KNOWN, known
    return changes


def _known() -> _Known:
    if not _KNOWN:
        file = (find_kedro_project(Path.cwd()) or Path(__file__).parents[3]) / _FILE
        try:
            told: Any = OmegaConf.to_container(OmegaConf.load(file))
            described = {name: ArmParameters.model_validate(values) for name, values in told["arms"].items()}
            compared = ComparisonParameters.model_validate(told["comparison"]).arms
            of_studies = {name: StudyParameters.model_validate(values).arms for name, values in told["studies"].items()}
        except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"{file} does not describe the arms ({error}); its head says how to.") from error
        set_arms(described, compared, of_studies)
    return _KNOWN[0]


def arms(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, in their order."""
    known = _known()
    return {name: known.described[name] for name in (known.studies[study] if study else known.compared)}


def studies() -> tuple[str, ...]:
    """Return the names of the studies."""
    return tuple(_known().studies)


def arms_with_images(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, and those whose coresets they refer to."""
    described = _known().described
    found: Arms = {}
    waiting = list(arms_to_train(study))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = described[name]
            waiting += [other for other in (found[name].size_of, found[name].steps_of) if other is not None]
    return found


def arms_to_train(study: str | None = None) -> Arms:
    """Return the arms that are compared, or those of a study, and those whose encoders they start from."""
    described = _known().described
    found = dict(arms(study))
    for settings in list(found.values()):
        before = settings.starts_from
        while before is not None and before not in found:
            found[before] = described[before]
            before = described[before].starts_from
    return found


def for_arm(function: Callable[..., Any], arm: str) -> Callable[..., Any]:
    """Return the node function with its `arm` set, under its own name and annotations."""
    return update_wrapper(partial(function, arm=arm), function)
