"""Serving speed by wrk: one PNG per request to inkray and to a plain FastAPI route; tensors and live frames."""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.serve.live import CAMERA, live_frames
from jobs.benches.serve.load import ROWS, Server, check_wrk, listening, scripts, wrk
from jobs.benches.turns import check_counts
from pipelines.files.atomic import write_json

RIVAL, OURS = "fastapi", "inkray"
WARM_S = 2
PICTURE, TENSOR, LIVE = "PNG", f"{ROWS} digits", f"{CAMERA:.0f} frames/s"


@dataclass(frozen=True)
class ServeRow:
    round: int
    server: str
    what: str
    connections: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True)
class ServeBench:
    """Compare requests per second with plain FastAPI on the same engine; measure tensors and live frames. Needs wrk."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    connections: tuple[int, ...] = (1, 32)
    seconds: int = 4
    """The duration of each measurement."""
    rounds: int = 5
    """The rounds in which the servers take turns. Their median is reported, since a machine's speed varies."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_wrk()
        check_counts("connections", self.connections)
        check_counts("rounds", [self.rounds])
        check_counts("seconds", [self.seconds])
        with tempfile.TemporaryDirectory() as scratch, ExitStack() as up:
            servers = {name: up.enter_context(listening(name, self.model)) for name in (RIVAL, OURS)}
            rows = list(self._rounds(servers, *scripts(Path(scratch))))
        open_console().print(_table(rows))
        write_json(self.json, [asdict(row) for row in rows])

    def _rounds(self, servers: dict[str, Server], picture: Path, tensor: Path) -> Iterator[ServeRow]:
        for number in range(self.rounds):
            for name, other in ((RIVAL, OURS), (OURS, RIVAL))[:: -1 if number % 2 else 1]:
                with servers[other].paused():
                    wrk(f"{servers[name].url}/v1/digits", picture, max(self.connections), WARM_S)
                    yield from self._pictures(number, name, servers[name].url, picture)
                    if name == OURS:
                        yield from self._more(number, servers[name].url, tensor)

    def _pictures(self, number: int, name: str, url: str, picture: Path) -> Iterator[ServeRow]:
        for connections in self.connections:
            measured = wrk(f"{url}/v1/digits", picture, connections, self.seconds)
            yield ServeRow(number, name, PICTURE, connections, *measured)

    def _more(self, number: int, url: str, tensor: Path) -> Iterator[ServeRow]:
        """The routes that the FastAPI rival does not have."""
        target = f"{url}/v2/models/{self.model.partition(':')[0]}/infer"
        connections = max(self.connections)
        yield ServeRow(number, OURS, TENSOR, connections, *wrk(target, tensor, connections, self.seconds))
        live = f"{url.replace('http', 'ws', 1)}/v1/live"
        yield ServeRow(number, OURS, LIVE, 1, *live_frames(live, self.seconds), 0)


def _table(rows: list[ServeRow]) -> Table:
    """The medians over the rounds; each ratio is the median of the rounds' ratios."""
    table = Table("server", "request", "connections", "per s", "p50 ms", "p99 ms", "failed", "of FastAPI")
    measured: dict[tuple[str, str, int], list[ServeRow]] = defaultdict(list)
    for row in rows:
        measured[row.server, row.what, row.connections].append(row)
    for (server, what, connections), mine in measured.items():
        table.add_row(
            server,
            what,
            str(connections),
            f"{statistics.median(row.requests_per_second for row in mine):,.0f}",
            f"{statistics.median(row.p50_ms for row in mine):.2f}",
            f"{statistics.median(row.p99_ms for row in mine):.2f}",
            str(sum(row.failed for row in mine)),
            _remark(mine, measured.get((RIVAL, what, connections), [])),
        )
    return table


def _remark(mine: list[ServeRow], rival: list[ServeRow]) -> str:
    if mine[0].what == TENSOR:
        return f"{ROWS * statistics.median(row.requests_per_second for row in mine):,.0f} digits/s"
    if mine[0].server == RIVAL or not rival:
        return ""
    of_round = {row.round: row for row in rival}
    ratios = [row.requests_per_second / of_round[row.round].requests_per_second for row in mine]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
