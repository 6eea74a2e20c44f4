from __future__ import annotations

import pickle

import pytest
from ray.exceptions import (
    ActorDiedError,
    AuthenticationError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.train import ControllerError, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError, WorkerHealthCheckFailedError

from pipelines.ray_runtime.failures import a_process_died, a_training_worker_died, is_token_error

NO_ENGINE = ActorDiedError(RayTaskError("__init__", "the trace", ValueError("there is no engine")))


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("the node is full"),
        WorkerCrashedError(),
        RayActorError(),
        NodeDiedError("it is gone"),
        ObjectLostError("ab" * 28, None, ""),
    ],
)
def test_a_process_that_is_gone_has_died_with_what_it_held(error: Exception) -> None:
    assert a_process_died(error)
    assert a_process_died(RayTaskError("label", "the trace", error).as_instanceof_cause())


def test_what_went_wrong_within_a_process_is_no_death() -> None:
    assert not a_process_died(ValueError("it is none"))


@pytest.mark.parametrize(
    "error",
    [
        NO_ENGINE,
        pickle.loads(pickle.dumps(NO_ENGINE)),
        RayTaskError("label", "the trace", NO_ENGINE).as_instanceof_cause(),
    ],
)
def test_an_actor_whose_constructor_raised_did_not_die(error: Exception) -> None:
    assert not a_process_died(error)


NO_ANSWER = WorkerHealthCheckFailedError("worker 0 does not answer", ActorDiedError())


@pytest.mark.parametrize(
    "error",
    [
        WorkerGroupError("words", {1: NO_ANSWER}),
        WorkerGroupError("words", {0: RuntimeError("the connection was closed"), 1: NO_ANSWER}),
        ControllerError(WorkerGroupStartupFailedError("one of the workers failed to initialize")),
        ControllerError(ActorDiedError()),
        ActorDiedError(),
    ],
)
def test_a_worker_of_a_training_died(error: Exception) -> None:
    assert a_training_worker_died(error)
    assert a_training_worker_died(pickle.loads(pickle.dumps(error)))


@pytest.mark.parametrize(
    "error",
    [
        WorkerGroupError("words", {0: ValueError("it is none")}),
        ControllerError(OSError("the disk is full")),
        RayTaskError("run", "the trace", ValueError("it is none")),
    ],
)
def test_what_went_wrong_in_a_training_is_no_death(error: Exception) -> None:
    assert not a_training_worker_died(error)


def test_a_token_is_asked_for_where_there_is_none_or_another() -> None:
    other = ConnectionError("it cannot be reached")
    other.__cause__ = RuntimeError("Traceback\nray.exceptions.AuthenticationError: the token is another")
    assert is_token_error(AuthenticationError("there is none"))
    assert is_token_error(other)
    assert not is_token_error(ConnectionError("it cannot be reached"))
