"""Where training curves and metrics go: one MLflow run per command, one child run per arm and seed.

Nodes ask `reporter(...)` for something to log to; without a tracked run it stays silent, so the same node
function works in a unit test or a script.
"""

import json
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from simcore.training.reporter import Reporter, SilentReporter

_PARAMETER_LENGTH = 6000
# MLflow's own limits: of one call, of a tag's name and of its value.
_TAGS_A_CALL, _TAG_NAME, _TAG_LENGTH = 100, 250, 5000


@dataclass(frozen=True)
class MlflowReporter:
    """Logs curves to one MLflow run; small and picklable, so it can travel to a training process.

    Attributes:
        tracking_uri: Store of the run.
        run_id: The run.
        prefix: Put before each metric's name, for example `retrieval/`.
    """

    tracking_uri: str
    run_id: str
    prefix: str = ""

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Record `metrics` at `step` in one call."""
        from mlflow.entities import Metric
        from mlflow.tracking import MlflowClient

        now = int(time.time() * 1000)
        MlflowClient(self.tracking_uri).log_batch(
            self.run_id,
            metrics=[Metric(f"{self.prefix}{name}", float(value), now, step) for name, value in metrics.items()],
        )


def flatten(tree: Mapping[str, Any], *, separator: str = ".") -> dict[str, Any]:
    """Return nested parameters as one level, so that runs can be compared by each of them.

    Example:
        >>> flatten({"selection": {"tau": 0.95, "budget": None}})
        {'selection.tau': 0.95, 'selection.budget': None}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            nested = flatten(value, separator=separator)
            flat.update({f"{key}{separator}{inner}": item for inner, item in nested.items()})
        else:
            flat[str(key)] = value
    return flat


@dataclass
class Tracker:
    """The tracked run of one command and its children.

    Attributes:
        tracking_uri: Store of the runs.
        experiment_id: Their experiment.
        run_id: The parent run.
        parameters: Flat parameters, logged on every child so that all have the same columns.
        tags: Tags of every child.
        of_variants: What differs from `parameters` for arms that are made under a variant.
        data: Which data the command rests on, as tags (`simcore.lineage`); `note_data` adds to it.
        shared: Whether other commands log to the same runs (`simcore.logical_run`); children of theirs go on then.
    """

    tracking_uri: str
    experiment_id: str
    run_id: str
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    of_variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    shared: bool = False
    _tagged: dict[str, str] = field(default_factory=dict)
    _children: dict[tuple[str, int | None], str] = field(default_factory=dict)

    def child(self, *, arm: str, seed: int | None) -> str:
        """Return the id of the child run of `arm` and `seed`, found or made at the first call."""
        from mlflow.entities import Param, RunTag
        from mlflow.tracking import MlflowClient

        key = (arm, seed)
        if key not in self._children:
            client = MlflowClient(self.tracking_uri)
            name = arm if seed is None else f"{arm} seed {seed}"
            which = {"arm": arm, "seed": "" if seed is None else str(seed)}
            if self.shared and (found := self._find_child(which)) is not None:
                self._children[key] = found
                return found
            # Also as parameters, since those are what MLflow compares: children of one command differ in these.
            parameters = {**self.parameters, **self.of_variants.get(arm, {}), **which}
            tags = {**self.tags, "mlflow.parentRunId": self.run_id, **which}
            run = client.create_run(self.experiment_id, tags=tags, run_name=name)
            self._children[key] = run.info.run_id
            client.log_batch(
                run.info.run_id,
                params=[Param(name, str(value)[:_PARAMETER_LENGTH]) for name, value in parameters.items()],
                tags=[RunTag("simcore.parameters", json.dumps(parameters, default=str)[:_TAG_LENGTH])],
            )
        return self._children[key]

    def _find_child(self, which: Mapping[str, str]) -> str | None:
        """Return the child that another command has made, open again."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(self.tracking_uri)
        wanted = {"mlflow.parentRunId": self.run_id, **which}
        asked = " and ".join(f"tags.`{name}` = '{value}'" for name, value in wanted.items() if value)
        runs = client.search_runs([self.experiment_id], filter_string=asked)
        found = [run.info.run_id for run in runs if run.data.tags.get("seed", "") == which["seed"]]
        if not found:
            return None
        client.update_run(found[0], status="RUNNING")
        return str(found[0])

    def log_metrics(self, records: list[dict[str, Any]]) -> None:
        """Log flat metric records, each on the child of its arm and seed, under `<evaluation>_<metric>.<protocol>`."""
        for record in records:
            run_id = self.child(arm=record["arm"], seed=record["seed"])
            MlflowReporter(self.tracking_uri, run_id).log({metric_name(record): record["value"]}, step=0)

    def note_data(self, facts: Mapping[str, str]) -> None:
        """Remember data that the command has opened or made, for `tag_data`."""
        self.data.update(facts)

    def tag_data(self) -> None:
        """Tag the command's run with what was noted since the last call; the children get all of it at the end."""
        new = {name: value for name, value in self.data.items() if self._tagged.get(name) != value}
        self._tag(self.run_id, new)
        self._tagged.update(new)

    def tag_child(self, tags: Mapping[str, str], *, arm: str, seed: int | None) -> None:
        """Tag the child run of `arm` and `seed`."""
        self._tag(self.child(arm=arm, seed=seed), tags)

    def close(self, status: str) -> None:
        """End the children with `status` (`FINISHED` or `FAILED`), with the data noted on all runs."""
        from mlflow.tracking import MlflowClient

        self.tag_data()
        for run_id in self._children.values():
            self._tag(run_id, self.data)
            MlflowClient(self.tracking_uri).set_terminated(run_id, status)

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag
        from mlflow.tracking import MlflowClient

        listed = [RunTag(allowed_name(name)[:_TAG_NAME], value[:_TAG_LENGTH]) for name, value in tags.items()]
        for start in range(0, len(listed), _TAGS_A_CALL):
            MlflowClient(self.tracking_uri).log_batch(run_id, tags=listed[start : start + _TAGS_A_CALL])


def allowed_name(name: str) -> str:
    """Return a name with nothing in it that MLflow refuses."""
    name = re.sub(r"[^\w\-. :/]", "-", name)
    # It keeps some as files: no part of a path may be nothing but dots.
    return "/".join(part if part.strip(". ") else "-" for part in name.split("/"))


def metric_name(record: Mapping[str, Any]) -> str:
    """Return the column of a metric record; its protocol is part of the name.

    Example:
        >>> metric_name({"evaluation": "linear", "metric": "top1", "protocol": "clean"})
        'linear_top1.clean'
    """
    return allowed_name(f"{record['evaluation']}_{record['metric']}.{record['protocol']}")


_TRACKER: ContextVar[Tracker | None] = ContextVar("simcore_tracker", default=None)


def set_tracker(tracker: Tracker | None) -> None:
    """Make `tracker` the one that `reporter` uses; None switches tracking off."""
    _TRACKER.set(tracker)


def current_tracker() -> Tracker | None:
    """Return the tracker of the run in progress, None outside one."""
    return _TRACKER.get()


def reporter(*, arm: str | None = None, seed: int | None = None, prefix: str = "") -> Reporter:
    """Return where curves of `arm` and `seed` go: their child run, the command's run without `arm`, or nowhere."""
    tracker = _TRACKER.get()
    if tracker is None:
        return SilentReporter()
    run_id = tracker.run_id if arm is None else tracker.child(arm=arm, seed=seed)
    return MlflowReporter(tracker.tracking_uri, run_id, prefix)


def tag_child(tags: Mapping[str, str], *, arm: str, seed: int | None) -> None:
    """Tag the child run of `arm` and `seed`, where a run is tracked."""
    tracker = _TRACKER.get()
    if tracker is not None:
        tracker.tag_child(tags, arm=arm, seed=seed)
