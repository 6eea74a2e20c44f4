"""How many actors fit into the cluster and what each may use; planned ahead, since Ray would silently wait."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from pipelines.errors import ClusterError, UsageError
from pipelines.labeling.gpus import gpus_by_default
from pipelines.ray_runtime.nodes import Node, describe_nodes, has_room

TASK_CPUS = 0.25
"""CPUs reserved for a read task. Decoding takes a whole core at times, but mostly it is the actors that compute."""
SHARED_CPUS = 0.5
"""CPUs that each actor leaves of its threads' CPUs to the read tasks that feed it."""


@dataclass(frozen=True)
class Needs:
    """What a workload takes by default."""

    most_threads: int = 4
    """Default maximum of threads per actor: further threads gain less than another actor."""
    tasks_compute: bool = False
    """Whether most of the work is in the read tasks, so that every core should run one."""


@dataclass(frozen=True)
class Capacity:
    threads: int
    cpus: float
    gpus: float
    min_actors: int
    max_actors: int
    remark: str | None = None
    """What was asked for and did not fit."""
    cores: int | None = None
    """Cores that run a read task each, if most of the work is in these tasks."""
    limit: int | None = None
    """The most actors that were asked for; as many there may be once there is room for them."""

    def __str__(self) -> str:
        share = "a GPU" if self.gpus == 1 else f"{self.gpus:g} GPUs" if self.gpus > 1 else f"{self.gpus:g} of a GPU"
        with_gpus = f", each with {share}" if self.gpus else ""
        return f"{self.min_actors} to {self.max_actors} readers of {self.threads} threads{with_gpus}"

    @property
    def tasks(self) -> int:
        """Read tasks that run at a time."""
        return self.tasks_for(self.max_actors)

    def tasks_for(self, actors: int) -> int:
        """Read tasks for a pool that has grown to so many actors."""
        if self.cores:
            return self.cores * actors // self.max_actors
        return actors * round(SHARED_CPUS / TASK_CPUS)

    def most_actors(self, held: int, free: list[Node]) -> int:
        """The most actors that there may be now, where so many are there, and so much is free beside them."""
        return min(self.limit or sys.maxsize, held + _fitting(free, self.cpus, self.gpus))


def plan_capacity(
    nodes: list[Node],
    threads: int | None,
    gpus: float | None,
    min_actors: int | None,
    max_actors: int | None,
    needs: Needs = Needs(),
    engine: str = "auto",
) -> Capacity:
    """Fit the actors into what is free; with `gpus` None each gets a share of a GPU that suits the engine."""
    if (min_actors or 1) > (max_actors or min_actors or 1):
        raise UsageError(
            f"At least {min_actors} actors are more than the {max_actors} at most; ask for fewer.", option="min_actors"
        )
    widest = int(max((node.cpus for node in nodes), default=0))
    threads = threads or min(max(1, widest), needs.most_threads)
    cpus = threads - SHARED_CPUS

    def fitting_with(gpus: float) -> int:
        return min(max_actors or sys.maxsize, _fitting(nodes, cpus, gpus))

    gpus = gpus_by_default(engine, nodes, fitting_with) if gpus is None else gpus
    fitting = _fitting(nodes, cpus, gpus)
    if not fitting:
        needed = Capacity(threads, cpus, gpus, 1, 1)
        fewer = "threads or GPUs" if gpus else "threads"
        raise ClusterError(
            f"{_too_small(nodes, needed, 'free')} Wait until others are done, or take fewer {fewer} for each actor.",
            option="threads",
        )
    most = min(max_actors or fitting, fitting)
    remark = None
    if (max_actors or 0) > fitting or (min_actors or 0) > fitting:
        requested = max(max_actors or 0, min_actors or 0)
        remark = f"{requested} actors of {threads} threads do not fit into what is free; taking {fitting} until more is"
    cores = max(1, sum(int(node.cpus) for node in nodes)) if needs.tasks_compute else None
    return Capacity(threads, cpus, gpus, min(min_actors or 1, most), most, remark, cores, max_actors)


def check_room(capacity: Capacity, nodes: list[Node]) -> None:
    """Refuse actors that fit by the sum of what is free of GPUs, but not on any one GPU."""
    if not has_room(nodes, capacity.cpus + TASK_CPUS, capacity.gpus):
        raise ClusterError(
            f"No GPU has as much left as one actor needs ({capacity.gpus:g}), though there is as much in all; free "
            f"are, node by node: {describe_nodes(nodes)}. Wait until others are done, or take less for each actor.",
            option="gpus_per_actor",
        )


def remaining_capacity(capacity: Capacity, nodes: list[Node]) -> Capacity:
    """The capacity after nodes were lost: fewer actors, or an error where Ray would wait for ever."""
    fitting = _fitting(nodes, capacity.cpus, capacity.gpus)
    if not fitting:
        raise ClusterError(
            f"Nodes were lost, and no actor fits into those that are left. {_too_small(nodes, capacity, 'left')} "
            "What was labelled is kept: start the same run again to go on."
        )
    most = min(capacity.max_actors, fitting)
    return replace(capacity, min_actors=min(capacity.min_actors, most), max_actors=most)


def _fitting(nodes: list[Node], cpus: float, gpus: float) -> int:
    # Each actor needs a task beside it that feeds it, or it would wait for ever.
    return sum(node.holds(cpus + TASK_CPUS, gpus) for node in nodes)


def _too_small(nodes: list[Node], capacity: Capacity, which: str) -> str:
    return (
        f"One actor needs {capacity.cpus + TASK_CPUS:g} CPUs ({capacity.threads} threads) "
        f"and {capacity.gpus:g} GPUs on one node, "
        f"its reader included, and {which} are, node by node: {describe_nodes(nodes)}."
    )
