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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from deltalake import DeltaTable

from tests.conftest import REPO
from tests.streaming.adversary import ACTS, Driver, act
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
    acts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    """Seconds from each fault until an item that came after it was in the table and moved away."""
    starts: int = 0

    def run(self) -> Verdict:
        contents, names = pictures(self.items, self.seed), keys(self.items)
        delivered = list(answers(names, contents))
        self._inbox.mkdir()
        driver = self._driver()
        try:
            self._deliver(driver, names, contents)
            self._until_all_visible(driver)
        finally:
            driver.close()
            self.starts = driver.starts
        return judge(delivered, landed(self.folder / "out"))

    @property
    def _inbox(self) -> Path:
        return self.folder / "in"

    def _driver(self) -> Driver:
        # Merged files would no longer tell in which order their rows became visible.
        words = ("--afterwards", "move", "--engine", ENGINE, "--max-actors", "1", "--merge-files", "0")
        job = [str(REPO / "jobs" / "stream.py"), "digits", str(self._inbox), str(self.folder / "out"), *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "INKRAY_"))}
        own = {"INKRAY_HOME": str(self.folder / "home"), "TMPDIR": str(self.folder)}
        return Driver(job, env | own, secrets.token_hex(8), self.folder / "log")

    def _deliver(self, driver: Driver, names: Sequence[str], contents: Sequence[bytes]) -> None:
        """At a steady pace, whatever happens; a fault waits until the one before is got over."""
        chance = random.Random(self.seed)
        kinds = [ACTS[number % len(ACTS)] for number in range(self.kills)]
        chance.shuffle(kinds)
        at = sorted(chance.sample(range(self.items // 10, self.items * 9 // 10), self.kills))
        watched: tuple[float, Path] | None = None
        for number, (name, content) in enumerate(zip(names, contents, strict=True)):
            began = time.monotonic()
            fell = not watched and len(kinds) > 0 and number >= at[-len(kinds)] and act(kinds[-1], driver, chance)
            while not land(self._inbox, name, content):
                self._pause(driver)
            # What is killed before it has begun proves little.
            while not number and (self._inbox / name).exists():
                self._pause(driver)
            if fell:
                self.acts[kinds.pop()] += 1
                watched = began, self._inbox / name
            if watched and not watched[1].exists():
                self.recoveries.append(time.monotonic() - watched[0])
                watched = None
            self._pause(driver, 1 / self.per_second)
        if watched:
            while watched[1].exists() and time.monotonic() - watched[0] < PATIENCE_S:
                self._pause(driver)
            self.recoveries.append(time.monotonic() - watched[0])

    def _pause(self, driver: Driver, seconds: float = POLL_S) -> None:
        driver.keep()
        time.sleep(seconds)

    def _until_all_visible(self, driver: Driver) -> None:
        left, since = -1, time.monotonic()
        while (now := len(list(self._inbox.glob("*.png")))) and time.monotonic() - since < PATIENCE_S:
            if now != left:
                left, since = now, time.monotonic()
            self._pause(driver)


def landed(output: Path) -> list[Landed]:
    """In the order in which they became visible: the name of a commit's file has the commit's number."""
    columns = ["key", "digest", "value", "status"]
    files = sorted(DeltaTable(str(output / "rows")).file_uris(), key=lambda file: Path(file).name)
    return [Landed(**row) for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def told(torture: Torture, verdict: Verdict) -> str:
    p50, p95 = np.percentile(torture.recoveries, [50, 95]) if torture.recoveries else (0.0, 0.0)
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(torture.acts.items())) or "none"
    return (
        f"{torture.items:,} items, faults: {faults}; {torture.starts} starts of the driver\n"
        f"lost {verdict.lost}, doubled {verdict.doubled}, wrong {verdict.wrong}, reordered {verdict.reordered}, "
        f"foreign {verdict.foreign}\n"
        f"recovered within {p50:.1f} s (p50), {p95:.1f} s (p95), {max(torture.recoveries, default=0.0):.1f} s at most"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Torture a stream, and judge what became of each item.")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-second", type=float, default=100.0, help="the pace at which items are delivered")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        torture = Torture(Path(folder), options.items, options.kills, options.seed, options.per_second)
        verdict = torture.run()
        print(told(torture, verdict))
        done = verdict.clean and torture.acts.total() == options.kills
        if not done:
            print((Path(folder) / "log").read_text()[-5_000:], file=sys.stderr)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
