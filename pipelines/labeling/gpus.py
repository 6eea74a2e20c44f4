"""The GPUs of each actor: what is refused, and what is taken where nothing is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.errors import ClusterError, GpuError, UsageError
from pipelines.inference.engines.opening import FOR_CPUS, FOR_GPUS
from pipelines.ray_runtime.failures import a_process_died, cause_chain
from pipelines.ray_runtime.last_words import end_with
from pipelines.ray_runtime.nodes import Node, describe_nodes

MOST_ON_A_GPU = 4
"""Actors on one GPU where nobody says how many: while one decodes, copies or writes, another computes. Each of them
holds an engine and a CUDA context, some hundred MiB, and the GPU computes for one at a time, so more gain nothing."""
SHARES = tuple(round(1 / actors, 4) for actors in range(1, MOST_ON_A_GPU + 1))

GPU_FAILED = 76
"""Exit code of an actor whose GPU failed."""


def check_gpus(engine: str, gpus: float | None) -> None:
    if engine in FOR_GPUS and gpus == 0:
        raise UsageError(
            f"The engine {engine} computes on a GPU, and 0 of them means the CPU; give each reader some, or take "
            "another engine, or auto.",
            option="gpus_per_actor",
        )


def gpus_by_default(engine: str, nodes: list[Node], fitting: Callable[[float], int]) -> float:
    """The largest share with which as many actors fit as can, beside CPUs for each; `fitting` counts them."""
    if engine in FOR_CPUS:
        return 0
    if engine in FOR_GPUS and not any(node.gpus for node in nodes):
        raise ClusterError(
            f"The engine {engine} computes on a GPU, and none is free, node by node: {describe_nodes(nodes)}. "
            "Wait until others are done, or take another engine, or auto.",
            option="engine",
        )
    share = max(SHARES, key=fitting)
    return share if fitting(share) or engine in FOR_GPUS else 0


def lost(error: BaseException) -> bool:
    """Whether a process died, or never began to read since its GPU failed or is full: another may fare better."""
    # Of what a constructor raised, Ray keeps the traceback's text alone.
    failed = f"{GpuError.__module__}.{GpuError.__name__}: "
    return a_process_died(error) or any(failed in str(one) for one in cause_chain(error))


@contextmanager
def ending_with_the_gpu() -> Iterator[None]:
    """End this process where its GPU fails: only another can use the GPU again, and the pool replaces who dies."""
    try:
        yield
    except GpuError as error:
        end_with(str(error), GPU_FAILED)
