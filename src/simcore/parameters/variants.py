"""Variants: the same arms under other settings of retrieval, selection and training, or from another open-set."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcore.errors import InputError
from simcore.methods import METHODS
from simcore.parameters.base import Parameters
from simcore.parameters.data import OpensetParameters
from simcore.parameters.presets import apply_presets
from simcore.parameters.selection import ClusteringParameters, SelectionParameters
from simcore.parameters.training import PretrainingParameters, RetrievalParameters

VARIANTS = "variants"
"""Key of the parameters under which the variants stand."""

GROUPS = ("openset", "retrieval", "clustering", "selection", "pretraining")
"""Groups of parameters that a variant may change, in the order of the data."""

_REFERENCES = ("size_of", "steps_of", "starts_from")

Tree = dict[str, Any]


class VariantParameters(Parameters):
    """All of the groups that a variant may change, with its own values in them."""

    openset: OpensetParameters
    retrieval: RetrievalParameters
    clustering: ClusteringParameters
    selection: SelectionParameters
    pretraining: PretrainingParameters

    def changes(self, groups: Mapping[str, Parameters]) -> frozenset[str]:
        """Return in which groups it differs from `groups`."""
        return frozenset(name for name in GROUPS if getattr(self, name) != groups[name])


def in_variant(arm: str, variant: str) -> str:
    """Return the name of `arm` under `variant`.

    Example:
        >>> in_variant("simcore", "byol")
        'simcore_byol'
    """
    return f"{arm}_{variant}"


def expand_arms(
    arms: Mapping[str, Mapping[str, Any]], studies: Mapping[str, Mapping[str, Any]], *, selected: str = "simcore"
) -> Tree:
    """Return the arms with those that studies make under variants, and what these refer to.

    An arm that is written down already, such as `simcore_byol`, stays as it is.

    Args:
        arms: Plain values by name.
        studies: Plain values by name: `variants` and `varied` (left out: `arms`) say what is made.
        selected: The arm whose coreset the others are measured by; every variant has its own.

    Example:
        >>> arms = {"simcore": {"openset": "coreset"}, "random": {"openset": "random", "size_of": "simcore"}}
        >>> expand_arms(arms, {"methods": {"variants": ["byol"], "varied": ["random"]}})["random_byol"]
        {'openset': 'random', 'size_of': 'simcore_byol', 'variant': 'byol', 'base': 'random'}
    """
    found: Tree = {name: dict(values) for name, values in arms.items()}
    waiting = [
        (arm, variant)
        for study in studies.values()
        for variant in _names(study.get(VARIANTS))
        for arm in _names(study.get("varied")) or _names(study.get("arms"))
    ]
    waiting += [(selected, values["variant"]) for values in found.values() if values.get("variant")]
    while waiting:
        arm, variant = waiting.pop(0)
        if arm not in found or in_variant(arm, variant) in found:
            continue
        values = {**found[arm], "variant": variant, "base": arm}
        for reference in _REFERENCES:
            other = values.get(reference)
            if other is not None:
                values[reference] = in_variant(other, variant)
                waiting.append((other, variant))
        found[in_variant(arm, variant)] = values
        waiting.append((selected, variant))
    return found


def _names(value: Any) -> list[str]:
    """Return names given as a list or, on the command line, as `a+b`."""
    if value is None:
        return []
    return [name for name in value.split("+") if name] if isinstance(value, str) else list(value)


def resolve_variants(
    resolved: Mapping[str, Any], layers: Sequence[Mapping[str, Any]], typed: Mapping[str, Any]
) -> Tree:
    """Return the parameters of a run with every variant's groups in full, and the arms that studies make under them.

    A variant lies over everything else, what was typed included, and brings the presets of its method along.

    Args:
        resolved: What `apply_presets` returned.
        layers: Parameters of each configuration folder.
        typed: Parameters from the command line.

    Raises:
        InputError: If a variant is no mapping, or holds what no variant may change.
    """
    tree = dict(resolved)
    variants = tree.get(VARIANTS)
    if isinstance(variants, Mapping):
        tree[VARIANTS] = {name: _in_full(name, values, layers=layers, typed=typed) for name, values in variants.items()}
    arms, studies = tree.get("arms"), tree.get("studies")
    if isinstance(arms, Mapping) and isinstance(studies, Mapping) and _all_mappings(arms) and _all_mappings(studies):
        tree["arms"] = expand_arms(arms, studies)
    return tree


def _all_mappings(tree: Mapping[str, Any]) -> bool:
    return all(isinstance(values, Mapping) for values in tree.values())


def _in_full(name: str, values: Any, *, layers: Sequence[Mapping[str, Any]], typed: Mapping[str, Any]) -> Tree:
    allowed = ("method", *GROUPS)
    unknown = sorted(set(values) - set(allowed)) if isinstance(values, Mapping) else [repr(values)]
    if unknown or not values:
        raise InputError(
            f"`{VARIANTS}.{name}` holds {', '.join(unknown) or 'nothing'}; a variant changes parameters below "
            f"{', '.join(allowed)}."
        )
    whole = apply_presets([*layers, values], typed={key: each for key, each in typed.items() if key not in values})
    return {group: _of_its_method(whole[group]) for group in GROUPS if group in whole}


def _of_its_method(values: Any) -> Any:
    """Return a group without the blocks of other methods than its own: typed ones belong to the run's."""
    if not isinstance(values, Mapping) or "method" not in values:
        return values
    return {key: each for key, each in values.items() if key not in METHODS or key == values["method"]}
