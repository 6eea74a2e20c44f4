"""Ray Data's pool of actors, made to notice when one dies while it has nothing to do."""

from __future__ import annotations

from collections.abc import Callable

from ray.data._internal.execution.operators.actor_pool_map_operator import _ACTOR_STATE_DEAD, _ActorPool

_refresh = _ActorPool.refresh_actor_state


def replace_the_dead(noticed: Callable[[], object]) -> None:
    """Ray Data counts on its actors' being started again; where they are not, it keeps the dead, and waits for ever.

    What `noticed` raises ends the pipeline.
    """

    def refresh(pool: _ActorPool) -> None:
        # One that dies at work needs no notice: what it was given fails, and with it the pipeline.
        for actor, state in list(pool._running_actors.items()):
            if state.num_tasks_in_flight == 0 and actor._get_local_state() == _ACTOR_STATE_DEAD:
                pool._release_running_actor(actor)
                noticed()
        _refresh(pool)

    _ActorPool.refresh_actor_state = refresh  # type: ignore[method-assign]
