"""Online speed by wrk: one PNG a request to the door and to a FastAPI route by hand, and 64 digits in a tensor."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import cv2
import httpx
import numpy as np
from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs.benches.serve_live import CAMERA, live_frames
from pipelines.errors import UsageError
from pipelines.images import to_model_input
from pipelines.pen import draw_digit

START_S = 180.0
WARM_S = 3
ROWS = 64
LIVE = f"camera frames, {CAMERA:.0f} a second"
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


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
        if not shutil.which("wrk"):
            raise UsageError("This bench needs wrk, which is not on the PATH; on Debian: apt-get install wrk.")
        rows: list[Row] = []
        with tempfile.TemporaryDirectory() as scratch:
            picture, tensor = _scripts(Path(scratch))
            for server in ("fastapi", "inkray"):
                with _listening(server, self.model) as url:
                    _wrk(f"{url}/v1/digits", picture, 8, WARM_S)
                    rows += [self._row(server, "PNG", url + "/v1/digits", picture, one) for one in self.connections]
                    if server == "inkray":
                        target = f"{url}/v2/models/{self.model.partition(':')[0]}/infer"
                        rows.append(self._row(server, f"tensor of {ROWS}", target, tensor, max(self.connections)))
                        live = f"{url.replace('http', 'ws', 1)}/v1/live"
                        rows.append(Row(server, LIVE, 1, *live_frames(live, self.seconds), 0))
        Console().print(_table(rows))
        if self.json:
            self.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))

    def _row(self, server: str, what: str, url: str, script: Path, connections: int) -> Row:
        return Row(server, what, connections, *_wrk(url, script, connections, self.seconds))


def _scripts(folder: Path) -> tuple[Path, Path]:
    """What wrk sends: a PNG, and a tensor of many digits."""
    digits = to_model_input([draw_digit(number % 10, np.random.default_rng(number)) for number in range(ROWS)])
    png = cv2.imencode(".png", digits[7])[1].tobytes()
    tensor = {"name": "images", "datatype": "UINT8", "shape": [ROWS, 28, 28]}
    size = {"parameters": {"binary_data_size": ROWS * 28 * 28}}
    asked = {"name": "probabilities", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [{**tensor, **size}], "outputs": [asked]}).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    return (
        _script(folder / "picture", png, {"Content-Type": "image/png"}),
        _script(folder / "tensor", head + digits.tobytes(), length),
    )


def _script(path: Path, body: bytes, headers: dict[str, str]) -> Path:
    path.write_bytes(body)
    lines = [f'wrk.headers["{name}"]="{value}"' for name, value in headers.items()]
    lines += ['wrk.method="POST"', f'local file=io.open("{path}", "rb"); wrk.body=file:read("*a"); file:close()']
    script = path.with_suffix(".lua")
    script.write_text("\n".join(lines))
    return script


def _wrk(url: str, script: Path, connections: int, seconds: int) -> tuple[float, float, float, int]:
    """Requests a second, the median and the 99th percentile in milliseconds, and how many failed."""
    load = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    told = subprocess.run(["wrk", *load, "-s", str(script), url], capture_output=True, text=True, check=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    total = int(failed[1]) if failed else 0
    total += sum(map(int, broken.groups())) if broken else 0
    return float(_found(r"Requests/sec:\s+([\d.]+)", told)[0]), _time("50%", told), _time("99%", told), total


def _time(share: str, told: str) -> float:
    number, unit = _found(rf"\n\s+{share}\s+([\d.]+)(us|ms|s|m)", told)
    return float(number) * UNITS[unit]


def _found(pattern: str, told: str) -> tuple[str, ...]:
    found = re.search(pattern, told)
    if found is None:
        raise UsageError(f"wrk said nothing that fits {pattern!r}:\n{told}")
    return found.groups()


@contextmanager
def _listening(server: str, model: str) -> Iterator[str]:
    port, metrics, stats = _free_ports(3)
    own = {"RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics), "RAY_SERVE_HAPROXY_STATS_PORT": str(stats)}
    foreign = ("RAY_ADDRESS", "INKRAY_API_KEYS", "INKRAY_API_KEYS_FILE")
    env = {name: value for name, value in os.environ.items() if name not in foreign} | own
    command = [sys.executable, "-m", "jobs.benches.serve_rivals", server, str(port), model]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.communicate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    picture = cv2.imencode(".png", draw_digit(7, np.random.default_rng(7)))[1].tobytes()
    deadline = time.monotonic() + START_S
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{url}/v1/digits", content=picture, headers={"Content-Type": "image/png"})
            if answer.is_success:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise UsageError(f"The server did not answer at {url} within {START_S:.0f} s; its words are above.")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


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
            _remark(row, bare[row.connections]),
        )
    return table


def _remark(row: Row, rival: Row) -> str:
    if row is rival or row.what == LIVE:
        return ""
    if row.what != "PNG":
        return f"{ROWS * row.requests_per_second:,.0f} digits/s"
    speed = row.requests_per_second / rival.requests_per_second
    return f"{speed:.2f}, p50 {row.p50_ms / rival.p50_ms:.2f}, p99 {row.p99_ms / rival.p99_ms:.2f}"
