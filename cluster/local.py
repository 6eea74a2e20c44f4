"""Runs a Ray cluster on this machine: `inkray cluster up | status | down`.

It listens on loopback only, requires a token, and runs jobs in the directory it was started in, with this Python first
on the PATH. `down` ends only this cluster's processes, so other clusters on the machine keep running.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import subcommand

from cluster import _head, _ports, _record
from cluster._record import Cluster
from cluster.processes import end, owned
from pipelines.errors import ClusterError, InkrayError, UsageError
from pipelines.files import paths
from pipelines.files.locks import HeldByAnother, locked

DOWN = "No cluster is up; start one with `inkray cluster up`."


@dataclass(frozen=True)
class Up:
    """Start the cluster in the current directory, or report that it is already up."""

    port: int = 6399
    """Ray's own port; 0 takes any free one."""
    dashboard_port: int = 8266
    """The port of the dashboard, which takes jobs too; 0 takes any free one."""
    num_cpus: int | None = None
    """The number of logical CPUs to offer; by default all of the machine."""
    num_gpus: int | None = None
    """The number of GPUs to offer; by default all of the machine."""

    def __post_init__(self) -> None:
        if self.num_cpus is not None and self.num_cpus < 1:
            raise UsageError(f"--num-cpus is {self.num_cpus}; a cluster needs at least 1.")
        if self.num_gpus is not None and self.num_gpus < 0:
            raise UsageError(f"--num-gpus is {self.num_gpus}; give 0 or more.")


@dataclass(frozen=True)
class ClusterStatus:
    """Print the cluster's resources; exit with 0 if it is up, with 1 if it is not."""

    env: bool = False
    """Print only the exports that a shell needs: eval "$(inkray cluster status --env)"."""


@dataclass(frozen=True)
class Down:
    """End the cluster and everything that runs on it."""


Command = Up | Annotated[ClusterStatus, subcommand("status")] | Down


def state_folder() -> Path:
    return paths.home() / "cluster"


def up(options: Up, folder: Path, directory: Path) -> tuple[Cluster, bool]:
    """Return the running cluster, and whether this call started it."""
    with _alone(folder):
        if cluster := running(folder):
            _head.resources(cluster)
            return cluster, False
        _clear(folder)
        port, dashboard_port, client_port = _ports.claim(
            {"--port": options.port, "--dashboard-port": options.dashboard_port, "the client port": 0}
        )
        cluster = _record.create(folder, directory, port, dashboard_port)
        try:
            _head.start(cluster, client_port, options.num_cpus, options.num_gpus, folder / "start.log")
        except BaseException:
            _clear(folder)
            raise
        return cluster, True


def down(folder: Path) -> int | None:
    """End the cluster; return the number of processes ended, or None if no cluster was up."""
    with _alone(folder):
        return _clear(folder)


def running(folder: Path) -> Cluster | None:
    """The recorded cluster if its head is alive; the record of a cluster that was killed is ignored."""
    cluster = _record.load(folder)
    alive = cluster and owned(cluster.id) and _ports.listens(cluster.port)
    return cluster if alive else None


def _clear(folder: Path) -> int | None:
    cluster = _record.load(folder)
    if cluster is None:
        return None
    ended = end(cluster.id)
    if left := owned(cluster.id):
        numbers = ", ".join(str(process.pid) for process in left)
        raise ClusterError(f"These processes of the cluster cannot be ended: {numbers}.")
    _record.remove(folder, cluster)
    return ended


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Allow only one `up` or `down` at a time."""
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(folder / "lock"))
        except OSError as error:
            raise ClusterError(
                f"Cannot write {folder} ({error.strerror}); name another place in INKRAY_HOME."
            ) from error
        yield


def _up(options: Up) -> None:
    cluster, started = up(options, state_folder(), Path.cwd())
    print(f"{'up' if started else 'already up'}: {cluster.address}, dashboard {cluster.dashboard_url}")
    print(f"Jobs run in {cluster.directory}. To submit one:\n")
    print(f"export {_exports(cluster)}\nray job submit -- inkray train")


def _status(options: ClusterStatus) -> None:
    folder = state_folder()
    cluster = running(folder)
    if cluster is None:
        raise ClusterError(_why_down(folder))
    if options.env:
        print(f"export {_exports(cluster)}")
        return
    has = _head.resources(cluster)
    print(f"up: {cluster.address}, dashboard {cluster.dashboard_url}, jobs run in {cluster.directory}")
    kinds = (f"{kind}s {has.free.get(kind, 0):g} of {has.total.get(kind, 0):g} free" for kind in ("CPU", "GPU"))
    print(f"nodes {has.nodes}, {', '.join(kinds)}, processes {len(owned(cluster.id))}")


def _why_down(folder: Path) -> str:
    stale = _record.load(folder)
    if stale is None:
        return DOWN
    if _is_changing(folder):
        return f"The cluster at {stale.address} is just being started or ended; ask again."
    return f"{DOWN} The last one, at {stale.address}, was killed."


def _is_changing(folder: Path) -> bool:
    """Whether an `up` or `down` is in progress."""
    try:
        with locked(folder / "lock", wait=False):
            return False
    except HeldByAnother:
        return True


def _down() -> None:
    ended = down(state_folder())
    print("No cluster was up." if ended is None else f"down: {ended} processes ended")


def _exports(cluster: Cluster) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in cluster.client_env().items())


def _run(command: Command) -> None:
    match command:
        case Up():
            _up(command)
        case ClusterStatus():
            _status(command)
        case Down():
            _down()


def main() -> None:
    try:
        _run(tyro.cli(Command, prog="inkray cluster", description=__doc__))
    except InkrayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
