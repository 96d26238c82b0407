"""Artefacts, if they are what the present parameters would give."""

import re
from typing import Any

from kedro.io import AbstractDataset, CatalogProtocol
from kedro.io.core import DatasetError
from kedro.pipeline import Pipeline

from simcore.errors import SimCoreError
from simcore.reuse.plan import make_plan
from simcore.reuse.values import value_fingerprint

_NAMESPACE = "{namespace}"


class Looking(AbstractDataset[None, Any]):
    """Looks at artefacts that stand under their own names; a hook attaches the catalog and the whole pipeline."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        self._catalog: CatalogProtocol | None = None
        self._pipeline = self._usual = Pipeline([])

    def attach(self, catalog: CatalogProtocol, *, pipeline: Pipeline, usual: Pipeline | None = None) -> None:
        """Tell the dataset the catalog of the run, all that makes artefacts, and the usual part; a hook does that."""
        self._catalog, self._pipeline, self._usual = catalog, pipeline, usual or pipeline

    def save(self, data: None) -> None:
        """Refuse: artefacts are saved under their own names."""
        raise DatasetError("This dataset only looks at artefacts that are saved under their own names.")

    def _fresh(self, name: str) -> str | None:
        """Return the fingerprint of the artefact `name` if it holds."""
        if name not in self._pipeline.all_outputs():  # such as of an arm that is not compared
            return None
        if not self._attached().exists(name):  # spares the plan, which looks at the sources
            return None
        pipeline = self._pipeline.to_outputs(name)
        plan = make_plan(pipeline, self._attached())
        makers = {node.name for node in pipeline.nodes if name in node.outputs}
        # The maker is no part of the plan where its outputs are not wanted: what lies there is from another time.
        made = next((step.fingerprint for step in plan.steps if step.node in makers), None)
        return None if plan.stale else made

    def _attached(self) -> CatalogProtocol:
        if self._catalog is None:
            raise SimCoreError(
                "This was asked for outside a run; load the artefact from the catalog under its own name."
            )
        return self._catalog


class IfFreshDataset(Looking):
    """Loads the dataset named, or None where it is missing or was made from other parameters, code or inputs.

    For nodes that know more once a later stage has run, such as the cost planner after the selection: an ordinary
    input would make Kedro run that stage first, and mere existence would not tell a stale artefact.

    Args:
        dataset: Catalog name of the artefact.
        metadata: Free metadata for plugins.
    """

    def __init__(self, *, dataset: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(metadata=metadata)
        self._name = dataset

    def outside_state(self) -> str:
        """Return the fingerprint of the artefact if it holds, so that what follows is re-made when that changes."""
        return self._fresh(self._name) or f"no {self._name} that holds"

    def load(self) -> Any:
        """Return the artefact, or None."""
        return None if self._fresh(self._name) is None else self._attached().load(self._name)

    def _exists(self) -> bool:
        return self._catalog is not None and self._fresh(self._name) is not None

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._name}


class IfFreshGroupDataset(Looking):
    """Loads all artefacts whose names match, by name; those that do not hold are left out.

    Args:
        pattern: Regular expression on catalog names, matched as a whole; `{namespace}` in it stands for the namespace
            of the node that makes the artefact, and names of nodes without one then match nothing.
        metadata: Free metadata for plugins.
    """

    def __init__(self, *, pattern: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(metadata=metadata)
        self._pattern = pattern

    def outside_state(self) -> str:
        """Return the fingerprint of what holds."""
        return value_fingerprint([[name, self._fresh(name)] for name in self._names()])

    def load(self) -> Any:
        """Return what holds, by name."""
        return {name: self._attached().load(name) for name in self._names() if self._fresh(name)}

    def _names(self) -> list[str]:
        return sorted(
            name
            for node in self._pipeline.nodes
            for name in node.outputs
            if _matches(name, self._pattern, namespace=node.namespace)
        )

    def _exists(self) -> bool:
        return self._catalog is not None and any(self._fresh(name) for name in self._names())

    def _describe(self) -> dict[str, Any]:
        return {"pattern": self._pattern}


def _matches(name: str, pattern: str, *, namespace: str | None) -> bool:
    if _NAMESPACE in pattern and namespace is None:
        return False
    return re.fullmatch(pattern.replace(_NAMESPACE, re.escape(namespace or "")), name) is not None


class IfFreshRecordsDataset(IfFreshGroupDataset):
    """Loads the records of all artefacts whose names match as one list, artefact after artefact by name."""

    def load(self) -> list[dict[str, Any]]:
        """Return the records."""
        return [record for records in super().load().values() for record in records]
