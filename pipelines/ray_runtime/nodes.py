"""The resources of the cluster's nodes, checked before a run: Ray would wait in silence for what never comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

SHARES = 10_000
"""The smallest fraction of a GPU that Ray hands out is one in this many."""


@dataclass(frozen=True)
class Node:
    cpus: float
    gpus: float = 0

    def holds(self, cpus: float, gpus: float) -> int:
        """How many workers with these resources fit on the node."""
        by_cpus = int(self.cpus / cpus + 1e-9)
        return min(by_cpus, self._holds_by_gpus(gpus)) if gpus else by_cpus

    def _holds_by_gpus(self, gpus: float) -> int:
        """A fraction lies on one GPU, and whole GPUs are not shared; what is free of shared GPUs counts as one rest."""
        there, needed = round(self.gpus * SHARES), max(1, round(gpus * SHARES))
        whole, rest = divmod(there, SHARES)
        if needed >= SHARES:
            return whole * SHARES // needed
        return whole * (SHARES // needed) + rest // needed


GPUS_TO_BE_HAD = "0, a share of one GPU such as 0.25, or a whole number"


def can_be_had(gpus: float) -> bool:
    """Whether Ray can assign this many GPUs to an actor: none, a fraction of one, or whole ones."""
    return gpus == 0 or 1 / SHARES <= gpus <= 1 or (gpus > 1 and float(gpus).is_integer())


def free_nodes() -> list[Node]:
    """The resources that are free on each node now."""
    return [_node(free) for free in ray._private.state.available_resources_per_node().values()]


def all_nodes() -> list[Node]:
    """The resources of each node that is alive, free or not."""
    return [_node(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def _node(resources: dict[str, Any]) -> Node:
    return Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def describe_nodes(nodes: Sequence[Node]) -> str:
    return "; ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes) or "nothing"
