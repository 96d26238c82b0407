"""A pipeline as jobs: commands that may run as processes of their own, and what each of them waits for."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped] # its stubs are a package of their own
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from simcore.errors import InputError, legible
from simcore.tracking import flatten


@dataclass(frozen=True)
class Job:
    """One command of a logical run.

    Attributes:
        name: Namespace, or `stages <number>` for what has none.
        wave: Jobs of one wave may run beside each other, once those of all waves before have ended.
        nodes: Names of the nodes, in running order.
        after: Names of the jobs that make what it reads.
        command: Arguments of `kedro` that choose these nodes.
    """

    name: str
    wave: int
    nodes: tuple[str, ...]
    after: tuple[str, ...]
    command: tuple[str, ...]


def list_jobs(pipeline: Pipeline, *, pipeline_name: str = "__default__") -> list[Job]:
    """Return the jobs of a pipeline in an order in which they can run.

    They are Kedro's groups by namespace (`Pipeline.group_nodes_by`), whose nodes without a namespace come one by one:
    what can run in one go is one job here, since stages lock the data root against each other anyway. So waves of one
    job with stages and waves of namespaces take turns.

    Args:
        pipeline: What is to run.
        pipeline_name: Its registered name.

    Example:
        >>> from kedro.pipeline import Node
        >>> count = Node(len, "images", "size", name="count")
        >>> x = Pipeline([count], namespace="x", inputs="images", outputs={"size": "size_x"})
        >>> simcore = Pipeline([count], namespace="simcore", inputs="images", outputs={"size": "size_simcore"})
        >>> compare = Node(max, ["size_x", "size_simcore"], "larger", name="compare")
        >>> for job in list_jobs(Pipeline([Node(list, "folder", "images", name="ingest"), compare]) + x + simcore):
        ...     print(job.wave, " ".join(job.command), list(job.after))
        0 run --nodes ingest []
        1 run --namespaces simcore ['stages 0']
        1 run --namespaces x ['stages 0']
        2 run --nodes compare ['simcore', 'x']
    """
    groups = {group.name: group for group in pipeline.group_nodes_by("namespace")}
    waves: dict[str, int] = {}

    def wave_of(name: str) -> int:
        # Even for stages, odd for namespaces.
        if name not in waves:
            own = groups[name].type == "namespace"
            waves[name] = int(own)
            for before in groups[name].dependencies:
                other = wave_of(before)
                waves[name] = max(waves[name], other + (other % 2 != own) + 2 * (own and other % 2 == own))
        return waves[name]

    members: dict[tuple[int, str], list[str]] = {}
    job_of: dict[str, str] = {}
    for name, group in groups.items():
        wave = wave_of(name)
        job_of[name] = name if group.type == "namespace" else f"stages {wave // 2}"
        members.setdefault((wave, job_of[name]), []).append(name)
    return [
        Job(
            name=job,
            wave=wave,
            nodes=tuple(node for name in names for node in groups[name].nodes),
            after=tuple(
                sorted({job_of[before] for name in names for before in groups[name].dependencies} - {job}),
            ),
            command=_command(job, [node for name in names for node in groups[name].nodes], wave, pipeline_name),
        )
        for (wave, job), names in sorted(members.items())
    ]


def _command(job: str, nodes: list[str], wave: int, pipeline_name: str) -> tuple[str, ...]:
    of = () if pipeline_name == "__default__" else ("--pipelines", pipeline_name)
    chosen = ("--namespaces", job) if wave % 2 else ("--nodes", ",".join(nodes))
    return ("run", *of, *chosen)


def command_line(job: Job, *, env: str | None, params: Mapping[str, object]) -> str:
    """Return what to type for a job.

    Args:
        job: The job.
        env: Kedro environment; None for the usual one.
        params: What to give as `--params`, by flat name. Kedro reads the same values back, lists included.

    Raises:
        InputError: If Kedro would read a value as another one.

    Example:
        >>> job = Job("x", 1, ("x.pretrain",), (), ("run", "--namespaces", "x"))
        >>> command_line(job, env="paper", params={"run_id": "2026-01-31T09.30.00.000Z", "data_root": "/shared/a b"})
        "kedro run --namespaces x --env paper --params 'run_id=2026-01-31T09.30.00.000Z,data_root=/shared/a b'"
        >>> print(command_line(job, env=None, params={"selection.tau": None, "reporting.relevant_labels": ""}))
        kedro run --namespaces x --params 'selection.tau=null,reporting.relevant_labels=""'
    """
    words = ["kedro", *job.command, *(() if env is None else ("--env", env))]
    if params:
        words += ["--params", ",".join(_assign(name, value) for name, value in params.items())]
    return shlex.join(words)


def _assign(name: str, value: object) -> str:
    text = f"{name}={_write(value)}"
    if not _is_read_as(text, {name: value}):
        raise InputError(
            f"The value {legible(repr(value))} of `{legible(name)}` cannot be written as `--params`; give it in a file "
            "of conf/."
        )
    return text


def _write(value: object) -> str:
    """Return a value in YAML, without commas, at which Kedro cuts `--params`: a list takes a line for each part."""
    if isinstance(value, list) and value:
        return "\n".join("- " + _write(part).replace("\n", "\n  ") for part in value)
    if isinstance(value, Mapping) and value:
        return "\n".join(f"{_write(key)}:\n  " + _write(part).replace("\n", "\n  ") for key, part in value.items())
    if not isinstance(value, str):
        return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if _is_read_as(f"x={value},y=- {value}", {"x": value, "y": [value]}):
        return value
    quoted: str = yaml.dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.rstrip("\n").replace(",", r"\x2c")


def _is_read_as(text: str, params: Mapping[str, object]) -> bool:
    """Return whether Kedro reads `--params <text>` as these, by flat name (`kedro.framework.cli.utils`)."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    try:
        found: Any = OmegaConf.to_container(OmegaConf.from_dotlist(items))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, LookupError, TypeError, AttributeError):
        return False
    return flatten(found) == params
