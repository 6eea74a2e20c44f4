"""The progress that workers report while they train, kept by an actor until the driver shows it."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class ProgressActor:
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


def start_progress_actor() -> Any:
    """Start it on the driver's node, so that it survives the death of any other."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(ProgressActor).options(scheduling_strategy=here).remote()


def drained(progress: Any) -> list[dict[str, Any]]:
    """The new events; none if the actor is lost, since a run goes on without being shown."""
    try:
        return ray.get(progress.drain.remote())
    except RayError:
        return []


def why_stopped(progress: Any) -> str | None:
    try:
        return ray.get(progress.stopped.remote())
    except RayError:
        return None
