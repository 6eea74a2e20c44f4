"""How many actors fit into the cluster, and what each may use: asked before a run, since Ray would wait in silence."""

from __future__ import annotations

from dataclasses import dataclass

import ray

from pipelines.errors import ClusterError, UsageError

SHARED_CPUS = 0.5
"""What each actor leaves of its threads' CPUs to the tasks that feed it."""


@dataclass(frozen=True)
class Needs:
    """What a kind of work takes where nothing else is wished."""

    task_cpus: float = 0.25
    """Of a task that reads. Decoding takes a whole core at times, but mostly it is the actors that compute."""
    most_threads: int = 4
    """More threads of one engine gain less than another actor."""


@dataclass(frozen=True)
class Node:
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Room:
    threads: int
    cpus: float
    gpus: float
    min_actors: int
    max_actors: int
    remark: str | None = None
    """What was wished and did not fit."""
    task_cpus: float = Needs.task_cpus


def free_nodes() -> list[Node]:
    """What is free now on each node, in CPUs and GPUs."""
    free = ray._private.state.available_resources_per_node()
    return [Node(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in free.values()]


def make_room(
    nodes: list[Node],
    threads: int | None,
    gpus: float,
    min_actors: int | None,
    max_actors: int | None,
    needs: Needs = Needs(),
) -> Room:
    if (min_actors or 1) > (max_actors or min_actors or 1):
        raise UsageError(f"--min-actors {min_actors} is more than --max-actors {max_actors}.")
    widest = int(max((node.cpus for node in nodes), default=0))
    threads = threads or min(max(1, widest), needs.most_threads)
    cpus = threads - SHARED_CPUS
    # Tasks that want much take less rather than find no room at all.
    task = max(Needs.task_cpus, min(needs.task_cpus, widest - cpus))
    fitting = sum(_fitting(node, cpus, gpus, task) for node in nodes)
    if not fitting:
        raise ClusterError(_no_room(nodes, threads, cpus + task, gpus))
    most = min(max_actors or fitting, fitting)
    remark = None
    if (max_actors or 0) > fitting or (min_actors or 0) > fitting:
        wished = max(max_actors or 0, min_actors or 0)
        remark = f"{wished} actors of {threads} threads do not fit into what is free; taking {fitting}"
    return Room(threads, cpus, gpus, min(min_actors or 1, most), most, remark, task)


def _fitting(node: Node, cpus: float, gpus: float, task_cpus: float) -> int:
    # Each actor needs a task beside it that feeds it, or it would wait for ever.
    by_cpus = int(node.cpus // (cpus + task_cpus))
    return min(by_cpus, int(node.gpus / gpus + 1e-9)) if gpus else by_cpus


def _no_room(nodes: list[Node], threads: int, cpus: float, gpus: float) -> str:
    there = "; ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes) or "nothing"
    return (
        f"One actor needs {cpus:g} CPUs ({threads} threads) and {gpus:g} GPUs on one node, its reader "
        f"included, and free are, node by node: {there}. Take fewer --threads, or wait until others are done."
    )
