"""An artefact, if it is what the present parameters would give."""

from typing import Any

from kedro.io import AbstractDataset, CatalogProtocol
from kedro.io.core import DatasetError
from kedro.pipeline import Pipeline

from simcore.errors import SimCoreError
from simcore.reuse.plan import make_plan


class IfFreshDataset(AbstractDataset[None, Any]):
    """Loads the dataset named, or None where it is missing or was made from other parameters, code or inputs.

    For nodes that know more once a later stage has run, such as the cost planner after the selection: an ordinary
    input would make Kedro run that stage first, and mere existence would not tell a stale artefact.

    Args:
        dataset: Catalog name of the artefact.
        metadata: Free metadata for plugins.
    """

    def __init__(self, *, dataset: str, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        self._name = dataset
        self._catalog: CatalogProtocol | None = None
        self._pipeline = Pipeline([])

    def attach(self, catalog: CatalogProtocol, *, pipeline: Pipeline) -> None:
        """Tell the dataset the catalog of the run and the pipeline that makes the artefact; a hook does that."""
        self._catalog = catalog
        self._pipeline = pipeline.to_outputs(self._name)

    def outside_state(self) -> str:
        """Return the fingerprint of the artefact if it holds, so that what follows is re-made when that changes."""
        return self._fresh() or f"no {self._name} that holds"

    def load(self) -> Any:
        """Return the artefact, or None."""
        return None if self._fresh() is None else self._attached().load(self._name)

    def save(self, data: None) -> None:
        """Refuse: the artefact is saved under its own name."""
        raise DatasetError(f"`{self._name}` is saved under its own name; this dataset only looks at it.")

    def _fresh(self) -> str | None:
        if not self._attached().exists(self._name):  # spares the plan, which looks at the sources
            return None
        plan = make_plan(self._pipeline, self._attached())
        makers = {node.name for node in self._pipeline.nodes if self._name in node.outputs}
        # The maker is no part of the plan where its outputs are not wanted: what lies there is from another time.
        made = next((step.fingerprint for step in plan.steps if step.node in makers), None)
        return None if plan.stale else made

    def _attached(self) -> CatalogProtocol:
        if self._catalog is None:
            raise SimCoreError(
                f"`{self._name}` was asked for outside a run; load it from the catalog under its own name."
            )
        return self._catalog

    def _exists(self) -> bool:
        return self._catalog is not None and self._fresh() is not None

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._name}
