"""A stream is fed while its driver, actors, Ray and server are killed, and the judge says what became of each item.

python -m tests.streaming.torture --items 10000 --kills 20 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tests.conftest import REPO
from tests.kafka_broker import broker_program
from tests.streaming.adversary import ACTS, FULL, Driver, mount_small, within_own_mounts
from tests.streaming.course import Course, faults
from tests.streaming.folder_places import FolderInlet, TableOutlet
from tests.streaming.generator import ENGINE, goods
from tests.streaming.judge import Verdict, judge
from tests.streaming.places import Broker, Inlet, Outlet
from tests.streaming.redis_places import redis_broker


def kafka_broker(folder: Path) -> AbstractContextManager[Broker]:
    """Skips the test on a platform for which there is no broker."""
    broker_program()
    from tests.streaming.kafka_places import kafka_broker as opened

    return opened()


BROKERS: dict[str, Callable[[Path], AbstractContextManager[Broker]]] = {"kafka": kafka_broker, "redis": redis_broker}
"""The servers that a source or a sink may lie on."""


@dataclass
class Torture:
    folder: Path
    items: int
    kills: int
    seed: int
    source: str = "folder"
    sink: str = "delta"
    per_second: float = 100.0
    drivers: int = 1
    """One leads, and the others wait to take over."""
    tmpfs: int | None = None
    """The MiB of the file system of the output, which is filled now and then."""
    kinds: Sequence[str] = ()
    """The faults that take turns; by default all that there are."""
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    """Each fault, and the seconds from it until an item that came after it was in the sink."""
    starts: int = 0

    def run(self) -> Verdict:
        output = self.folder / "out"
        if self.tmpfs:
            mount_small(output, self.tmpfs)
        with ExitStack() as ending:
            brokers = {
                name: ending.enter_context(opened(self.folder / name))
                for name, opened in BROKERS.items()
                if name in (self.source, self.sink)
            }
            items, on, to = goods(self.items, self.seed), brokers.get(self.source), brokers.get(self.sink)
            inlet = on.inlet(items) if on else FolderInlet(self.folder / "in", items)
            outlet = to.outlet() if to else TableOutlet(output)
            chance = random.Random(self.seed)
            if not self.kinds:
                full = [FULL] if self.tmpfs else []
                self.kinds = [*ACTS, *full, *(kind for broker in brokers.values() for kind in broker.faults)]
            with self._driven(inlet, outlet) as drivers:
                course = Course(inlet, outlet, drivers, brokers.values(), output, chance, self.recoveries)
                course.run(self.items, faults(self.items, self.kills, self.kinds, chance), self.per_second)
            self.starts = sum(driver.starts for driver in drivers)
            return judge(inlet.delivered(), map(inlet.landed, outlet.rows()))

    @contextmanager
    def _driven(self, inlet: Inlet, outlet: Outlet) -> Iterator[list[Driver]]:
        words = (*inlet.words, *outlet.words, "--engine", ENGINE, "--max-actors", "1")
        job = [str(REPO / "jobs" / "stream.py"), "digits", inlet.where, outlet.where, *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "INKRAY_"))}
        own = {"INKRAY_HOME": str(self.folder / "home"), "TMPDIR": str(self.folder)}
        with ExitStack() as ending:
            tag = secrets.token_hex(8)
            yield [
                ending.enter_context(closing(Driver(job, env | own, f"{tag}{one}", self.folder / "log")))
                for one in range(self.drivers)
            ]


def told(torture: Torture, verdict: Verdict) -> str:
    lines = [
        f"{torture.items:,} items from {torture.source} to {torture.sink}, "
        f"{torture.drivers} drivers, {torture.starts} starts of them",
        ", ".join(f"{name} {count}" for name, count in asdict(verdict).items()),
        "fault   times  recovered p50  p95  most",
    ]
    for kind in (*torture.kinds, "all"):
        if seconds := [took for what, took in torture.recoveries if kind in (what, "all")]:
            p50, p95 = np.percentile(seconds, [50, 95])
            lines.append(f"{kind:8}{len(seconds):5}{p50:13.1f} s{p95:5.1f}{max(seconds):6.1f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Torture a stream, and judge what became of each item.")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source", choices=("folder", *BROKERS), default="folder")
    parser.add_argument("--sink", choices=("delta", *BROKERS), default="delta")
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
