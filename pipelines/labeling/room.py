"""How many actors fit into the cluster, and what each may use: asked before a run, since Ray would wait in silence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.errors import ClusterError, UsageError
from pipelines.nodes import Node, told

TASK_CPUS = 0.25
"""What a task that reads takes. Decoding takes a whole core at times, but mostly it is the actors that compute."""
SHARED_CPUS = 0.5
"""What each actor leaves of its threads' CPUs to the tasks that feed it."""


@dataclass(frozen=True)
class Needs:
    """What a kind of work takes where nothing else is wished."""

    most_threads: int = 4
    """More threads of one engine gain less than another actor."""
    tasks_compute: bool = False
    """Whether most of the work is in the tasks that read, so that every core is to have one."""


@dataclass(frozen=True)
class Room:
    threads: int
    cpus: float
    gpus: float
    min_actors: int
    max_actors: int
    remark: str | None = None
    """What was wished and did not fit."""
    cores: int | None = None
    """How many have a task each, where most of the work is in the tasks."""

    @property
    def tasks(self) -> int:
        """How many read at a time."""
        return self.cores or self.max_actors * round(SHARED_CPUS / TASK_CPUS)


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
    fitting = sum(_fitting(node, cpus, gpus) for node in nodes)
    if not fitting:
        needed = Room(threads, cpus, gpus, 1, 1)
        fewer = "--threads or --gpus-per-actor" if gpus else "--threads"
        raise ClusterError(f"{_no_room(nodes, needed, 'free')} Take fewer {fewer}, or wait until others are done.")
    most = min(max_actors or fitting, fitting)
    remark = None
    if (max_actors or 0) > fitting or (min_actors or 0) > fitting:
        wished = max(max_actors or 0, min_actors or 0)
        remark = f"{wished} actors of {threads} threads do not fit into what is free; taking {fitting}"
    cores = max(1, sum(int(node.cpus) for node in nodes)) if needs.tasks_compute else None
    return Room(threads, cpus, gpus, min(min_actors or 1, most), most, remark, cores)


def what_is_left(room: Room, nodes: list[Node]) -> Room:
    """The room after nodes were lost: fewer actors, or words where Ray would wait for ever."""
    fitting = sum(_fitting(node, room.cpus, room.gpus) for node in nodes)
    if not fitting:
        raise ClusterError(
            f"Nodes were lost, and no actor fits into those that are left. {_no_room(nodes, room, 'left')} "
            "What was labelled is kept: start the same run again to go on."
        )
    most = min(room.max_actors, fitting)
    return replace(room, min_actors=min(room.min_actors, most), max_actors=most)


def _fitting(node: Node, cpus: float, gpus: float) -> int:
    # Each actor needs a task beside it that feeds it, or it would wait for ever.
    return node.holds(cpus + TASK_CPUS, gpus)


def _no_room(nodes: list[Node], room: Room, which: str) -> str:
    return (
        f"One actor needs {room.cpus + TASK_CPUS:g} CPUs ({room.threads} threads) and {room.gpus:g} GPUs on one node, "
        f"its reader included, and {which} are, node by node: {told(nodes)}."
    )
