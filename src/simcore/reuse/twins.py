"""Finding what other nodes have made from the same; see `simcore.reuse.taking_over`."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.io.core import AbstractVersionedDataset
from kedro.pipeline.node import Node

from simcore.content import CONTENT_NAME, find_damage
from simcore.reuse.records import RECORD_NAME, Record, load_record
from simcore.reuse.taking_over import Found
from simcore.reuse.values import value_fingerprint

LOGGER = logging.getLogger(__name__)

# When it was made, and in which namespace: the artefacts of one node share both.
_Made = tuple[str, str]


class Twins:
    """Looks for what the nodes of the same function in other namespaces have made, and the node itself before.

    Args:
        node: The node in progress.
        catalog: Where its artefacts go.
        code: Fingerprint of its code.
        reuse: Whether it may take over what it finds; else it only leaves what others may find.
    """

    def __init__(self, node: Node, catalog: CatalogProtocol, *, code: str, reuse: bool) -> None:
        self._node, self._catalog, self._code, self._reuse = node, catalog, code, reuse
        self._contents: dict[str, str] = {}
        self._origins: dict[str, str] = {}

    def __call__(self, content: Any) -> Found | None:
        """Return the newest artefacts that were made by the same code from `content`, if all of them are there."""
        identity = value_fingerprint({"code": self._code, "content": content})
        # By place: names differ from namespace to namespace.
        self._contents = {
            name: hashlib.sha256(f"{identity}:{place}".encode()).hexdigest()
            for place, name in enumerate(self._node.outputs)
        }
        if not self._reuse:
            return None
        found = {name: self._made(name, wanted) for name, wanted in self._contents.items()}
        complete = set.intersection(*(set(made) for made in found.values()))
        if not complete:
            return None
        newest = max(complete)
        self._origins = {name: made[newest][1].taken_from or made[newest][1].dataset for name, made in found.items()}
        first = found[self._node.outputs[0]][newest][1]
        LOGGER.info("%s: taken over from %s of %s, made from the same.", self._node.name, first.dataset, first.made_at)
        outputs = tuple(self._read(name, made[newest][0]) for name, made in found.items())
        return Found(outputs, tuple(self._origins.values()))

    def content(self, name: str) -> str:
        """Return what the output `name` is known by to others; empty where nothing was looked for."""
        return self._contents.get(name, "")

    def origin(self, name: str) -> str:
        """Return which dataset the output `name` was taken over from; empty where it was made."""
        return self._origins.get(name, "")

    def _read(self, name: str, path: Path) -> Any:
        dataset: Any = self._catalog.get(name)
        return dataset.read_at(path)

    def _made(self, name: str, wanted: str) -> dict[_Made, tuple[Path, Record]]:
        """Return the whole versions known by `wanted` that stand where the output `name` does, in any namespace."""
        dataset = self._catalog.get(name)
        if not isinstance(dataset, AbstractVersionedDataset):
            return {}
        made = {}
        for space, folder in _folders(Path(str(dataset._filepath)), namespace=self._node.namespace):
            for path in folder.glob(f"*/{RECORD_NAME}"):
                record = load_record(path)
                artefact = path.parent / folder.name
                if record.content != wanted or not artefact.exists():
                    continue
                damage = find_damage(artefact, path.with_name(CONTENT_NAME))
                if damage is None:
                    made[record.made_at, space] = artefact, record
                else:
                    LOGGER.warning("%s: %s is not taken over: %s.", self._node.name, record.dataset, damage)
        return made


def _folders(place: Path, *, namespace: str | None) -> list[tuple[str, Path]]:
    """Return where the same artefact stands in every namespace, with its name: `06_encoders/<any>/encoders`."""
    # Only the last can be the node's own: the project may lie in a folder of the same name.
    spaces = [number for number, part in enumerate(place.parts) if part == namespace]
    if not spaces:
        return [("", place)]
    root, below = Path(*place.parts[: spaces[-1]]), place.parts[spaces[-1] + 1 :]
    others = sorted(root.iterdir()) if root.is_dir() else []
    return [(other.name, other.joinpath(*below)) for other in others if other.joinpath(*below).is_dir()]
