"""What the workers of a training talk by, decided from the GPUs of each."""

from __future__ import annotations

import pytest

from pipelines.ray_runtime.process_group import kind_for


@pytest.mark.parametrize(("gpus", "kind"), [(0, "gloo"), (0.5, "gloo"), (1, "nccl"), (2, "nccl")])
def test_workers_that_may_share_a_gpu_do_without_nccl(gpus: float, kind: str) -> None:
    assert kind_for(gpus) == kind
