"""What a method brings along when its name is chosen: encoder, views, optimiser, threshold."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcore.errors import InputError

PRESETS = "methods"
"""Key of a configuration layer under which the presets stand, one a method."""

_STAGES = ("retrieval", "pretraining")
_ELSEWHERE = (*_STAGES, "selection")

Tree = dict[str, Any]


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Return `below` with the values of `above` put over it, key by key down the tree.

    Example:
        >>> overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
        {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _without(tree: Mapping[str, Any], given: Mapping[str, Any]) -> Tree:
    """Return `tree` less the leaves that `given` sets."""
    kept: Tree = {}
    for key, value in tree.items():
        if key not in given:
            kept[key] = value
        elif isinstance(value, Mapping) and isinstance(given[key], Mapping):
            kept[key] = _without(value, given[key])
    return kept


def _mapping(value: Any, *, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"`{name}` is {value!r}, but should hold parameters by name.")
    return value


def _preset(layer: Mapping[str, Any], method: Any) -> Mapping[str, Any]:
    # What is no name is refused later, with all other parameters.
    if not isinstance(method, str):
        return {}
    return _mapping(_mapping(layer.get(PRESETS), name=PRESETS).get(method), name=f"{PRESETS}.{method}")


def _brought(layer: Mapping[str, Any], methods: Mapping[str, str | None]) -> Tree:
    """Return what the layer's presets set, by stage."""
    brought: Tree = {}
    for stage, method in methods.items():
        preset = _preset(layer, method)
        shared = {key: value for key, value in preset.items() if key not in _ELSEWHERE}
        brought[stage] = overlay(shared, _mapping(preset.get(stage), name=f"{PRESETS}.{method}.{stage}"))
    retriever = methods.get("retrieval")
    selection = _mapping(_preset(layer, retriever).get("selection"), name=f"{PRESETS}.{retriever}.selection")
    return brought | ({"selection": dict(selection)} if selection else {})


def apply_presets(layers: Sequence[Mapping[str, Any]], *, typed: Mapping[str, Any]) -> Tree:
    """Return the parameters of a run: the layers over each other, with what the chosen methods bring along.

    The parameter `method` names the method of both stages, `retrieval.method` and `pretraining.method` that of one. In
    each layer the entry `methods.<name>` lies over the layer's own values: its keys go into every stage of that method,
    below `retrieval` or `pretraining` into that stage alone, and those of the retrieval's method below `selection` into
    `selection`. So a later layer wins over the presets of an earlier one, and what was typed over everything.

    Args:
        layers: Parameters of each configuration folder, the most general first; typed ones may be in them.
        typed: Parameters from the command line.

    Raises:
        InputError: If a preset is no mapping.

    Example:
        >>> base = {
        ...     "method": "simclr",
        ...     "retrieval": {"optimisation": {"learning_rate": 0.1}},
        ...     "methods": {"byol": {"optimisation": {"learning_rate": 0.001}}},
        ... }
        >>> apply_presets([base | {"method": "byol"}], typed={"method": "byol"})["retrieval"]
        {'optimisation': {'learning_rate': 0.001}, 'method': 'byol'}
    """
    plain: Tree = {}
    for layer in layers:
        plain = overlay(plain, layer)
    stages = [stage for stage in _STAGES if isinstance(plain.get(stage), Mapping)]
    named = {stage: plain[stage].get("method") for stage in stages}
    methods = {stage: plain.get("method") if method is None else method for stage, method in named.items()}
    merged: Tree = {}
    for layer in layers:
        merged = overlay(merged, {key: value for key, value in layer.items() if key != PRESETS})
        merged = overlay(merged, _without(_brought(layer, methods), typed))
    for stage, method in methods.items():
        if method is not None:
            merged[stage] = {**merged[stage], "method": method}
    return merged
