"""The hook that makes a command one of the jobs of a logical run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io.core import is_parameter
from pydantic import BaseModel

from simcore.hooks import raw_parameters, told
from simcore.logical_run import Job, is_job, job_name, join_run
from simcore.parameters import EmbeddingParameters, ImageParameters, ParameterTree, check_parameters
from simcore.parameters.data import PoolParameters
from simcore.tracking import flatten
from simcore.training.settings import TrainingSettings

_BESIDE = frozenset({"plan", "prune", "status", "export", "runtime"})
"""Groups of parameters that no artefact of the stages rests on."""

# Not `runtime_only`: that also names inputs which are known by their content, such as `openset.embeddings`.
_OF_THE_MACHINE: dict[type[BaseModel], frozenset[str]] = {
    PoolParameters: frozenset({"datasets_root", "verify_workers"}),
    ImageParameters: frozenset({"cache_gib"}),
    EmbeddingParameters: frozenset({"batch_size"}),
    TrainingSettings: TrainingSettings.runtime_only - {"log_every", "probe_every_steps"},
}
"""Fields that each machine may set for itself, by their model."""


def decisive_parameters(tree: ParameterTree) -> dict[str, Any]:
    """Return the parameters that all jobs of a run share, flat and as plain values, those of variants included.

    What is left out concerns one machine, or no artefact of the stages.
    """
    shared = flatten(tree.model_dump(mode="json", exclude=set(_BESIDE)))
    machine = _machine_names(tree)
    return {name: value for name, value in shared.items() if name not in machine}


def _machine_names(model: BaseModel, *, before: str = "") -> set[str]:
    """Return the flat names of the fields `_OF_THE_MACHINE`, of a tree or a part of it."""
    names = {
        f"{before}{name}" for kind, fields in _OF_THE_MACHINE.items() if isinstance(model, kind) for name in fields
    }
    for name in type(model).model_fields:
        value = getattr(model, name)
        parts = {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, Mapping) else {name: value}
        for path, part in parts.items():
            if isinstance(part, BaseModel):
                names |= _machine_names(part, before=f"{before}{path}.")
    return names


class JobHook:
    """Makes a command with a `run_id` among its parameters one of the jobs of a run that several commands share."""

    def __init__(self) -> None:
        self._context: Any = None
        self._job: Job | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember the context, which holds what kedro-mlflow will do."""
        self._context, self._job = context, None

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Find the run in MLflow, or make it, and have kedro-mlflow go on with it."""
        self._job = None
        mlflow = getattr(self._context, "mlflow", None)
        if not is_job(run_params) or mlflow is None:
            return
        tree = check_parameters(raw_parameters(self._context))
        self._job = join_run(
            str(run_params["run_id"]),
            name=job_name(run_params),
            tracking_uri=mlflow.server.mlflow_tracking_uri,
            experiment_id=mlflow.tracking.experiment._experiment.experiment_id,
            parameters=flatten(told(tree)),
            decisive=decisive_parameters(tree),
            lock=Path(tree.runtime.work_dir) / "locks" / "tracking.lock",
        )
        self._job.begin()
        mlflow.tracking.run.id = self._job.parent
        mlflow.tracking.run.name = str(run_params["run_id"])  # else that of the last job's pipelines

    @hook_impl(tryfirst=True)
    def before_node_run(self, inputs: dict[str, Any]) -> None:
        """Show kedro-mlflow no parameters: the run has them, and those of the machine may differ between jobs."""
        if self._job is not None:
            for name in [name for name in inputs if is_parameter(name)]:
                del inputs[name]

    @hook_impl(trylast=True)  # what kedro-mlflow does at the end of a command would end the run of all
    def after_pipeline_run(self) -> None:
        """Give the run the status of all its jobs."""
        self._end("FINISHED")

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Give the run the status of all its jobs."""
        self._end("FAILED")

    def _end(self, status: str) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.end(status)
