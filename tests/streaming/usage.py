"""What the processes of a stream use: its driver, its readers with the processes that open scans, and its Ray."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from cluster.processes import owned
from tests.processes import title
from tests.streaming.adversary import TITLES, Driver


@dataclass(frozen=True)
class Usage:
    at: float
    mib: Mapping[str, int]
    cpu_s: Mapping[str, float]

    def since(self, before: Usage) -> dict[str, float]:
        """The share of a core in % that each took; of a process that ended between, nothing counts."""
        seconds = self.at - before.at
        return {name: round(100 * (cpu - before.cpu_s.get(name, 0)) / seconds, 1) for name, cpu in self.cpu_s.items()}


def usage(driver: Driver) -> Usage:
    mib, cpu = defaultdict[str, int](int), defaultdict[str, float](float)
    for process in owned(driver.tag):
        with suppress(psutil.Error):
            part = _part(process, driver)
            mib[part] += process.memory_info().rss >> 20
            cpu[part] += sum(process.cpu_times()[:2])
    return Usage(time.monotonic(), dict(mib), dict(cpu))


def _part(process: psutil.Process, driver: Driver) -> str:
    if process.pid == driver.process.pid:
        return "driver"
    line = [process.pid, *(parent.pid for parent in process.parents())]
    return "readers" if any(title(pid).startswith(TITLES["actor"]) for pid in line) else "Ray"
