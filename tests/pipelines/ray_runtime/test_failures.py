from __future__ import annotations

import pytest
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError

from pipelines.ray_runtime.failures import a_process_died


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


def test_what_went_wrong_within_a_process_is_no_death() -> None:
    assert not a_process_died(ValueError("it is none"))
