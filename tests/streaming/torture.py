"""A folder is streamed while its driver, actors and Ray are killed, and the judge says what became of each item.

python -m tests.streaming.torture --items 10000 --kills 20 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from deltalake import DeltaTable

from tests.conftest import REPO
from tests.streaming.adversary import ACTS, FULL, Driver, act, mount_small, within_own_mounts
from tests.streaming.generator import ENGINE, answers, keys, land, pictures
from tests.streaming.judge import Landed, Verdict, judge

POLL_S = 0.02
PATIENCE_S = 120.0
"""Seconds without a new row after which what is missing counts as lost."""


@dataclass
class Torture:
    folder: Path
    items: int
    kills: int
    seed: int
    per_second: float = 100.0
    drivers: int = 1
    """One leads, and the others wait to take over."""
    tmpfs: int | None = None
    """The MiB of the file system of the output, which is filled now and then."""
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    """Each fault, and the seconds from it until an item that came after it was in the table and moved away."""
    starts: int = 0

    def run(self) -> Verdict:
        contents, names = pictures(self.items, self.seed), keys(self.items)
        delivered = list(answers(names, contents))
        self._inbox.mkdir()
        if self.tmpfs:
            mount_small(self.folder / "out", self.tmpfs)
        with ExitStack() as ending:
            tag = secrets.token_hex(8)
            drivers = [ending.enter_context(closing(self._driver(tag + str(one)))) for one in range(self.drivers)]
            self._deliver(drivers, names, contents)
            self._until_all_visible(drivers)
        self.starts = sum(driver.starts for driver in drivers)
        return judge(delivered, landed(self.folder / "out"))

    @property
    def _inbox(self) -> Path:
        return self.folder / "in"

    def _driver(self, tag: str) -> Driver:
        # Merged files would no longer tell in which order their rows became visible.
        words = ("--afterwards", "move", "--engine", ENGINE, "--max-actors", "1", "--merge-files", "0")
        job = [str(REPO / "jobs" / "stream.py"), "digits", str(self._inbox), str(self.folder / "out"), *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "INKRAY_"))}
        own = {"INKRAY_HOME": str(self.folder / "home"), "TMPDIR": str(self.folder)}
        return Driver(job, env | own, tag, self.folder / "log")

    def _deliver(self, drivers: Sequence[Driver], names: Sequence[str], contents: Sequence[bytes]) -> None:
        """At a steady pace, whatever happens; a fault waits until the one before is got over."""
        chance = random.Random(self.seed)
        faults = self._faults(chance)
        watched: tuple[str, float, Path] | None = None
        for number, (name, content) in enumerate(zip(names, contents, strict=True)):
            kind, began, driver = "", time.monotonic(), chance.choice(drivers)
            # The last items are held back for the faults that are left: each is judged by an item that comes after it.
            is_last = len(faults) >= len(names) - number
            while is_last and watched:
                watched = None if self._is_over(*watched) else watched
                _pause(drivers)
            while not watched and faults and number >= faults[-1][0]:
                began = time.monotonic()
                if act(faults[-1][1], driver, self.folder / "out", chance):
                    kind = faults.pop()[1]
                    _until_felt(kind, driver)
                if kind or not is_last:
                    break
                _pause(drivers)
            while not land(self._inbox, name, content):
                _pause(drivers)
            # What is killed before it has begun proves little.
            while not number and (self._inbox / name).exists():
                _pause(drivers)
            if kind:
                watched = kind, began, self._inbox / name
            if watched and self._is_over(*watched):
                watched = None
            _pause(drivers, 1 / self.per_second)
        while watched and not self._is_over(*watched):
            _pause(drivers)

    def _faults(self, chance: random.Random) -> list[tuple[int, str]]:
        """After how many items each is due, the last one first."""
        acts = (*ACTS, FULL) if self.tmpfs else ACTS
        kinds = [acts[number % len(acts)] for number in range(self.kills)]
        chance.shuffle(kinds)
        at = chance.sample(range(self.items // 10, self.items * 9 // 10), self.kills)
        return list(zip(sorted(at, reverse=True), kinds, strict=True))

    def _is_over(self, kind: str, began: float, after: Path) -> bool:
        """Whether what came after the fault is done, or never will be."""
        seconds = time.monotonic() - began
        over = not after.exists() or seconds > PATIENCE_S
        if over:
            self.recoveries.append((kind, seconds))
        return over

    def _until_all_visible(self, drivers: Sequence[Driver]) -> None:
        left, since = -1, time.monotonic()
        while (now := len(list(self._inbox.glob("*.png")))) and time.monotonic() - since < PATIENCE_S:
            if now != left:
                left, since = now, time.monotonic()
            _pause(drivers)


def _until_felt(kind: str, driver: Driver) -> None:
    """What is read until a driver notices that its Ray is gone would pass for recovered."""
    began = time.monotonic()
    while kind == "raylet" and driver.process.poll() is None and time.monotonic() - began < PATIENCE_S:
        time.sleep(POLL_S)


def _pause(drivers: Sequence[Driver], seconds: float = POLL_S) -> None:
    for driver in drivers:
        driver.keep()
    time.sleep(seconds)


def landed(output: Path) -> list[Landed]:
    """In the order in which they became visible: the name of a commit's file has the commit's number."""
    columns = ["key", "digest", "value", "status"]
    files = sorted(DeltaTable(str(output / "rows")).file_uris(), key=lambda file: Path(file).name)
    return [Landed(**row) for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def told(torture: Torture, verdict: Verdict) -> str:
    lines = [
        f"{torture.items:,} items, {torture.drivers} drivers, {torture.starts} starts of them",
        ", ".join(f"{name} {count}" for name, count in asdict(verdict).items()),
        "fault   times  recovered p50  p95  most",
    ]
    for kind in (*ACTS, FULL, "all"):
        if seconds := [took for what, took in torture.recoveries if kind in (what, "all")]:
            p50, p95 = np.percentile(seconds, [50, 95])
            lines.append(f"{kind:8}{len(seconds):5}{p50:13.1f} s{p95:5.1f}{max(seconds):6.1f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Torture a stream, and judge what became of each item.")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-second", type=float, default=100.0, help="the pace at which items are delivered")
    parser.add_argument("--drivers", type=int, default=1, help="of which one leads, and the others wait")
    parser.add_argument(
        "--tmpfs", type=int, metavar="MIB", help="put the output on so small a file system, and fill it; for root"
    )
    options = parser.parse_args()
    if options.tmpfs:
        within_own_mounts()
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        torture = Torture(Path(folder), **vars(options))
        verdict = torture.run()
        print(told(torture, verdict))
        done = verdict.clean and len(torture.recoveries) == options.kills
        if not done:
            print((Path(folder) / "log").read_text()[-5_000:], file=sys.stderr)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
