"""The server's metrics, which Prometheus scrapes from Ray.

| name | tags | what |
|---|---|---|
| `inkray_requests` | `route`, `status` | requests answered |
| `inkray_request_seconds` | `route` | total seconds that they took |
| `inkray_errors` | `kind` | requests and items answered with an error, by its kind |
| `inkray_rows` | `model` | digits read |
| `inkray_none` | `model` | those of them read as `none`; a growing share means that the images have changed |
| `inkray_confidence` | `model` | sum of their confidences; by `inkray_rows` the mean, which falls when images change |
| `inkray_numbers` | `model` | runs of digits read in photos |
| `inkray_number_confidence` | `model` | sum of their confidences |
| `inkray_batches` | `model` | calls of the engine; `inkray_rows` divided by this is the mean batch size |
| `inkray_engine_seconds` | `model` | total seconds that the engine worked |
| `inkray_batch_rows` | `model` | histogram of the sizes of batches |
| `inkray_queue_ms` | `model` | histogram of how long the oldest digit of a batch had waited |
| `inkray_engine_ms` | `model` | histogram of how long a batch took |

Counting must cost a request nothing, so it only adds to sums here, which go to Ray once a second.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from serve_app.serving.batching import Batch

REPORT_S = 1.0
NONE = "none"
TAGS = {
    "inkray_requests": ("route", "status"),
    "inkray_request_seconds": ("route",),
    "inkray_errors": ("kind",),
    **dict.fromkeys(
        (
            *("inkray_rows", "inkray_none", "inkray_confidence", "inkray_batches", "inkray_engine_seconds"),
            *("inkray_numbers", "inkray_number_confidence"),
        ),
        ("model",),
    ),
}
MILLISECONDS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
BUCKETS = {
    "inkray_batch_rows": (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    "inkray_queue_ms": MILLISECONDS,
    "inkray_engine_ms": MILLISECONDS,
}


class Sink(Protocol):
    def add(self, name: str, tags: Mapping[str, str], amount: float) -> None: ...

    def observe(self, name: str, tags: Mapping[str, str], value: float) -> None: ...


class Meters:
    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._sums: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        self._observed: list[tuple[str, str, float]] = []

    def request(self, route: str, status: int, seconds: float) -> None:
        self._sums["inkray_requests", (route, str(status))] += 1
        self._sums["inkray_request_seconds", (route,)] += seconds

    def error(self, kind: str) -> None:
        self._sums["inkray_errors", (kind,)] += 1

    def batch(self, model: str, batch: Batch) -> None:
        reading = batch.read.reading
        for name, amount in (
            ("inkray_rows", batch.rows),
            ("inkray_none", int((reading.labels == NONE).sum())),
            ("inkray_confidence", float(reading.confidences.sum())),
            ("inkray_batches", 1),
            ("inkray_engine_seconds", batch.engine_s),
        ):
            self._sums[name, (model,)] += amount
        if self._sink:
            self._observed += [
                ("inkray_batch_rows", model, batch.rows),
                ("inkray_queue_ms", model, batch.waited_s * 1000),
                ("inkray_engine_ms", model, batch.engine_s * 1000),
            ]

    def numbers(self, model: str, confidences: Sequence[float]) -> None:
        self._sums["inkray_numbers", (model,)] += len(confidences)
        self._sums["inkray_number_confidence", (model,)] += sum(confidences)

    async def report(self) -> None:
        """Send what was counted to the sink, once a second, until cancelled."""
        while self._sink:
            await asyncio.sleep(REPORT_S)
            self.flush(self._sink)

    def flush(self, sink: Sink) -> None:
        sums, self._sums = self._sums, defaultdict(float)
        observed, self._observed = self._observed, []
        for (name, values), amount in sums.items():
            if amount:
                sink.add(name, dict(zip(TAGS[name], values, strict=True)), amount)
        for name, model, value in observed:
            sink.observe(name, {"model": model}, value)
