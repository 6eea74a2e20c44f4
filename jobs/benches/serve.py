"""Online speed by wrk: one PNG a request to the door and to a FastAPI route by hand, and 64 digits in a tensor."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs.benches.serve_live import CAMERA, live_frames
from jobs.benches.serve_load import ROWS, check_wrk, listening, scripts, wrk
from pipelines.writing import write_json

WARM_S = 3
LIVE = f"camera frames, {CAMERA:.0f} a second"


@dataclass(frozen=True)
class Row:
    server: str
    what: str
    connections: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True)
class ServeBench:
    """Requests a second beside bare FastAPI with the same engine; tensors and live frames. Needs wrk."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    connections: tuple[int, ...] = (1, 32)
    seconds: int = 6
    """That each measurement lasts."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_wrk()
        rows: list[Row] = []
        with tempfile.TemporaryDirectory() as scratch:
            picture, tensor = scripts(Path(scratch))
            for server in ("fastapi", "inkray"):
                with listening(server, self.model) as url:
                    wrk(f"{url}/v1/digits", picture, 8, WARM_S)
                    rows += [self._row(server, "PNG", url + "/v1/digits", picture, one) for one in self.connections]
                    if server == "inkray":
                        target = f"{url}/v2/models/{self.model.partition(':')[0]}/infer"
                        rows.append(self._row(server, f"tensor of {ROWS}", target, tensor, max(self.connections)))
                        live = f"{url.replace('http', 'ws', 1)}/v1/live"
                        rows.append(Row(server, LIVE, 1, *live_frames(live, self.seconds), 0))
        Console().print(_table(rows))
        write_json(self.json, [asdict(row) for row in rows])

    def _row(self, server: str, what: str, url: str, script: Path, connections: int) -> Row:
        return Row(server, what, connections, *wrk(url, script, connections, self.seconds))


def _table(rows: list[Row]) -> Table:
    """Ratios are against FastAPI with as many connections, in this run."""
    bare = {row.connections: row for row in rows if row.server == "fastapi"}
    table = Table("server", "sends", "at once", "requests/s", "p50 ms", "p99 ms", "failed", "against FastAPI")
    for row in rows:
        table.add_row(
            row.server,
            row.what,
            str(row.connections),
            f"{row.requests_per_second:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            str(row.failed),
            _remark(row, bare),
        )
    return table


def _remark(row: Row, bare: dict[int, Row]) -> str:
    if row.server == "fastapi" or row.what == LIVE:
        return ""
    if row.what != "PNG":
        return f"{ROWS * row.requests_per_second:,.0f} digits/s"
    rival = bare[row.connections]
    speed = row.requests_per_second / rival.requests_per_second
    return f"{speed:.2f}, p50 {row.p50_ms / rival.p50_ms:.2f}, p99 {row.p99_ms / rival.p99_ms:.2f}"
