"""Two hosts on this machine: network namespaces joined by a cable, or two loopback addresses where privileges lack."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("first-machine", "second-machine")
PORT = 29_400


class Host:
    """A place where a script runs under `torchrun`, as one of two machines.

    Args:
        number: 0 or 1.
        folder: For its log.
        namespace: Its network; None for a loopback address of the machine's own.
    """

    def __init__(self, number: int, folder: Path, *, namespace: str | None) -> None:
        self.number, self.namespace = number, namespace
        self.address = f"10.213.0.{number + 1}" if namespace else f"127.0.0.{number + 1}"
        self.log = folder / f"host-{number}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def torchrun(self, script: Path, *arguments: str, port: int = PORT) -> None:
        """Start the command that the documentation gives."""
        python = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
        rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={NAMES[0]}:{port}"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        if self.namespace is None:
            # One host name for both: which is which has to be said.
            first = self.number == 0
            rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", f"--local-addr={self.address}"]
            rendezvous += [f"--rdzv-conf=is_host={int(first)}"]
            env["GLOO_SOCKET_IFNAME"] = "lo"
        command = [*python, *rendezvous, str(script), *arguments]
        if self.namespace is not None:
            hosts = self.log.with_suffix(".hosts")
            hosts.write_text(
                "127.0.0.1 localhost\n" + "".join(f"10.213.0.{at + 1} {name}\n" for at, name in enumerate(NAMES))
            )
            enter = f'mount --bind {hosts} /etc/hosts && hostname {NAMES[self.number]} && exec "$@"'
            command = [
                *("ip", "netns", "exec", self.namespace, "unshare", "--mount", "--uts"),
                *("sh", "-c", enter, "sh", *command),
            ]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)

    def wait(self, *, timeout: float) -> int:
        """Return the exit code of the command."""
        assert self.process is not None
        return self.process.wait(timeout=timeout)

    def pids(self) -> list[int]:
        """Return the processes of this host that run."""
        assert self.process is not None
        if self.namespace is not None:
            listed = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, check=True)
            return [int(pid) for pid in listed.stdout.split()]
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            if Path(f"/proc/{pid}").exists():
                found.append(pid)
                children = Path(f"/proc/{pid}/task/{pid}/children")
                waiting += [int(child) for child in children.read_text().split()]
        return found

    def kill(self) -> None:
        """End every process of the host at once, as a machine that loses power, but for the network's farewell."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.process is not None:
            self.process.wait(timeout=30)


def _ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Yield two hosts; namespaces, cable and processes go with them.

    Without the privilege to make namespaces they are two loopback addresses, and a warning says so.
    """
    mark = uuid.uuid4().hex[:6]
    spaces = [f"simcore-{mark}-{number}" for number in (0, 1)]
    made = shutil.which("ip") is not None and all(_ip("netns", "add", space) for space in spaces)
    if made:
        ends = [f"sc{mark}{number}" for number in (0, 1)]
        made = _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for number, (space, end) in enumerate(zip(spaces, ends, strict=True)):
            made = (
                made
                and _ip("link", "set", end, "netns", space)
                and _ip("-n", space, "addr", "add", f"10.213.0.{number + 1}/24", "dev", end)
                and _ip("-n", space, "link", "set", end, "up")
                and _ip("-n", space, "link", "set", "lo", "up")
            )
    if not made:
        warnings.warn("no privilege for network namespaces: the two hosts are 127.0.0.1 and 127.0.0.2", stacklevel=2)
    hosts = [Host(number, folder, namespace=space if made else None) for number, space in enumerate(spaces)]
    try:
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            if host.process is not None:
                host.kill()
        for space in spaces:
            _ip("netns", "del", space)
