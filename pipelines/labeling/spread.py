"""Pieces of work that need no reader, done by tasks all over the cluster before the labelling begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayTaskError

from pipelines.errors import InkrayError
from pipelines.ray_runtime.failures import RESTARTS, cause_chain
from pipelines.ray_runtime.gpus import hide_gpus
from pipelines.ray_runtime.nodes import free_nodes

T = TypeVar("T")
R = TypeVar("R")


def over_the_cluster(do: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """`do` of each, in order, on as many cores as are free; an error of ours is raised as itself."""
    # Limited by number and not by CPUs, since Ray would go on counting these as taken when the actors are planned.
    at_once = 2 * max(1, sum(int(node.cpus) for node in free_nodes()))
    task: Any = ray.remote(num_cpus=0, max_retries=RESTARTS, scheduling_strategy="SPREAD")(_done)
    put = ray.put(do)
    waiting: deque[Any] = deque()
    for thing in things:
        waiting.append(task.remote(put, thing))
        if len(waiting) >= at_once:
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _done(do: Callable[[T], R], thing: T) -> R:
    hide_gpus()
    return do(thing)


def _result(waiting: Any) -> Any:
    try:
        return ray.get(waiting)
    except Exception as error:
        if ours := of_ours(error):
            raise ours from error
        raise


def of_ours(error: BaseException) -> InkrayError | None:
    """The error of ours that a task raised; Ray wraps it in one that is of its kind, too, but says a stack trace."""
    for one in cause_chain(error):
        if isinstance(one, InkrayError) and not isinstance(one, RayTaskError):
            return one
    return None
