"""What of a data root holds: every artefact as fresh, stale or missing, with the reason."""

import math
from dataclasses import dataclass
from pathlib import Path

from kedro.io import CatalogProtocol
from kedro.io.core import AbstractVersionedDataset
from kedro.pipeline import Pipeline

from simcore.reuse.plan import make_plan
from simcore.reuse.records import read_record, record_path

FRESH, STALE, MISSING = "fresh", "stale", "missing"


@dataclass(frozen=True)
class State:
    """The state of one artefact.

    Attributes:
        dataset: Catalog name.
        node: The node that makes it.
        state: `fresh`: it is what the present parameters, code and inputs give; `stale`: they would give another;
            `missing`: there is none.
        reason: Why it is stale, in words; else empty.
        made_at: Save version of the newest one; empty where there is none.
        bytes: Size of the newest version on disk.
    """

    dataset: str
    node: str
    state: str
    reason: str
    made_at: str
    bytes: int


def list_states(pipeline: Pipeline, catalog: CatalogProtocol, *, digests: bool = False) -> list[State]:
    """Return the states of all stored outputs of `pipeline`, in running order.

    Costs what planning a run does: code and parameters are fingerprinted, sources looked at; no artefact is loaded.

    Args:
        pipeline: What makes the artefacts.
        catalog: Where they are.
        digests: Whether all their bytes are read and compared with what was written.
    """
    outputs = {node.name: [name for name in node.outputs if _is_stored(name, catalog)] for node in pipeline.nodes}
    found = []
    for step in make_plan(pipeline, catalog).steps:
        for name in outputs[step.node]:
            dataset = catalog.get(name)
            assert dataset is not None
            record = read_record(dataset)
            place = record_path(dataset)
            damage = getattr(dataset, "damage", None) if digests and record is not None else None
            found_damage = None if damage is None else damage(digests_up_to=math.inf)
            state = MISSING if record is None else STALE if found_damage or not step.fresh else FRESH
            found.append(
                State(
                    dataset=name,
                    node=step.node,
                    state=state,
                    reason=(found_damage or step.reason) if state == STALE else "",
                    made_at="" if record is None else record.made_at,
                    bytes=0 if place is None or record is None else size_of(place.parent),
                )
            )
    return found


def _is_stored(name: str, catalog: CatalogProtocol) -> bool:
    return isinstance(catalog.get(name), AbstractVersionedDataset)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
