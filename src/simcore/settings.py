"""Project settings: https://docs.kedro.org/en/stable/configure/configuration_basics/."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import kedro_mlflow
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.utils import find_kedro_project

from simcore.config import LayeredConfigLoader
from simcore.disk import Need
from simcore.disk_hook import DiskHook
from simcore.hooks import FreshnessHook, ParametersHook, TrackingHook
from simcore.job_hook import JobHook
from simcore.parameters import ParameterTree
from simcore.pipelines.arms import set_arms
from simcore.session import SimCoreSession

# kedro-mlflow sets its own logger to INFO when it is imported; conf/logging.yml cannot reach it before.
logging.getLogger(kedro_mlflow.__name__).setLevel(logging.WARNING)


def _from_root(path: str) -> str:
    """Return `path` as an absolute path; a relative one starts at the project, wherever the command is typed."""
    return str((find_kedro_project(Path.cwd()) or Path.cwd()) / path)


def _tracking_uri(data_root: str) -> str:
    """Return the MLflow store: `$MLFLOW_TRACKING_URI` if set, else a sqlite file below `data_root`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_from_root(data_root)}/mlflow.db"


def _all_pipelines() -> dict[str, Pipeline]:
    """Return all pipelines by name; they are imported, with the libraries they need, when someone asks."""
    from simcore.pipeline_registry import register_pipelines

    return register_pipelines()


def _find_needs(pipeline: Pipeline, catalog: CatalogProtocol, tree: ParameterTree) -> Sequence[Need]:
    """Return what nodes will write; what that takes is imported when nodes are to run."""
    from simcore.pipelines.plan.disk import find_needs

    return find_needs(pipeline, catalog, tree)


def _writes_much(node: Node) -> bool:
    """Return whether a node writes embeddings, or trains encoders."""
    from simcore.pipelines.plan.disk import writes_much

    return writes_much(node)


SESSION_CLASS = SimCoreSession
HOOKS = (
    ParametersHook(set_arms),
    FreshnessHook(_all_pipelines),
    DiskHook(_find_needs, _writes_much),
    TrackingHook(),
    JobHook(),
)
# kedro-viz's run status hook writes `.viz/` at every run for a view that expects full sequential runs only.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-viz",)
CONFIG_LOADER_CLASS = LayeredConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # Soft: `--params selection.tau=0.9` changes that one value and leaves its siblings.
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft"},
    # As kedro-mlflow sets it; the store is looked for before that.
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    "custom_resolvers": {"from_root": _from_root, "tracking_uri": _tracking_uri},
}
