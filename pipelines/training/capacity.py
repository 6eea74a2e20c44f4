"""Whether the workers fit into the cluster, node by node, and how many CPUs each may take."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.errors import ClusterError
from pipelines.ray_runtime.nodes import Node, describe_nodes


@dataclass(frozen=True)
class WorkerResources:
    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    cuda_graph: bool = True

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))


def plan_workers(nodes: list[Node], workers: int, cpus: float | None, gpus: float, cuda_graph: bool) -> WorkerResources:
    """Refuse workers that do not fit, since Ray would wait for them in silence."""
    cpus = cpus or _most_cpus(nodes, workers, gpus)
    fitting = sum(node.holds(cpus, gpus) for node in nodes)
    if fitting < workers:
        each = f"{cpus:g} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        raise ClusterError(
            f"{workers} workers with {each} each do not fit: there is room for {fitting} in what is free, "
            f"node by node: {describe_nodes(nodes)}. Take fewer workers, or less for each.",
            option="workers",
        )
    return WorkerResources(workers, cpus, gpus, cuda_graph)


def _most_cpus(nodes: list[Node], workers: int, gpus: float) -> int:
    """The most CPUs for each worker with which all of them fit; 1 if they do not fit anyway."""
    for cpus in range(int(max((node.cpus for node in nodes), default=0)), 1, -1):
        if sum(node.holds(cpus, gpus) for node in nodes) >= workers:
            return cpus
    return 1
