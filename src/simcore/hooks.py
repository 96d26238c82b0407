"""Hooks: parameters checked as a whole, and everything a run leaves in MLflow."""

import logging
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol, DataCatalog
from kedro.io.core import AbstractVersionedDataset, is_parameter
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel

from simcore.errors import LockedError
from simcore.killed_runs import PROCESS_TAG, end_killed_runs
from simcore.lineage import describe_data, describe_pools
from simcore.logical_run import is_job
from simcore.parameters import ParameterTree, check_parameters
from simcore.processes import this_process
from simcore.tracking import Tracker, current_tracker, flatten, set_tracker
from simcore.tracking_store import create_store

LOGGER = logging.getLogger(__name__)

SetArms = Callable[[ParameterTree], bool]


def raw_parameters(context: KedroContext) -> dict[str, Any]:
    """Return the parameters before Kedro types them: its own check would speak first, and of its own classes."""
    return dict(context.config_loader["parameters"])


def told(tree: ParameterTree) -> dict[str, Any]:
    """Return the parameters that runs are compared by: those of variants stand in the columns of the run's own."""
    told = tree.model_dump(mode="json", exclude={"variants"})
    return {**told, "arms": {name: told["arms"][name] for name, arm in tree.arms.items() if arm.base is None}}


class ParametersHook:
    """Checks the whole parameter tree before anything runs; Kedro alone checks only what the nodes name.

    Args:
        set_arms: Is told the parameters, which say what arms there are, which are compared and which in studies;
            returns whether that changes the pipelines.
    """

    def __init__(self, set_arms: SetArms) -> None:
        self._set_arms = set_arms

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse unknown parameters, wrong types and values out of range in one sentence; tell which arms there are."""
        tree = check_parameters(raw_parameters(context))
        if self._set_arms(tree):
            # Built for other arms, by whoever asked before the parameters were known.
            pipelines.configure("simcore.pipeline_registry")

    @hook_impl(tryfirst=True)
    def before_node_run(self, inputs: dict[str, Any]) -> None:
        """Show typed parameters to tracking as plain values, so that it can compare runs by each of them."""
        for name, value in inputs.items():
            if isinstance(value, BaseModel):
                inputs[name] = value.model_dump(mode="json")


class FreshnessHook:
    """Gives the datasets that look at other artefacts the catalog to find them in, and what they are made by.

    Args:
        all_pipelines: Returns the pipelines by name; called when a catalog has such datasets.
    """

    def __init__(self, all_pipelines: Callable[[], Mapping[str, Pipeline]]) -> None:
        self._all_pipelines = all_pipelines
        self._options: dict[str, Any] = {"env": None, "params": {}}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember what the run was given."""
        self._options = {"env": context.env, "params": flatten(context._runtime_params or {})}

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        """Attach the catalog to every dataset of it that looks at others."""
        names = catalog.filter(type_regex="IfFresh|StatesDataset|JobsDataset")
        if names:
            registered = self._all_pipelines()
            whole = sum(registered.values(), Pipeline([]))
            for name in names:
                dataset: Any = catalog[name]
                dataset.attach(catalog, pipeline=whole, usual=registered["__default__"])
                if hasattr(dataset, "set_options"):
                    dataset.set_options(**self._options)


def _git(project: Path, *arguments: str) -> str:
    """Return what git says of the project; empty where it is no checkout or git is not installed."""
    try:
        answer = subprocess.run(  # noqa: S603 fixed arguments, no shell
            ["git", "-C", str(project), *arguments],  # noqa: S607 git is looked up as a user would
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


class TrackingHook:
    """One MLflow run per command, one child per arm and seed, with equal columns and the versions of their data."""

    def __init__(self) -> None:
        self._project = Path.cwd()
        self._parameters: dict[str, Any] = {}
        self._of_variants: dict[str, dict[str, Any]] = {}
        self._nodes_run = 0

    @hook_impl(tryfirst=True)  # kedro-mlflow opens the store
    def after_context_created(self, context: KedroContext) -> None:
        """Make the store of MLflow if it is missing; remember what the run's tags and columns need."""
        self._project = Path(context.project_path)
        tree = check_parameters(raw_parameters(context))
        with suppress(MissingConfigException):  # then kedro-mlflow has a place of its own
            uri = context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"]
            create_store(uri, lock=Path(tree.runtime.work_dir) / "locks" / "tracking.lock")
        self._parameters = flatten(told(tree))
        self._of_variants = {
            arm: flatten(tree.variants[settings.variant].model_dump(mode="json"))
            for arm, settings in tree.arms.items()
            if settings.variant is not None
        }

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Tag the run that kedro-mlflow has opened, and offer it to the nodes."""
        import mlflow

        self._nodes_run = 0
        run = mlflow.active_run()
        if run is None:
            set_tracker(None)
            return
        tags = {
            "git.revision": _git(self._project, "rev-parse", "HEAD"),
            "git.dirty": str(bool(_git(self._project, "status", "--porcelain", "--untracked-files=no"))),
            "save_version": str(run_params["run_id"]),
        }
        end_killed_runs(mlflow.get_tracking_uri(), run.info.experiment_id)
        if not is_job(run_params):  # shared runs say themselves which jobs they have
            tags[PROCESS_TAG] = this_process()
        mlflow.set_tags(tags)
        set_tracker(
            Tracker(
                tracking_uri=mlflow.get_tracking_uri(),
                experiment_id=run.info.experiment_id,
                run_id=run.info.run_id,
                parameters=self._parameters,
                of_variants=self._of_variants,
                tags=tags,
                shared=is_job(run_params),
            )
        )

    @hook_impl
    def after_node_run(self) -> None:
        """Count, to know at the end whether anything was made; say which data it was made from."""
        self._nodes_run += 1
        tracker = current_tracker()
        if tracker is not None:
            tracker.tag_data()

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """Note which version was opened."""
        tracker = current_tracker()
        if tracker is not None and f"data.{dataset_name}" not in tracker.data:
            self._note(dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Log what its catalog entry asks for: `metadata: {mlflow: {metrics: true}}` or `{artifact_path: …}`."""
        self._note(dataset_name)
        tracker, dataset = current_tracker(), self._catalog.get(dataset_name)
        wish = (getattr(dataset, "metadata", None) or {}).get("mlflow", {})
        if tracker is None or not wish:
            return
        if wish.get("metrics"):
            tracker.log_metrics(data)
        if "artifact_path" in wish and isinstance(dataset, AbstractVersionedDataset):
            from mlflow.tracking import MlflowClient

            client = MlflowClient(tracker.tracking_uri)
            client.log_artifact(tracker.run_id, str(dataset._get_load_path()), wish["artifact_path"])

    def _note(self, name: str) -> None:
        tracker = current_tracker()
        if tracker is not None and not is_parameter(name):
            tracker.note_data(describe_data(name, self._catalog.get(name)))

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Remember the catalog, which saved datasets are looked up in."""
        self._catalog = catalog

    @hook_impl(trylast=True)  # kedro-mlflow ends the run first; a deleted run cannot be ended
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Close the children; a run that made nothing leaves no row behind; say where to look."""
        tracker = current_tracker()
        if tracker is not None:
            tracker.note_data(describe_pools(catalog))
            tracker.close("FINISHED")
            if self._nodes_run == 0 and not tracker.shared:
                _delete(tracker)
                LOGGER.info("Everything was finished before: no new MLflow run.")
        set_tracker(None)
        report = catalog.get("report") if "report" in pipeline.all_outputs() else None
        if report is not None:
            LOGGER.info("Report: %s", report._get_load_path())
            LOGGER.info("Pipeline graph: make viz (http://127.0.0.1:4141). Runs: make mlflow (http://127.0.0.1:5000).")

    @hook_impl(trylast=True)
    def on_pipeline_error(self, error: BaseException) -> None:
        """Close the children as failed; a run that was refused, since another one is at work, leaves no row behind."""
        tracker = current_tracker()
        if tracker is not None:
            tracker.close("FAILED")
            if isinstance(error, LockedError) and not tracker.shared:
                _delete(tracker)
        set_tracker(None)


def _delete(tracker: Tracker) -> None:
    from mlflow.tracking import MlflowClient

    MlflowClient(tracker.tracking_uri).delete_run(tracker.run_id)
