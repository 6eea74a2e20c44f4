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
"""What an actor may take to finish what it is at when the run has failed."""

_refresh = _ActorPool.refresh_actor_state


@contextmanager
def patched_actor_pool(on_actor_death: Callable[[], object]) -> Iterator[None]:
    """For the one pipeline that runs within.

    Ray Data counts on its actors' being started again; where they are not, it keeps the dead, and waits for ever. What
    `noticed` raises ends the pipeline.
    """
    pool: list[Any] = []

    def refresh(self: _ActorPool) -> None:
        # One that dies at work needs no notice: what it was given fails, and with it the pipeline.
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
    """Ray would let them live on for as long as the error is held that ended the run, and keep the room they take."""
    if at_work := [actor.__ray_ready__.remote() for actor in actors if actor._get_local_state() == _ACTOR_STATE_ALIVE]:
        ray.wait(at_work, num_returns=len(at_work), timeout=LINGER_S)
    for actor in actors:
        ray.kill(actor)
