"""Scanned forms land in a folder one a second, for hours, and a stream with its defaults reads them unattended.

python -m tests.streaming.soak --hours 2
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from deltalake import DeltaTable
from numpy.typing import NDArray

from jobs.benches.stream.table import commits
from tests.conftest import REPO
from tests.streaming.adversary import Driver
from tests.streaming.generator import land
from tests.streaming.judge import Delivered, Landed, Verdict, judge
from tests.streaming.pages import Page, draw_pages, numbered
from tests.streaming.usage import Usage, usage

SETTLED_S = 120.0
"""Seconds after which the memory at the start is taken: every part has done its work some times by then."""
TOLD_S = 60.0
PATIENCE_S = 60.0


@dataclass
class Soak:
    folder: Path
    seconds: float
    per_second: float
    pages: int
    seed: int
    delivered: list[Delivered] = field(default_factory=list)
    delays: list[NDArray[np.float64]] = field(default_factory=list)
    """Of the items of each commit, seconds from landing to being visible."""
    landed: int = 0
    starts: int = 0
    drained_s: float = 0.0
    first: Usage | None = None
    last: Usage | None = None
    _seen: set[Path] = field(default_factory=set)

    def run(self) -> Verdict:
        pages, templates = draw_pages(self.folder / "templates", self.pages, self.seed)
        self._inbox.mkdir()
        words = [str(word) for path in templates for word in ("--template", path)]
        job = [str(REPO / "jobs" / "stream.py"), "forms", str(self._inbox), str(self._output), *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "INKRAY_"))}
        own = {"INKRAY_HOME": str(self.folder / "home"), "TMPDIR": str(self.folder)}
        job += ["--afterwards", "move"]
        with closing(Driver(job, env | own, secrets.token_hex(8), self.folder / "log")) as driver:
            self._deliver(driver, pages)
            began = time.monotonic()
            while any(self._inbox.glob("*.jpg")) and time.monotonic() - began < PATIENCE_S:
                time.sleep(0.1)
            self._look()
            self.last = usage(driver)
            began = time.monotonic()
            driver.close()
            self.drained_s = time.monotonic() - began
        self.starts = driver.starts
        return judge(self.delivered, _rows(self._output))

    @property
    def _inbox(self) -> Path:
        return self.folder / "in"

    @property
    def _output(self) -> Path:
        return self.folder / "out"

    def _deliver(self, driver: Driver, pages: list[Page]) -> None:
        self._land(pages[0])
        while any(self._inbox.glob("*.jpg")):
            time.sleep(0.1)
        began = told_at = time.monotonic()
        before = usage(driver)
        while (now := time.monotonic()) - began < self.seconds:
            # An end is a fault here, and told of; but what came after it shall be known, too.
            driver.keep()
            while self.landed - 1 < (now - began) * self.per_second:
                self._land(pages[self.landed % len(pages)])
            if now - told_at >= TOLD_S:
                told_at, so_far = now, usage(driver)
                self._look()
                print(self._line(now - began, so_far, so_far.since(before)), flush=True)
                before = so_far
            if self.first is None and now - began >= min(SETTLED_S, self.seconds / 2):
                self.first = usage(driver)
            time.sleep(0.02)

    def _land(self, page: Page) -> None:
        name = f"{self.landed:07d}.jpg"
        content = numbered(page.content, self.landed)
        land(self._inbox, name, content)
        self.delivered += page.expected(name, content)
        self.landed += 1

    def _look(self) -> None:
        """Take the delays of new commits, and what was moved away, as whoever keeps the scans elsewhere."""
        for commit in commits(self._output):
            if commit.file not in self._seen:
                self._seen.add(commit.file)
                self.delays.append(_delays(commit.file, commit.visible_at))
        for folder in ("done", "failed"):
            for file in (self._inbox / folder).glob("*.jpg"):
                file.unlink()

    def _line(self, seconds: float, now: Usage, share: dict[str, float]) -> str:
        files = len(DeltaTable(str(self._output / "rows")).file_uris())
        p50, p99 = np.percentile(np.concatenate(self.delays), [50, 99])
        return (
            f"{seconds / 60:5.0f} min, {self.landed:,} landed, {sum(map(len, self.delays)):,} visible after "
            f"{p50:.2f} s (p99 {p99:.2f} s), {files} files; MiB {now.mib}, % of a core {share}"
        )

    def table(self, verdict: Verdict) -> str:
        p50, p99 = np.percentile(np.concatenate(self.delays), [50, 99])
        assert self.first and self.last
        share = self.last.since(self.first)
        lines = [
            f"{self.landed:,} pages in {self.seconds / 3600:.2f} hours, {len(self.delivered):,} rows",
            ", ".join(f"{name} {count}" for name, count in asdict(verdict).items()),
            f"starts {self.starts}, lines in the tables for spreadsheets {_lines(self._output):,}",
            f"landed to visible: p50 {p50:.2f} s, p99 {p99:.2f} s, most {np.concatenate(self.delays).max():.2f} s",
            f"files in the table {len(DeltaTable(str(self._output / 'rows')).file_uris())}",
            f"ended {self.drained_s:.1f} s after SIGTERM",
        ]
        for part, mib in self.last.mib.items():
            lines.append(
                f"{part}: {self.first.mib.get(part, 0):,} MiB at the start, {mib:,} in the end; "
                f"{share[part]:.1f} % of a core"
            )
        return "\n".join(lines)


def _delays(file: Path, visible_at: float) -> NDArray[np.float64]:
    """Of each item but the very first, which waited for the stream to start."""
    rows = pq.read_table(file, columns=["key", "arrived_at"], partitioning=None).group_by("key")
    items = rows.aggregate([("arrived_at", "min")]).to_pylist()
    arrived = [row["arrived_at_min"].timestamp() for row in items if row["key"] != f"{0:07d}.jpg"]
    return visible_at - np.array(arrived, np.float64)


def _rows(output: Path) -> list[Landed]:
    table = DeltaTable(str(output / "rows")).to_pyarrow_table(columns=["key", "field", "digest", "value", "status"])
    return [
        Landed(f"{row['key']} {row['field']}", row["digest"], row["value"], row["status"]) for row in table.to_pylist()
    ]


def _lines(output: Path) -> int:
    return sum(len(file.read_text().splitlines()) - 1 for file in (output / "wide").glob("*.csv"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Stream forms unattended, and say how it went.")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--per-second", type=float, default=1.0)
    parser.add_argument("--pages", type=int, default=40, help="so many are drawn, and land again and again")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        soak = Soak(Path(folder), options.hours * 3600, options.per_second, options.pages, options.seed)
        verdict = soak.run()
        print(soak.table(verdict))
        alerts = [line for line in (Path(folder) / "log").read_text().splitlines() if line.startswith("alert")]
        print("\n".join(alerts) or "no alerts")
    sys.exit(0 if verdict.clean and soak.starts == 1 and not alerts else 1)


if __name__ == "__main__":
    main()
