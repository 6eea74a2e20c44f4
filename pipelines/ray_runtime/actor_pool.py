"""Ray Data's pool of actors, made to notice when one dies while it has nothing to do, and to end when the run fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data._internal.execution.operators.actor_pool_map_operator import (
    _ACTOR_STATE_ALIVE,
    _ACTOR_STATE_DEAD,
    _ActorPool,
)

LINGER_S = 10.0
"""The seconds that an actor may take to finish its task when the run has failed."""

_refresh = _ActorPool.refresh_actor_state


@contextmanager
def patched_actor_pool(on_actor_death: Callable[[], object]) -> Iterator[None]:
    """Patch the pool of the one pipeline that runs within, so that it notices idle actors that died.

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
        pool[:] = [*self._running_actors, *self._pending_actors.values()]

    _ActorPool.refresh_actor_state = refresh  # type: ignore[method-assign]
    try:
        yield
    except Exception:
        _end(pool)
        raise
    finally:
        pool.clear()
        _ActorPool.refresh_actor_state = _refresh  # type: ignore[method-assign]


def _end(actors: list[Any]) -> None:
    """Kill the actors: Ray would let them live, and keep their resources, as long as the run's error is referenced."""
    if at_work := [actor.__ray_ready__.remote() for actor in actors if actor._get_local_state() == _ACTOR_STATE_ALIVE]:
        ray.wait(at_work, num_returns=len(at_work), timeout=LINGER_S)
    for actor in actors:
        ray.kill(actor)
