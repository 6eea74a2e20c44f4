"""Jobs as processes that can be watched, and killed with all that came from them accounted for."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from psutil import CONN_LISTEN, Error, NoSuchProcess, Process

from cluster import local
from cluster.processes import TAG, is_running, owned
from tests.clusters import RayCluster

# With busy neighbours a machine takes five times as long as without; pytest itself gives up after 600.
PATIENCE_S = 540.0
# To look through all processes takes some ten milliseconds, which the watched would miss.
POLL_S = 0.05


def until(met: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"in {seconds:.0f} s: {what}"
        time.sleep(POLL_S)


@dataclass(frozen=True)
class Home:
    """A place of its own for a person who runs jobs; `env` lets no setting of the outer world through."""

    folder: Path
    env: dict[str, str]
    tag: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def runs(self) -> Path:
        return self.folder / "ink" / "runs"

    @property
    def scratch(self) -> Path:
        return Path(self.env["TMPDIR"])

    def processes(self) -> list[Process]:
        """Of the jobs run from here, and of the Ray they started."""
        return owned(self.tag)

    def start(self, job: Path, *arguments: object) -> Job:
        return Job([sys.executable, "-u", str(job), *map(str, arguments)], self.env | {TAG: self.tag}, self.folder)

    def run(self, job: Path, *arguments: object) -> Job:
        with self.start(job, *arguments) as started:
            started.ended()
        return started


@contextmanager
def new_home(folder: Path, on: RayCluster | None = None) -> Iterator[Home]:
    """A home on the cluster, or one whose jobs bring their own Ray. Nothing may be left of them at the end."""
    foreign = ("RAY_", "INKRAY_")
    env = dict(on.env) if on else {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    if on:
        env["RAY_ADDRESS"] = on.address
    user, ink = folder / "user", folder / "ink"
    user.mkdir(parents=True)
    # Short, since the sockets of Ray lie deep below it.
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        own = {"HOME": str(user), "INKRAY_HOME": str(ink), "TMPDIR": scratch, "MPLCONFIGDIR": str(user / "mpl")}
        home = Home(folder, env | own)
        try:
            yield home
        finally:
            left = home.processes()
            for process in left:
                with suppress(NoSuchProcess):
                    process.kill()
        assert left == []


class Job:
    """A running job, whose words can be waited for; killed if it is still there at the end."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Path) -> None:
        self._out, self._err = (Path(tempfile.mkstemp(dir=folder, suffix=end)[1]) for end in (".out", ".err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def last_line(self) -> str:
        return self.out.splitlines()[-1]

    def says(self, words: str, times: int = 1) -> None:
        """Wait until it has said them so often."""

        def said() -> bool:
            over = self.process.poll() is not None
            enough = self.out.count(words) >= times
            assert enough or not over, f"it ended without saying {words!r}:\n{self.out}\n{self.err}"
            return enough

        until(said, f"say {words!r}:\n{self.out}")

    def ended(self) -> int:
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"It goes on after {PATIENCE_S:.0f} s:\n{self.out}\n{self.err}") from late


def train_workers(processes: list[Process]) -> list[Process]:
    return [process for process in processes if title(process.pid).startswith("ray::RayTrainWorker")]


def cluster_processes(cluster: RayCluster) -> list[Process]:
    running = local.running(cluster.home / "cluster")
    assert running
    return owned(running.id)


def gone(processes: list[Process]) -> bool:
    return not any(map(is_running, processes))


def listening(processes: list[Process]) -> dict[tuple[str, int], int]:
    """The addresses and ports that these processes listen on, and whose each is."""
    found = {}
    for process in processes:
        # It may be gone at any moment.
        with suppress(NoSuchProcess):
            sockets = process.net_connections("tcp")
            found.update({(*one.laddr,): process.pid for one in sockets if one.status == CONN_LISTEN})
    return found


def listening_elsewhere(processes: list[Process]) -> dict[tuple[str, int], str]:
    """What of it is not on loopback, and which programs those are: 127.0.0.1, or the same mapped into IPv6."""
    loopback = ("127.0.0.1", "::ffff:127.0.0.1")
    return {one: title(pid) for one, pid in listening(processes).items() if one[0] not in loopback}


def title(pid: int) -> str:
    try:
        return " ".join(Process(pid).cmdline())
    except Error:
        return ""
