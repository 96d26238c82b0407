"""The whole job as commands."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from kedro.io.core import generate_timestamp

from simcore.datasets.if_fresh import Looking
from simcore.jobs import command_line, list_jobs
from simcore.logical_run import RUN_ID
from simcore.reuse import make_plan


class JobsDataset(Looking):
    """Loads the commands of which the whole job consists with the present parameters, one row a command."""

    def __init__(self, *, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(metadata=metadata)
        self._env: str | None = None
        self._params: dict[str, Any] = {}

    def set_options(self, *, env: str | None, params: Mapping[str, Any]) -> None:
        """Tell the dataset what the run was given, flat, so that the commands are given the same; a hook does that."""
        self._env, self._params = env, dict(params)

    def load(self) -> pd.DataFrame:
        """Return columns wave, job, after (names of jobs), nodes and command, in an order in which they can run.

        All commands carry one `run_id`: that of the run, if it was given one, else a new one.
        """
        # What nobody reads with these parameters is no part of the plan, such as the nodes of a given encoder.
        wanted = [step.node for step in make_plan(self._usual, self._attached()).steps]
        params = {RUN_ID: generate_timestamp(), **self._params}
        rows = [
            {
                "wave": job.wave,
                "job": job.name,
                "after": ", ".join(job.after),
                "nodes": len(job.nodes),
                "command": command_line(job, env=self._env, params=params),
            }
            for job in list_jobs(self._usual.filter(node_names=wanted))
        ]
        return pd.DataFrame(rows)

    def _exists(self) -> bool:
        return self._catalog is not None

    def _describe(self) -> dict[str, Any]:
        return {}
