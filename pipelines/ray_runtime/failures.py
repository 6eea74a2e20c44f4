"""Which of Ray's errors mean that a process died, with or without its node, and not that its work failed."""

from __future__ import annotations

from collections.abc import Iterator

from ray.exceptions import (
    AuthenticationError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    WorkerCrashedError,
)

RESTARTS = 3
"""More deaths than this in a row are no accident."""
PROCESS_DIED = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError)


def cause_chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it, as Ray and Python record it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__


def a_process_died(error: BaseException) -> bool:
    return any(isinstance(one, PROCESS_DIED) and not _constructor_raised(one) for one in cause_chain(error))


def _constructor_raised(error: BaseException) -> bool:
    """Ray counts an actor as dead, too, if its constructor raises, because an engine is missing for example."""
    return isinstance(error, RayActorError) and error.actor_init_failed


def a_training_worker_died(error: BaseException) -> bool:
    """Whether Ray Train gave up because a worker died: at work, during its setup, or before it had begun."""
    # Imported here, where Ray Train is loaded already: labelling does without it, and starts sooner.
    from ray.train import ControllerError, WorkerGroupError
    from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError, WorkerHealthCheckFailedError

    match error:
        case WorkerGroupError():
            return any(a_training_worker_died(failure) for failure in error.worker_failures.values())
        case ControllerError():
            return a_training_worker_died(error.controller_failure)
        case WorkerHealthCheckFailedError():
            return a_process_died(error.health_check_failure)
        case WorkerGroupStartupFailedError():
            return True
        case _:
            return a_process_died(error)


def is_token_error(error: BaseException) -> bool:
    """Whether a cluster refused this process because its token is missing or wrong."""
    # Ray raises this type only for a missing token; a wrong one shows only in the traceback text of the cause.
    return isinstance(error, AuthenticationError) or AuthenticationError.__name__ in str(error.__cause__)
