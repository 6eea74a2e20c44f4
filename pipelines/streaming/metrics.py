"""How a stream fares, for Prometheus: the last status, at an address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipelines.errors import UsageError, first_line
from pipelines.streaming.driver import StreamListener
from pipelines.streaming.status import StreamStatus

PREFIX = "inkray_stream_"
COUNTERS = {
    "items": "items whose rows are in the sink, since the start",
    "rows": "their rows",
    "errors": "those of them that could not be read",
}
GAUGES = {
    "per_second": "items a second in the last minute",
    "delay_p50_s": "seconds from an item's arrival until its rows were visible, half of them faster",
    "delay_p99_s": "the same, 99 of 100 faster",
    "waiting": "items at the source that were not polled",
    "under_way": "items that were polled and whose rows are not in the sink",
    "oldest_s": "seconds since the oldest item arrived of those that wait or are under way",
    "readers": "actors that read",
}
ALERTS = "alerts"


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"{text!r} is no address; write 127.0.0.1:9464.", option="metrics")
        return cls(host.strip("[]"), int(port))


class MeteredListener:
    """Passes on what it is told, and shows it to whoever asks at the address."""

    def __init__(self, listener: StreamListener, address: Address) -> None:
        self._listener = listener
        self._status: StreamStatus | None = None
        self._alerts = 0
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, _ = start_http_server(address.port, address.host, registry)
        except OSError as error:
            raise UsageError(
                f"No metrics can be shown at {address.host}:{address.port}: {first_line(error)}; choose another "
                "address.",
                option="metrics",
            ) from error

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def line(self, text: str) -> None:
        self._listener.line(text)

    def alert(self, text: str) -> None:
        self._alerts += 1
        self._listener.alert(text)

    def status(self, status: StreamStatus) -> None:
        self._status = status
        self._listener.status(status)

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(PREFIX + ALERTS, "alerts told, since the start", self._alerts)
        if self._status is None:
            return
        known = self._status.as_dict()
        for name, what in COUNTERS.items():
            yield CounterMetricFamily(PREFIX + name, what, known[name])
        for name, what in GAUGES.items():
            yield GaugeMetricFamily(PREFIX + name, what, known[name])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
