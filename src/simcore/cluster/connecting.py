"""A Ray cluster: this machine's own, or one that runs already."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from simcore.devices import usable_cores
from simcore.errors import InputError, in_a_line
from simcore.quiet import only

# Shards go to the disk and lists are small; Ray would take a third of the memory.
_OBJECT_STORE_BYTES = 2**30
_PATIENCE_SECONDS = 10
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Messages of the C++ core about actors that may not restart would land between the bars.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
# Read by Ray when it is imported: with it a cluster of one machine listens on the loopback address alone.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class Cluster:
    """Where the work goes and how it is cut.

    Attributes:
        address: `auto` or host:port of a cluster to join; None starts one of this machine's cores, for as long as it is
            needed.
        workers: processes at most; None: as many as the machines have room for now.
        threads: PyTorch threads of a worker, and CPUs that it takes; None: as many threads as this process has, which
            gives the bits that this process would.
    """

    address: str | None = None
    workers: int | None = None
    threads: int | None = None

    @property
    def threads_each(self) -> int:
        """PyTorch threads of a worker."""
        return self.threads or torch.get_num_threads()


def load_ray() -> Any:
    """Return the module `ray`, with the part for data.

    Raises:
        InputError: It is not installed.
    """
    try:
        import ray  # noqa: PLC0415 only where a cluster is asked for
        import ray.data  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"`runtime.engine` is ray, which is not installed here ({in_a_line(error)}); "
            "`pip install 'simcore[ray]'`, or set runtime.engine=local."
        ) from error
    return ray


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Yield the module `ray`, connected; on leaving, what was started here is stopped and what was joined goes on.

    Inside a connection, another one is that same one. A cluster that is started here takes seconds and some 0.5 GB of
    memory; it listens on the loopback address alone (unless this process imported Ray before), without dashboard. Its
    processes end with this one, also where it is killed. Usage statistics are off for as long as the connection lasts.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
    """
    values = _ENVIRONMENT if cluster.address else _ENVIRONMENT | _LOOPBACK
    with _set_environment(values):
        ray = load_ray()
        if ray.is_initialized():
            yield ray
            return
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with only(logging.ERROR, "ray"):
                _start(ray, cluster)
            yield ray
        finally:
            ray.shutdown()
            if threading.current_thread() is threading.main_thread() and handler is not None:
                signal.signal(signal.SIGTERM, handler)


def _start(ray: Any, cluster: Cluster) -> None:
    quiet: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
    if cluster.address is None:
        ray.init(
            address="local",
            num_cpus=max(usable_cores(), cluster.threads_each),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            **quiet,
        )
        return
    try:
        if cluster.address != "auto":
            _knock(cluster.address)
        ray.init(address=cluster.address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"`runtime.ray.address` is {cluster.address!r}, and no cluster answers there ({in_a_line(error)}); start "
            "one with `ray start --head`, or set it to null for one of this machine's cores."
        ) from error


def _knock(address: str) -> None:
    """Raise where nothing listens at host:port: Ray itself tries for minutes."""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdigit()):
        raise ValueError("it should be auto or host:port")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECONDS):
        pass


@contextmanager
def _set_environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def room_for_workers(ray: Any, cluster: Cluster, *, gpus: int = 0) -> int:
    """Return how many workers the machines of the cluster have room for, at most `cluster.workers`.

    Raises:
        InputError: No machine has room for one, and no number was given that an autoscaler could make true.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = 0
    for resources in machines:
        places = int(resources.get("CPU", 0)) // cluster.threads_each
        room += min(places, int(resources.get("GPU", 0)) // gpus) if gpus else places
    if cluster.workers is not None:
        return cluster.workers
    if room == 0:
        most = max((int(resources.get("CPU", 0)) for resources in machines), default=0)
        needed = f"{cluster.threads_each} CPUs" + (f" and {gpus} GPU" if gpus else "")
        raise InputError(
            f"A worker takes {needed}, and none of the {len(machines)} machines of the cluster has them (at most "
            f"{most} CPUs); set runtime.ray.threads lower, or runtime.ray.workers to wait for machines."
        )
    return room


def has_gpus(ray: Any) -> bool:
    """Return whether a machine of the cluster has a GPU."""
    return any(node["Resources"].get("GPU", 0) >= 1 for node in ray.nodes() if node["Alive"])
