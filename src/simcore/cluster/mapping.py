"""Units of work, spread over the workers of a cluster; what goes wrong there is said here in one sentence."""

import logging
import socket
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import torch

from simcore import errors
from simcore.cluster.connecting import Cluster, load_ray, room_for_workers
from simcore.errors import DiskError, InputError, SimCoreError, in_a_line
from simcore.quiet import only

_ERROR = {"error": pa.string(), "sentence": pa.string(), "trace": pa.string()}


class Work(Protocol):
    """What a worker does with one unit; made once in each worker."""

    def __call__(self, unit: Mapping[str, Any]) -> dict[str, Any]:
        """Return what came of a unit, a value for each column."""
        ...


def check_seen(directory: Path, *, name: Path | None = None) -> None:
    """Check that this machine sees a folder of the data root.

    Args:
        directory: What is looked for.
        name: What is named instead, where `directory` itself says nothing to people.

    Raises:
        InputError: It does not.
    """
    if not directory.is_dir():
        raise InputError(
            f"{this_machine()} does not see `{name or directory}`; mount the data root on every machine under the same "
            "path, or set runtime.engine=local."
        )


def this_machine() -> str:
    """Return what a worker calls its machine."""
    return f"Machine `{socket.gethostname()}` of the cluster"


class Worker:
    """An actor: makes its work when the first unit comes, and hands on what it returns, or what is wrong, as Arrow.

    An error is an answer, not a failure of the actor: Ray would wrap it in traces of its own.

    Args:
        make: Returns the work.
        columns: Of what it returns.
        threads: PyTorch threads.
    """

    def __init__(self, make: Callable[[], Work], columns: pa.Schema, *, threads: int) -> None:
        self._make, self._threads = make, threads
        self._schema = pa.schema([*columns, *(pa.field(name, kind) for name, kind in _ERROR.items())])
        self._work: Work | None = None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return a table of one row for a batch of one unit."""
        [unit] = batch.to_pylist()
        row: dict[str, Any] = dict.fromkeys(self._schema.names)
        # New threads take over the setting of the latest one, not that of the constructor's.
        torch.set_num_threads(self._threads)
        try:
            if self._work is None:
                self._work = self._make()
            row |= self._work(unit)
        except Exception as error:
            row |= {"error": type(error).__name__, "sentence": str(error), "trace": traceback.format_exc()}
            if isinstance(error, OSError):
                said = f"Machine `{socket.gethostname()}` cannot do its part: {in_a_line(error)}; repair it and go on."
                row |= {"error": DiskError.__name__, "sentence": said}
            elif not isinstance(error, SimCoreError):
                said = (
                    f"A worker on machine `{socket.gethostname()}` failed ({type(error).__name__}: {in_a_line(error)})."
                )
                row |= {"error": SimCoreError.__name__, "sentence": said}
        return pa.table(
            {name: pa.array([row[name]], type=self._schema.field(name).type) for name in self._schema.names}
        )


def map_on_cluster(
    make: Callable[[], Work],
    units: Iterable[Mapping[str, Any]],
    *,
    columns: pa.Schema,
    cluster: Cluster,
    gpus: int = 0,
) -> Iterator[pa.Table]:
    """Yield what the work returns for each unit, a table of one row each, as they are finished.

    A worker or a machine that dies costs time: its units are done again elsewhere.

    Args:
        make: Returns the work, in the worker; pickled.
        units: Small mappings with the same names; at least one.
        columns: Types of what the work returns.
        cluster: See `connected`, inside which this is called.
        gpus: GPUs that a worker takes.

    Raises:
        SimCoreError: The error of the project that the work raised, or a sentence for any other.
    """
    ray = load_ray()
    listed = [dict(unit) for unit in units]
    workers = min(len(listed), room_for_workers(ray, cluster, gpus=gpus))
    with _quiet_data(ray):
        answers = (
            ray.data.from_items(listed, override_num_blocks=len(listed))
            .map_batches(
                Worker,
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    min_size=1,
                    max_size=workers,
                    initial_size=workers,
                    # A second unit would wait for its turn while another worker is idle.
                    max_tasks_in_flight_per_actor=1,
                ),
                num_cpus=cluster.threads_each,
                num_gpus=gpus,
                scheduling_strategy="SPREAD",
                fn_constructor_args=(make, columns),
                fn_constructor_kwargs={"threads": cluster.threads_each},
            )
            .iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        )
        blocks = iter(answers)
        try:
            for block in blocks:
                for start in range(len(block)):
                    answer = block.slice(start, 1)
                    _raise(answer)
                    yield answer.select(columns.names)
        except ray.exceptions.RayError as error:
            raise SimCoreError(
                f"The cluster gave up ({type(error).__name__}: {in_a_line(error)}); what is finished is kept: the same "
                "command goes on from there."
            ) from error
        finally:
            close = getattr(blocks, "close", None)
            if close is not None:
                close()


def _raise(answer: pa.Table) -> None:
    """Raise the error that an answer holds, if any; its trace on the other machine is a note."""
    name = answer.column("error")[0].as_py()
    if name is not None:
        error = getattr(errors, name)(answer.column("sentence")[0].as_py())
        error.add_note(answer.column("trace")[0].as_py())
        raise error


@contextmanager
def _quiet_data(ray: Any) -> Iterator[None]:
    """Give what is built inside Ray Data settings of its own: no bars and no words of Ray's."""
    context = ray.data.DataContext.get_current()
    own = context.copy()
    own.enable_progress_bars = False
    own.print_on_execution_start = False
    ray.data.DataContext._set_current(own)
    try:
        with only(logging.ERROR, "ray.data"):
            yield
    finally:
        ray.data.DataContext._set_current(context)
