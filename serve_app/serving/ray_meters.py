"""Sends the meters to Ray's metrics, and so to Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ray.serve.metrics import Counter, Histogram

from serve_app.serving.meters import BUCKETS, TAGS


class RaySink:
    def __init__(self) -> None:
        self._sums = {name: Counter(name, tag_keys=cast(Any, tags)) for name, tags in TAGS.items()}
        self._histograms = {
            name: Histogram(name, boundaries=list(bounds), tag_keys=("model",)) for name, bounds in BUCKETS.items()
        }

    def add(self, name: str, tags: Mapping[str, str], amount: float) -> None:
        self._sums[name].inc(amount, dict(tags))

    def observe(self, name: str, tags: Mapping[str, str], value: float) -> None:
        self._histograms[name].observe(value, dict(tags))
