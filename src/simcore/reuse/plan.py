"""Which nodes must run: those whose artefacts were not made by this code from these values and inputs."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.io.core import AbstractVersionedDataset, VersionNotFoundError, is_parameter
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel

from simcore.parameters import typed_parameter
from simcore.reuse.code import code_fingerprint
from simcore.reuse.reading import is_wanted, may_be_reused, only_needed, parameters_asked, unread
from simcore.reuse.records import Record, read_record
from simcore.reuse.values import plain, value_fingerprint

NOT_MADE = "not made yet"


@dataclass(frozen=True)
class Step:
    """One node of a plan.

    Attributes:
        node: Name of the node.
        fingerprint: What its artefacts are to be made from.
        fresh: Whether all its artefacts are there and were made from just that.
        reason: Why it has to run, in words; empty when fresh.
        code: Fingerprint of its code.
        parameters: Parameter name to its fingerprint.
        inputs: Input dataset to its fingerprint.
        values: Parameter name to its plain value.
    """

    node: str
    fingerprint: str
    fresh: bool
    reason: str
    code: str
    parameters: Mapping[str, str]
    inputs: Mapping[str, str]
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """The steps of a pipeline in running order."""

    steps: tuple[Step, ...]

    @property
    def stale(self) -> tuple[Step, ...]:
        """The steps that have to run."""
        return tuple(step for step in self.steps if not step.fresh)

    def step(self, node: str) -> Step:
        """Return the step of the node with that name."""
        return next(step for step in self.steps if step.node == node)


def _given_state(dataset: Any) -> str | None:
    """Return the state of a dataset that is given from outside, whatever its pipeline would make; else None."""
    outside_state = getattr(dataset, "outside_state", None)
    return None if outside_state is None else outside_state()


def _stored_state(name: str, catalog: CatalogProtocol) -> str:
    """Return the fingerprint of a dataset that this pipeline does not make.

    An artefact of ours has a record; anything else (own embeddings, say) is known by path, size and time.
    """
    dataset = catalog.get(name)
    if dataset is None:
        return f"nothing under {name}"
    given = _given_state(dataset)
    if given is not None:
        return given
    record = read_record(dataset)
    if record is not None:
        return record.fingerprint
    if isinstance(dataset, AbstractVersionedDataset):
        try:
            path = Path(str(dataset._get_load_path()))
        except VersionNotFoundError:
            return f"no version of {name}"
        if path.exists():
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            return value_fingerprint([[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files])
    return f"nothing stored for {name}"


def _why(node: Node, records: Mapping[str, Record | None], step: Mapping[str, Any], remade: set[str]) -> str:
    """Return in words why a node has to run."""
    missing = [name for name, record in records.items() if record is None]
    if missing:
        return f"{', '.join(missing)} {NOT_MADE}"
    remade_inputs = sorted(remade & set(node.inputs))
    if remade_inputs:
        return f"{', '.join(remade_inputs)} will be made again"
    if not may_be_reused(node.func):
        return "it is worked out anew whenever it is asked for"
    for record in records.values():
        assert record is not None
        for kind in ("parameters", "inputs"):
            stored, wanted = getattr(record, kind), step[kind]
            changed = sorted(key for key in {*stored, *wanted} if stored.get(key) != wanted.get(key))
            if changed:
                return f"{', '.join(changed)} changed"
    return "its code changed"


def _damage(node: Node, catalog: CatalogProtocol) -> str:
    """Return which output of a node is not whole any more, in words; empty where all are, as far as sizes tell."""
    for name in node.outputs:
        look = getattr(catalog.get(name), "damage", None)
        damage = None if look is None else look()
        if damage is not None:
            return f"{name}: {damage}"
    return ""


def make_plan(pipeline: Pipeline, catalog: CatalogProtocol, *, reuse: bool = True) -> Plan:
    """Return which nodes of `pipeline` are fresh and which have to run, with the reason.

    A node's fingerprint covers its code (`code_fingerprint`), its parameter values, and the fingerprints of
    its inputs; those of inputs that `pipeline` makes itself are taken from the plan, those of others from
    the record beside the stored artefact. So a change re-makes everything downstream of it and nothing else.
    An artefact whose files are missing or of another size than when they were written has to be made again. A node
    without stored outputs, or marked `never_reused`, always runs; one whose outputs nobody reads (`reads_only_if`, and
    the dataset `may_be_missing`; `wanted_only_if`) is no part of the plan.

    Args:
        pipeline: The nodes asked for.
        catalog: Where their artefacts are.
        reuse: False plans to run everything.
    """
    made: dict[str, str] = {}
    remade: set[str] = set()
    steps = []
    asked = parameters_asked(node.func for node in pipeline.nodes)
    typed = {
        name: typed_parameter(name, catalog.load(name))
        for name in sorted(asked | {name for name in pipeline.inputs() if is_parameter(name)})
    }
    plain_values = {name: plain(value) for name, value in typed.items()}
    # Conditions look at all of them: also at what changes no recipe.
    whole_values = {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else plain(value)
        for name, value in typed.items()
    }
    ignores = {node.name: unread(node.func, whole_values) for node in pipeline.nodes}
    missing = {
        node: {name for name in names if getattr(catalog.get(name), "may_be_missing", False)}
        for node, names in ignores.items()
    }
    unwanted = {node.name for node in pipeline.nodes if not is_wanted(node.func, whole_values)}
    for node in only_needed(pipeline, missing, unwanted).nodes:
        values = {name: plain_values[name] for name in node.inputs if is_parameter(name)}
        parameters = {name: value_fingerprint(typed[name]) for name in values}
        inputs = {}
        ignored = ignores[node.name]
        for name in node.inputs:
            if not is_parameter(name) and name not in ignored:
                inputs[name] = made.get(name) or _stored_state(name, catalog)
        parts = {"code": code_fingerprint(node.func), "parameters": parameters, "inputs": inputs}
        fingerprint = value_fingerprint({**parts, "order": node.inputs})
        records: dict[str, Record | None] = {}
        given = {name: _given_state(catalog.get(name)) for name in node.outputs}
        for name in node.outputs:
            made[name] = given[name] or output_fingerprint(fingerprint, name)
            dataset = catalog.get(name)
            records[name] = None if dataset is None or given[name] else read_record(dataset)
        is_given = bool(given) and all(state is not None for state in given.values())
        fresh = is_given or (
            reuse
            and may_be_reused(node.func)
            and bool(records)
            and all(record is not None and record.fingerprint == made[name] for name, record in records.items())
        )
        damage = _damage(node, catalog) if fresh and not is_given else ""
        fresh = fresh and not damage
        reason = "" if fresh else damage or (_why(node, records, parts, remade) if reuse else "re-use is off")
        if not fresh:
            remade.update(node.outputs)
        steps.append(
            Step(
                node=node.name,
                fingerprint=fingerprint,
                fresh=fresh,
                reason=reason,
                code=str(parts["code"]),
                parameters=parameters,
                inputs=inputs,
                values=values,
            )
        )
    return Plan(tuple(steps))


def output_fingerprint(node_fingerprint: str, dataset: str) -> str:
    """Return the fingerprint of `dataset`, an output of the node with `node_fingerprint`."""
    return hashlib.sha256(f"{node_fingerprint}:{dataset}".encode()).hexdigest()
