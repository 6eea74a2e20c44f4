"""Ray Data's pool of actors, made to grow with the cluster, to notice an actor that dies while it has nothing to do,
and to end when the run fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.data._internal.execution.backpressure_policy.concurrency_cap_backpressure_policy import (
    ConcurrencyCapBackpressurePolicy,
)
from ray.data._internal.execution.operators.actor_pool_map_operator import (
    _ACTOR_STATE_ALIVE,
    _ACTOR_STATE_DEAD,
    _ActorPool,
)

LINGER_S = 10.0
"""The seconds that an actor may take to finish its task when the run has failed."""

GROW_S = 2.0
"""Seconds between two looks whether there is room for more actors."""

_refresh = _ActorPool.refresh_actor_state
_can_add_input = ConcurrencyCapBackpressurePolicy.can_add_input


@dataclass
class Growth:
    """How a pool grows, and with it the number of tasks that feed it; Ray Data leaves both as they are at the start."""

    most_actors: Callable[[int], int]
    """How many there may be now, where there are so many."""
    tasks_for: Callable[[int], int]
    """How many tasks may run at a time to feed so many actors."""
    _actors: int = 0
    _looked: float = field(default_factory=time.monotonic)

    def grow(self, pool: Any) -> None:
        if (now := time.monotonic()) - self._looked < GROW_S:
            return
        self._looked = now
        # An actor that is not yet ready has its place, or waits for one that is counted as free.
        most = max(self.most_actors(len(pool._running_actors)), pool.current_size())
        if most > pool.max_size():
            pool._config = replace(pool._config, max_size=most)
            self._actors = most

    def cap(self, limit: float) -> float:
        """The most tasks of an operator at a time, if their number is limited at all."""
        return max(limit, self.tasks_for(self._actors)) if math.isfinite(limit) and self._actors else limit


@contextmanager
def patched_actor_pool(on_actor_death: Callable[[], object], growth: Growth) -> Iterator[None]:
    """Patch the pool of the one pipeline that runs within, so that it grows and notices idle actors that died.

    Ray Data expects dead actors to be restarted; where they are not, it keeps them and waits for them forever.
    `on_actor_death` is called for each, and what it raises ends the pipeline.
    """
    pool: list[Any] = []

    def refresh(self: _ActorPool) -> None:
        # One that dies at work needs no notice: its task fails, and with it the pipeline.
        for actor, state in list(self._running_actors.items()):
            if state.num_tasks_in_flight == 0 and actor._get_local_state() == _ACTOR_STATE_DEAD:
                self._release_running_actor(actor)
                on_actor_death()
        _refresh(self)
        growth.grow(self)
        pool[:] = [*self._running_actors, *self._pending_actors.values()]

    def can_add_input(self: ConcurrencyCapBackpressurePolicy, op: Any) -> bool:
        self._concurrency_caps[op] = growth.cap(self._concurrency_caps[op])
        return _can_add_input(self, op)

    ConcurrencyCapBackpressurePolicy.can_add_input = can_add_input  # type: ignore[method-assign]
    _ActorPool.refresh_actor_state = refresh  # type: ignore[method-assign]
    try:
        yield
    except Exception:
        _end(pool)
        raise
    finally:
        pool.clear()
        ConcurrencyCapBackpressurePolicy.can_add_input = _can_add_input  # type: ignore[method-assign]
        _ActorPool.refresh_actor_state = _refresh  # type: ignore[method-assign]


def _end(actors: list[Any]) -> None:
    """Kill the actors: Ray would let them live, and keep their resources, as long as the run's error is referenced."""
    if at_work := [actor.__ray_ready__.remote() for actor in actors if actor._get_local_state() == _ACTOR_STATE_ALIVE]:
        ray.wait(at_work, num_returns=len(at_work), timeout=LINGER_S)
    for actor in actors:
        ray.kill(actor)
