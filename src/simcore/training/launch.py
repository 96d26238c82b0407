"""Starting the processes of a run on this machine, listening to them, and ending them together."""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from simcore.errors import InputError, SimCoreError
from simcore.quiet import only
from simcore.training.reporter import Reporter, SilentReporter

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
_HANDLED = "TORCHELASTIC_SIGNALS_TO_HANDLE"
_LOGGERS = ("torch.distributed.elastic", "torch.multiprocessing.spawn", "torchelastic-events-null")
_GRACE = 5.0
_LONGEST_MESSAGE = 3000
"""Bytes: several processes write into one pipe, and only short messages are never mixed (4096 on Linux)."""


@dataclass(frozen=True)
class PipeReporter:
    """Sends curves to the process that launched this one."""

    pipe: Connection

    def log(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Send `metrics` of `step`."""
        self.pipe.send(("curves", dict(metrics), step))


def launch(function: Callable[..., Any], *args: Any, processes: int, reporter: Reporter) -> Any:
    """Return what `function(reporter, *args)` returns in the first of `processes` new processes of one group.

    They are started by torch.distributed's own launcher, so that nothing but `function` runs in them. What the
    first one logs reaches `reporter` here while it runs. When one process fails, or this one is interrupted,
    all of them end.

    Args:
        function: Of a module, so that a new process can import it.
        args: Picklable.
        processes: How many.
        reporter: Receives what the first process logs.

    Raises:
        InputError: If an argument cannot be sent to another process.
        SimCoreError: If a process fails: its own error where it is one of SimCore's.
    """
    reader, writer = multiprocessing.Pipe(duplex=False)
    listener = _Listener(reader, reporter)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
        signals_to_handle=",".join(_SIGNALS),
    )
    listener.start()
    interrupted: signal.Signals | None = None
    try:
        # The word on failures is left to what follows here, which knows what they mean.
        with only(logging.CRITICAL, *_LOGGERS), _own_handlers():
            results = elastic_launch(config, _enter)(writer, function, *args)
    except ChildFailedError as error:
        listener.stop(writer)
        raise listener.failure or SimCoreError(_explain(error, processes)) from error
    except SignalException as error:
        interrupted = error.sigval
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        if "pickle" not in str(error):
            raise
        raise InputError(
            f"With `processes` = {processes} everything given to `pretrain` is sent to other processes, and "
            f"something cannot be ({error}); use functions of a module and instances of its classes."
        ) from error
    finally:
        listener.stop(writer)
    if interrupted is not None:
        # As if there had been no launcher: KeyboardInterrupt, or whatever handles the signal here.
        signal.raise_signal(interrupted)
        raise SimCoreError(f"Training was stopped by {interrupted.name}; run again to go on from the last checkpoint.")
    if listener.error is not None:
        raise listener.error
    return results[0]


def _enter(pipe: Connection, function: Callable[..., Any], *args: Any) -> Any:
    """Run `function` in a new process."""
    # Sent by a terminal, again by the launching process, and by Linux when that one is killed.
    signal.signal(signal.SIGINT, _interrupt_once)
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    rank = int(os.environ["RANK"])
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    reporter: Reporter = PipeReporter(pipe)
    if rank:
        reporter = SilentReporter()
        logging.getLogger("simcore").setLevel(logging.ERROR)
    try:
        return function(reporter, *args)
    except SimCoreError as error:
        pipe.send(("failed", _short(error)))
        raise
    except Exception as error:
        if "Connection" in str(error):
            # A partner has gone. If it failed, the launching process ends this one before it can complain.
            time.sleep(_GRACE)
        logging.getLogger(__name__).exception("Process %d of the training run failed", rank)
        message = f"Process {rank} of the training run failed: {type(error).__name__}: {error}"
        pipe.send(("failed", SimCoreError(message[:_LONGEST_MESSAGE])))
        raise


def _end_with_launcher() -> None:
    """End this process when its launcher is killed, also where it waits for partners and hears no signal."""
    launcher = multiprocessing.parent_process()
    assert launcher is not None
    launcher.join()
    time.sleep(_GRACE)
    os._exit(1)


def _interrupt_once(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _short(error: SimCoreError) -> SimCoreError:
    whole = len(pickle.dumps(error)) <= _LONGEST_MESSAGE
    return error if whole else SimCoreError(str(error)[: _LONGEST_MESSAGE // 2])


class _Listener(threading.Thread):
    """Hands what the processes send to the reporter, and keeps the first failure."""

    def __init__(self, pipe: Connection, reporter: Reporter) -> None:
        super().__init__(name="training-listener", daemon=True)
        self.pipe = pipe
        self.reporter = reporter
        self.failure: SimCoreError | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        while (message := self.pipe.recv()) is not None:
            if message[0] == "failed":
                self.failure = self.failure or message[1]
            elif self.error is None:
                try:
                    self.reporter.log(message[1], step=message[2])
                except Exception as error:
                    # Raised in the main thread once training has ended: its checkpoints are worth more.
                    self.error = error

    def stop(self, writer: Connection) -> None:
        """Take in what was sent so far and end the thread."""
        if self.is_alive():
            writer.send(None)
            self.join(timeout=60)


def _explain(error: ChildFailedError, processes: int) -> str:
    rank, failure = next(iter(error.failures.items()))
    code = failure.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    hint = " (often a sign that memory ran out)" if code == -signal.SIGKILL else ""
    return (
        f"Training process {rank} of {processes} {how}{hint}, and the others were stopped. Run again to go on from "
        "the last checkpoint."
    )


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Put back the signal handlers and the variable that the launcher sets."""
    main = threading.current_thread() is threading.main_thread()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers} if main else {}
    variable = os.environ.get(_HANDLED)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if variable is None:
            os.environ.pop(_HANDLED, None)
        else:
            os.environ[_HANDLED] = variable
