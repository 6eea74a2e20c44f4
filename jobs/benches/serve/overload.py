"""How a server behaves under twice the load it can take, and how soon it recovers."""

from __future__ import annotations

import http.client
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil
from rich.table import Table
from tyro.conf import arg

from cluster.processes import owned
from jobs._console import open_console
from jobs.benches.serve.load import Server, check_wrk, listening, paced, scripts, unanswered, wrk, wrk_output
from pipelines.documents.worker_handle import WORKER
from pipelines.files.atomic import write_json

CALM_CALLERS = 32
PAUSE_MS, WAIT_MS = 500.0, 200.0
"""A caller's mean pause between an answer and the next request, and the assumed mean wait for an answer."""
PROBES, PROBE_S = 4, 0.05
RECOVERED = 10
"""The server has recovered after this many answers in a row within the calm load's 99th percentile."""


@dataclass(frozen=True)
class OverloadBench:
    """Send the server twice the requests it can answer, and report what the callers get. Needs wrk."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    times: float = 2.0
    """The load, as a multiple of what the server can answer."""
    seconds: int = 60
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_wrk()
        with tempfile.TemporaryDirectory() as scratch, listening("inkray", self.model) as server:
            found = self._overload(server, scripts(Path(scratch))[0])
        open_console().print(_table(found))
        write_json(self.json, asdict(found))

    def _overload(self, server: Server, picture: Path) -> Overload:
        target = f"{server.url}/v1/digits"
        wrk(target, picture, CALM_CALLERS, 5)
        can, _, calm_p99_ms, _ = wrk(target, picture, CALM_CALLERS, 10)
        callers = round(self.times * can * (PAUSE_MS + WAIT_MS) / 1000)
        with watched(server.tag) as mib, probing(target, picture.with_suffix("")) as probe:
            output = wrk_output(target, paced(picture, PAUSE_MS), callers, self.seconds)
            ended = time.perf_counter()
            probe.wait_for_recovery(ended, calm_p99_ms / 1000)
        statuses = {status: int(count) for status, count in re.findall(r"^status\s+(\d+)\s+(\d+)", output, re.M)}
        during = [one for one in probe.answers if one.ended <= ended]
        return Overload(
            callers=callers,
            capacity_per_second=can,
            calm_p99_ms=calm_p99_ms,
            load_per_second=sum(statuses.values()) / self.seconds,
            served_per_second=statuses.get("200", 0) / self.seconds,
            statuses=statuses,
            unanswered=unanswered(output) + sum(one.status == 0 for one in during),
            served_ms=_percentiles(one.seconds for one in during if one.status == 200),
            refused_ms=_percentiles(one.seconds for one in during if one.status == 503),
            recovery_s=probe.recovery_s(ended, calm_p99_ms / 1000),
            replica_mib=mib,
        )


@dataclass(frozen=True)
class Overload:
    callers: int
    capacity_per_second: float
    calm_p99_ms: float
    load_per_second: float
    served_per_second: float
    statuses: dict[str, int]
    unanswered: int
    served_ms: list[float]
    """The median, the 99th percentile and the maximum."""
    refused_ms: list[float]
    recovery_s: float | None
    replica_mib: list[int]
    """The memory of the replicas, once a second."""


class Answer(NamedTuple):
    ended: float
    status: int
    """The HTTP status; 0 without an answer."""
    seconds: float


@dataclass
class Probe:
    """A few callers among the many that time each of their answers."""

    url: str
    picture: bytes
    answers: list[Answer] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        parts = urlsplit(self.url)
        assert parts.hostname
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        while not self.over.wait(PROBE_S):
            started = time.perf_counter()
            try:
                line.request("POST", parts.path, self.picture, {"Content-Type": "image/png"})
                answer = line.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                line.close()
                status = 0
            ended = time.perf_counter()
            self.answers.append(Answer(ended, status, ended - started))

    def recovery_s(self, since: float, calm_s: float) -> float | None:
        """The seconds from `since` until the first request of a long run of fast answers; None without one."""
        later = sorted(one for one in self.answers if one.ended - one.seconds > since)
        good = 0
        for number, one in enumerate(later):
            good = good + 1 if one.status == 200 and one.seconds <= calm_s else 0
            if good == RECOVERED:
                first = later[number + 1 - RECOVERED]
                return first.ended - first.seconds - since
        return None

    def wait_for_recovery(self, since: float, calm_s: float) -> None:
        while self.recovery_s(since, calm_s) is None and time.perf_counter() < since + 30:
            time.sleep(0.2)


@contextmanager
def probing(url: str, picture: Path) -> Iterator[Probe]:
    probe = Probe(url, picture.read_bytes())
    threads = [threading.Thread(target=probe.ask) for _ in range(PROBES)]
    for thread in threads:
        thread.start()
    try:
        yield probe
    finally:
        probe.over.set()
        for thread in threads:
            thread.join()


@contextmanager
def watched(tag: str) -> Iterator[list[int]]:
    """The memory of a server's replicas and their document workers in MiB, sampled every second."""
    samples, over = [_replica_mib(tag)], threading.Event()

    def watch() -> None:
        while not over.wait(1):
            samples.append(_replica_mib(tag))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()


def _replica_mib(tag: str) -> int:
    resident = 0
    for process in owned(tag):
        with suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if command.startswith("ray::ServeReplica") or WORKER in command:
                resident += process.memory_info().rss
    return resident >> 20


def _percentiles(seconds: Iterable[float]) -> list[float]:
    each = [1000 * one for one in seconds]
    return [statistics.median(each), float(np.percentile(each, 99)), max(each)] if each else []


def _table(found: Overload) -> Table:
    table = Table("overload", "")
    refused = found.statuses.get("503", 0)
    other = {status: count for status, count in found.statuses.items() if status not in ("200", "503")}
    rows = {
        f"capacity ({CALM_CALLERS} callers)": f"{found.capacity_per_second:,.0f}/s, p99 {found.calm_p99_ms:.0f} ms",
        f"load ({found.callers} callers)": f"{found.load_per_second:,.0f}/s",
        "answered": f"{found.served_per_second:,.0f}/s",
        "refused with 503": f"{refused:,}",
        "other statuses": ", ".join(f"{count} of {status}" for status, count in other.items()) or "nothing",
        "unanswered": str(found.unanswered),
        "answered after": _times(found.served_ms),
        "refused after": _times(found.refused_ms),
        "recovered after": "not within 30 s" if found.recovery_s is None else f"{found.recovery_s:.1f} s",
        "replica memory": f"{found.replica_mib[0]} MiB before, {max(found.replica_mib)} MiB peak",
    }
    for what, value in rows.items():
        table.add_row(what, value)
    return table


def _times(milliseconds: list[float]) -> str:
    if not milliseconds:
        return "-"
    median, late, longest = milliseconds
    return f"{median:.0f} ms (p99 {late:.0f}, longest {longest:.0f})"
