"""What the readers of a job hold while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from cluster.processes import owned

READERS = ("ray::MapWorker", "ray::StreamReader")
"""The actors of bulk labelling and of streams, by the names of their processes."""
LOOK_S = 0.5


def readers_mib(tag: str) -> int:
    """Of all readers that a job with this tag has."""
    total = 0
    for process in owned(tag):
        with suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith(READERS):
                total += int(process.memory_info().rss >> 20)
    return total


@dataclass
class ReadersMemory:
    """Looked at every half second, from the first reader to the last."""

    samples: list[tuple[float, int]] = field(default_factory=list)

    def look(self, tag: str) -> None:
        if mib := readers_mib(tag):
            self.samples.append((time.monotonic(), mib))

    def in_words(self) -> Iterator[str]:
        if self.samples:
            shares = ", ".join(f"{self.at(share):,}" for share in (0.1, 0.5, 0.9))
            yield f"memory of inkray's readers after 10, 50 and 90 % of the time: {shares} MiB"

    def at(self, share: float) -> int:
        """The most of them in the twentieth of the time around this share, since single pages and parts differ."""
        first, last = self.samples[0][0], self.samples[-1][0]
        where, near = first + share * (last - first), (last - first) / 40
        return max(mib for at, mib in self.samples if abs(at - where) <= near + LOOK_S)
