"""The runner that skips what is finished, and leaves beside each artefact what it was made from."""

import importlib.metadata
import logging
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import AbstractVersionedDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from simcore.files import remove_partial
from simcore.parameters import RuntimeParameters, typed_parameter
from simcore.reuse.locking import locked
from simcore.reuse.plan import NOT_MADE, Plan, make_plan, output_fingerprint
from simcore.reuse.records import Record, write_record
from simcore.reuse.taking_over import set_look
from simcore.reuse.twins import Twins
from simcore.workspace import enter_work_directory, forget_work_directory, leave_work_directory

LOGGER = logging.getLogger(__name__)
_LIBRARIES = ("simcore", "kedro", "torch", "torchvision", "timm", "lightly", "pandas", "pyarrow", "numpy")


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change a result; faiss under the name it is installed by."""
    versions = {}
    for name in (*_LIBRARIES, "faiss-gpu", "faiss-cpu"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


class _Recorder:
    """Hooks of one run: writes the record once an artefact stands, and keeps the node's work directory until then.

    Args:
        plan: Of the run.
        catalog: Of the run.
        run_id: Save version of the run.
        work_root: Where nodes keep unfinished work.
        reuse: Whether a node may take over what others have made.
    """

    def __init__(
        self, plan: Plan, catalog: CatalogProtocol, *, run_id: str | None, work_root: Path | None, reuse: bool
    ) -> None:
        self._plan, self._catalog, self._run_id, self._work_root = plan, catalog, run_id, work_root
        self._reuse = reuse
        self._twins: Twins | None = None
        self._started: dict[str, float] = {}
        self._unsaved: dict[str, set[str]] = {}

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self._started[node.name] = perf_counter()
        self._unsaved[node.name] = set(node.outputs)
        step = self._plan.step(node.name)
        self._twins = Twins(node, self._catalog, code=step.code, reuse=self._reuse)
        set_look(self._twins)
        if self._work_root is not None:
            enter_work_directory(self._work_root, node=node.name, fingerprint=step.fingerprint)

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        step = self._plan.step(node.name)
        dataset = self._catalog.get(dataset_name)
        assert dataset is not None
        record = Record(
            dataset=dataset_name,
            fingerprint=output_fingerprint(step.fingerprint, dataset_name),
            code=step.code,
            parameters=dict(step.parameters),
            inputs=dict(step.inputs),
            values=dict(step.values),
            versions=library_versions(),
            made_at=self._run_id or "",
            seconds=round(perf_counter() - self._started[node.name], 3),
            content="" if self._twins is None else self._twins.content(dataset_name),
            taken_from="" if self._twins is None else self._twins.origin(dataset_name),
        )
        write_record(dataset, record)
        self._unsaved[node.name].discard(dataset_name)
        if not self._unsaved[node.name]:
            set_look(None)
            leave_work_directory(remove=True)


def _runtime(catalog: CatalogProtocol) -> RuntimeParameters | None:
    if "params:runtime" not in catalog:
        return None
    value: RuntimeParameters = typed_parameter("params:runtime", catalog.load("params:runtime"))
    return value


def _remove_partial(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Remove what killed runs have left half written of the artefacts of `pipeline`."""
    for name in sorted(pipeline.all_outputs()):
        dataset = catalog.get(name)
        if isinstance(dataset, AbstractVersionedDataset):
            place = Path(str(dataset._filepath))
            for folder in [each for each in place.glob("*") if each.is_dir()] if dataset._version else [place.parent]:
                # Without versions the artefacts of several arms, each its own process, lie in one folder.
                remove_partial(folder, of="" if dataset._version else f"{place.name}.")
                if dataset._version and not any(folder.iterdir()):
                    folder.rmdir()


class ReuseRunner(SequentialRunner):
    """Runs the nodes whose artefacts do not match their recipe, one after the other, and skips the others.

    It is what `kedro run` uses here. `--params runtime.reuse=false` runs everything that was asked for.
    `--only-missing-outputs` adds nothing to it and is ignored with a word: existence alone proves nothing.
    """

    def run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Run what is stale in `pipeline`; return the datasets of all its free outputs."""
        if only_missing_outputs:
            LOGGER.info("--only-missing-outputs is covered: finished artefacts that still hold are re-used.")
        runtime = _runtime(catalog)
        work_root = None if runtime is None else Path(runtime.work_dir)
        namespaces = {node.namespace for node in pipeline.nodes}
        # The plan too: what another run is making would look as if it were missing.
        with nullcontext() if work_root is None else locked(work_root / "locks", namespaces):
            self._run_stale(pipeline, catalog, hook_manager, run_id, runtime=runtime, work_root=work_root)
        return {name: catalog[name] for name in pipeline.outputs()}

    def _run_stale(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None,
        run_id: str | None,
        *,
        runtime: RuntimeParameters | None,
        work_root: Path | None,
    ) -> None:
        reuse = runtime is None or runtime.reuse
        if work_root is not None:  # this run holds the locks, so nobody else writes there
            _remove_partial(pipeline, catalog)
        plan = make_plan(pipeline, catalog, reuse=reuse)
        if work_root is not None:
            for step in plan.steps:
                if step.fresh:
                    forget_work_directory(work_root, node=step.node, fingerprint=step.fingerprint)
        self._tell(plan)
        names = [step.node for step in plan.stale]
        stale = pipeline.filter(node_names=names) if names else Pipeline([])
        planned = getattr(getattr(hook_manager, "hook", None), "after_plan_made", None)
        if planned is not None:  # the project's own hook, beside Kedro's
            planned(stale=stale, catalog=catalog, steps=plan.stale)
        recorder = _Recorder(plan, catalog, run_id=run_id, work_root=work_root, reuse=reuse)
        if hook_manager is not None:
            hook_manager.register(recorder)
        try:
            super().run(stale, catalog, hook_manager, run_id)
        finally:
            set_look(None)
            leave_work_directory(remove=False)
            if hook_manager is not None:
                hook_manager.unregister(recorder)

    @staticmethod
    def _tell(plan: Plan) -> None:
        fresh = [step.node for step in plan.steps if step.fresh]
        if fresh:
            LOGGER.info("Re-used, nothing to do (%d): %s", len(fresh), ", ".join(fresh))
        new = [step.node for step in plan.stale if step.reason.endswith(NOT_MADE)]
        if new:
            LOGGER.info("To run, not made yet (%d): %s", len(new), ", ".join(new))
        for step in plan.stale:
            if step.node not in new:
                LOGGER.info("To run again: %s (%s)", step.node, step.reason)

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        # Past SequentialRunner._run, which only advertises asynchronous loading before it does the same.
        super(SequentialRunner, self)._run(pipeline, catalog, hook_manager, run_id)
