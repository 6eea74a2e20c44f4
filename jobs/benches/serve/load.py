"""A server to measure, in a process of its own, and wrk to load it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil

from cluster.processes import TAG, owned
from jobs._ports import free_ports
from pipelines.drawing.pen import draw_digit
from pipelines.errors import InkrayError, UsageError
from pipelines.images import to_model_input

START_S = 180.0
END_S = 60.0
ROWS = 64
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def check_wrk() -> None:
    if not shutil.which("wrk"):
        raise UsageError("This bench needs wrk, which is not on the PATH; on Debian: apt-get install wrk.")


def scripts(folder: Path) -> tuple[Path, Path]:
    """The wrk scripts that send a PNG, and a tensor of many digits."""
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


def paced(script: Path, pause_ms: float) -> Path:
    """A script that waits between an answer and the next request on each connection, and counts the statuses."""
    lines = (
        script.read_text(),
        f"function delay() return math.random(0, {round(2 * pause_ms)}) end",
        "counts = {}",
        "function response(status) counts[status] = (counts[status] or 0) + 1 end",
        "local asking",
        "function setup(thread) asking = thread end",
        'function done() for status, count in pairs(asking:get("counts")) do print("status", status, count) end end',
    )
    path = script.with_name(f"{script.stem}-paced.lua")
    path.write_text("\n".join(lines))
    return path


def _script(path: Path, body: bytes, headers: dict[str, str]) -> Path:
    path.write_bytes(body)
    lines = [f'wrk.headers["{name}"]="{value}"' for name, value in headers.items()]
    lines += ['wrk.method="POST"', f'local file=io.open("{path}", "rb"); wrk.body=file:read("*a"); file:close()']
    script = path.with_suffix(".lua")
    script.write_text("\n".join(lines))
    return script


def wrk(url: str, script: Path, connections: int, seconds: int) -> tuple[float, float, float, int]:
    """Requests per second, the median and 99th percentile of the latency in milliseconds, and the failures."""
    output = wrk_output(url, script, connections, seconds)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    total = unanswered(output) + (int(failed[1]) if failed else 0)
    return float(_found(r"Requests/sec:\s+([\d.]+)", output)[0]), _time("50%", output), _time("99%", output), total


def wrk_output(url: str, script: Path, connections: int, seconds: int) -> str:
    load = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    return subprocess.run(["wrk", *load, "-s", str(script), url], capture_output=True, text=True, check=True).stdout


def unanswered(output: str) -> int:
    """How many requests got no answer at all."""
    found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return sum(map(int, found.groups())) if found else 0


def _time(share: str, output: str) -> float:
    number, unit = _found(rf"\n\s+{share}\s+([\d.]+)(us|ms|s|m)", output)
    return float(number) * UNITS[unit]


def _found(pattern: str, output: str) -> tuple[str, ...]:
    found = re.search(pattern, output)
    if found is None:
        raise InkrayError(f"wrk printed nothing that matches {pattern!r}:\n{output}")
    return found.groups()


@dataclass(frozen=True)
class Server:
    url: str
    tag: str
    """The mark in the environment of every process that the server started, Ray's included."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the server's processes meanwhile, since even an idle cluster takes some CPU."""
        processes = owned(self.tag)
        _signal(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(processes, signal.SIGCONT)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@contextmanager
def listening(server: str, model: str) -> Iterator[Server]:
    port, metrics, stats = free_ports(3)
    tag = secrets.token_hex(8)
    own = {TAG: tag, "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics), "RAY_SERVE_HAPROXY_STATS_PORT": str(stats)}
    foreign = ("RAY_ADDRESS", "INKRAY_API_KEYS", "INKRAY_API_KEYS_FILE")
    env = {name: value for name, value in os.environ.items() if name not in foreign} | own
    command = [sys.executable, "-m", f"{__package__}.rivals", server, str(port), model]
    # In a session of its own, since all that shares its session counts as started by it.
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield Server(f"http://127.0.0.1:{port}", tag)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the server's stdin, on which it shuts down; kill it if it does not in time."""
    try:
        process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    picture = cv2.imencode(".png", draw_digit(7, np.random.default_rng(7)))[1].tobytes()
    deadline = time.monotonic() + START_S
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{url}/v1/digits", content=picture, headers={"Content-Type": "image/png"})
            if answer.is_success:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise InkrayError(f"The server did not answer at {url} within {START_S:.0f} s; its output is above.")
        time.sleep(0.2)
