"""Which of Ray's errors mean that a process died, with or without its node, and not that what it was told failed."""

from __future__ import annotations

from collections.abc import Iterator

from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError

RESTARTS = 3
"""After so many deaths in a row it is no accident."""
PROCESS_DIED = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError)


def cause_chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, as Ray and Python tell it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__


def a_process_died(error: BaseException) -> bool:
    # An actor whose constructor raises, for want of an engine for example, is said to have died, too.
    return any(isinstance(one, PROCESS_DIED) and "creation task" not in str(one) for one in cause_chain(error))
