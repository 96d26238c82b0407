"""One logical run of several commands: one save version, and one run in MLflow that they share."""

import base64
import bz2
import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simcore.errors import InputError
from simcore.tracking import allowed_name

RUN_ID = "run_id"
"""The key of `--params` that makes a command part of a logical run."""

_LOOKING = frozenset({"jobs", "plan", "prune", "status"})
"""Pipelines that make no artefact of a run."""

RUN_TAG = "logical_run"
_JOB_TAG = "job."
_SHARED_TAG = "logical_run.parameters."
_FORM = "%Y-%m-%dT%H.%M.%S.%fZ"
_EXAMPLE = "2026-01-31T09.30.00.000Z"
_NAME_LENGTH = 200
_VALUE_LENGTH = 6000
_TAG_LENGTH = 5000
RUNNING, FINISHED, FAILED = "RUNNING", "FINISHED", "FAILED"


def check_run_id(given: Any) -> str:
    """Return `given` if it can be the save version of a run: versions are opened newest first, by name.

    Raises:
        InputError: If it is no time stamp in the form of Kedro's versions.

    Example:
        >>> check_run_id("2026-01-31T09.30.00.000Z")
        '2026-01-31T09.30.00.000Z'
    """
    text = str(given)
    try:
        moment = datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        moment = None
    if moment is None or moment.strftime(_FORM)[:-4] + "Z" != text:
        raise InputError(
            f"`run_id` is {text!r}, but should be a UTC time stamp such as {_EXAMPLE}, since it names the versions of "
            "all that the run makes."
        )
    return text


def is_job(run_params: Mapping[str, Any]) -> bool:
    """Return whether a command is a job of a logical run: it was given a `run_id` and makes something.

    Example:
        >>> params = {"run_id": "2026-01-31T09.30.00.000Z"}
        >>> is_job({"runtime_params": params}), is_job({"runtime_params": params, "pipeline_names": ["jobs"]})
        (True, False)
    """
    names = run_params.get("pipeline_names") or ["__default__"]
    return RUN_ID in (run_params.get("runtime_params") or {}) and not set(names) <= _LOOKING


def job_name(run_params: Mapping[str, Any]) -> str:
    """Return what a command is called within its run: what was asked for, the same when it is typed again.

    Example:
        >>> job_name({"pipeline_names": ["evaluation"], "namespaces": ["x"], "tags": ()})
        'pipelines evaluation / namespaces x'
        >>> job_name({})
        'everything'
    """
    asked = {
        "pipelines": run_params.get("pipeline_names"),
        "namespaces": run_params.get("namespaces"),
        "nodes": run_params.get("node_names"),
        "tags": run_params.get("tags"),
        "from nodes": run_params.get("from_nodes"),
        "to nodes": run_params.get("to_nodes"),
        "from inputs": run_params.get("from_inputs"),
        "to outputs": run_params.get("to_outputs"),
    }
    words = " / ".join(f"{what} {' '.join(sorted(names))}" for what, names in asked.items() if names)
    if len(words) > _NAME_LENGTH:
        words = f"{words[:_NAME_LENGTH]}... {hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return words or "everything"


@contextmanager
def in_turn(lock: Path) -> Iterator[None]:
    """Hold a lock for a moment, after whoever holds it now; the lock of `simcore.reuse.locking` refuses instead."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Job:
    """One command of a logical run, as MLflow knows it.

    The jobs share one run, the parent of the runs of arms and seeds. Each leaves a tag `job.<name>` with how it stands;
    the run is RUNNING as long as one of them is, then FAILED if the last try of one failed, else FINISHED.

    Attributes:
        tracking_uri: Store of the runs.
        parent: Id of the run that the jobs share.
        name: What this command does, see `job_name`.
        lock: File by which the jobs take turns.
    """

    tracking_uri: str
    parent: str
    name: str
    lock: Path

    def begin(self) -> None:
        """Say that this job runs, and so the run of all."""
        from mlflow.tracking import MlflowClient

        with in_turn(self.lock):
            self._tag(RUNNING)
            MlflowClient(self.tracking_uri).update_run(self.parent, status=RUNNING)

    def end(self, status: str) -> None:
        """Say how this job ended (`FINISHED` or `FAILED`), and give the run the status of all of them."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(self.tracking_uri)
        with in_turn(self.lock):
            self._tag(status)
            stand = overall(
                {
                    name: value.split()[0]
                    for name, value in client.get_run(self.parent).data.tags.items()
                    if name.startswith(_JOB_TAG)
                }
            )
            if stand == RUNNING:
                client.update_run(self.parent, status=RUNNING)
            else:
                client.set_terminated(self.parent, stand)

    def _tag(self, status: str) -> None:
        from mlflow.tracking import MlflowClient

        now = datetime.now(UTC).isoformat(timespec="seconds")
        value = f"{status} at {now}, process {os.getpid()} on {socket.gethostname()}"
        MlflowClient(self.tracking_uri).set_tag(self.parent, f"{_JOB_TAG}{allowed_name(self.name)}", value)


def overall(jobs: Mapping[str, str]) -> str:
    """Return the status of a run whose jobs stand like this.

    Example:
        >>> overall({"x": "FINISHED", "simcore": "RUNNING"}), overall({"x": "FINISHED", "simcore": "FAILED"})
        ('RUNNING', 'FAILED')
    """
    found = set(jobs.values())
    return RUNNING if RUNNING in found else FAILED if FAILED in found else FINISHED


def join_run(
    run_id: str,
    *,
    name: str,
    tracking_uri: str,
    experiment_id: str,
    parameters: Mapping[str, Any],
    decisive: Mapping[str, Any],
    lock: Path,
) -> Job:
    """Return this command as a job of the run in MLflow that carries `run_id`, which the first of them makes.

    Args:
        run_id: Of the logical run.
        name: Of this job.
        tracking_uri: Store of the runs.
        experiment_id: Their experiment.
        parameters: Flat parameters that the run is shown with, logged by the job that makes it, or by the next one
            if that was killed before it had logged them all.
        decisive: Flat parameters that have to be the same in all jobs, plain values. They stand in tags, since MLflow
            makes these together with the run.
        lock: File in the data root by which the jobs take turns, so that only one makes the run.

    Raises:
        InputError: If the run was begun with other parameters, or does not say with which.
    """
    from mlflow.entities import Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri)
    shown = {key: str(value)[:_VALUE_LENGTH] for key, value in parameters.items()}
    with in_turn(lock):
        found = client.search_runs([experiment_id], filter_string=f"tags.{RUN_TAG} = '{run_id}'")
        if found:
            run = found[0]
            _check_parameters(run_id, begun=_from_tags(run.data.tags), given=_from_tags(_to_tags(decisive)))
        else:
            tags = {RUN_TAG: run_id, "simcore.parameters": json.dumps(shown)[:_TAG_LENGTH], **_to_tags(decisive)}
            run = client.create_run(experiment_id, run_name=run_id, tags=tags)
        # MLflow logs a hundred at a time: a job that is killed meanwhile leaves a part of them.
        missing = [Param(key, value) for key, value in shown.items() if key not in run.data.params]
        if missing:
            client.log_batch(run.info.run_id, params=missing)
    return Job(tracking_uri, run.info.run_id, name, lock)


def _to_tags(decisive: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as tags, packed: the thousands of a tree with variants make a few."""
    packed = base64.b64encode(bz2.compress(json.dumps(decisive).encode())).decode()
    starts = range(0, len(packed), _TAG_LENGTH)
    return {f"{_SHARED_TAG}{number}": packed[start : start + _TAG_LENGTH] for number, start in enumerate(starts)}


def _from_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that `_to_tags` packed; nothing where there are no such tags."""
    numbers = sorted(int(name.removeprefix(_SHARED_TAG)) for name in tags if name.startswith(_SHARED_TAG))
    packed = "".join(tags[f"{_SHARED_TAG}{number}"] for number in numbers)
    found: dict[str, Any] = json.loads(bz2.decompress(base64.b64decode(packed))) if packed else {}
    return found


def _check_parameters(run_id: str, *, begun: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if not begun:
        raise InputError(
            f"The run {run_id} does not say with which parameters it was begun (by another version of SimCore?): give "
            "this command a `run_id` of its own."
        )
    differing = [
        name
        for name in begun.keys() | given.keys()
        if name not in begun or name not in given or begun[name] != given[name]
    ]
    if differing:
        # Those that only one of them has come last: an arm or a method more has many, and a reason in another name.
        differing.sort(key=lambda name: (name not in begun or name not in given, name))
        shown = "; ".join(
            f"{name} was {begun.get(name, 'absent')} and is {given.get(name, 'absent')}" for name in differing[:3]
        )
        more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004 as many as are shown
        raise InputError(
            f"The run {run_id} was begun with other parameters ({shown}{more}): give all its commands the same --env "
            "and --params, or this one a `run_id` of its own."
        )
