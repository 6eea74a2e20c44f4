"""Where the workers pin what the driver shows: an actor of a few lines, so that the driver need not read their logs."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class Board:
    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._stop: str | None = None

    def post(self, event: dict[str, Any]) -> None:
        # Only the newest step is worth showing.
        if event["kind"] == "step" and self._events and self._events[-1]["kind"] == "step":
            self._events.pop()
        self._events.append(event)

    def drain(self) -> list[dict[str, Any]]:
        events, self._events = self._events, []
        return events

    def stop(self, reason: str) -> None:
        self._stop = reason

    def stopped(self) -> str | None:
        return self._stop


def start_board() -> Any:
    """Beside the driver, so that no other node's death takes it along."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(Board).options(scheduling_strategy=here).remote()


def drained(board: Any) -> list[dict[str, Any]]:
    """Nothing from a board that is lost: a run goes on without being shown."""
    try:
        return ray.get(board.drain.remote())
    except RayError:
        return []


def why_stopped(board: Any) -> str | None:
    try:
        return ray.get(board.stopped.remote())
    except RayError:
        return None
