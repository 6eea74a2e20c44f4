"""What the cluster's nodes have: asked before a run, since Ray would wait in silence for what never comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

SHARES = 10_000
"""Into so many a GPU can be divided, as Ray counts."""


@dataclass(frozen=True)
class Node:
    cpus: float
    gpus: float = 0

    def holds(self, cpus: float, gpus: float) -> int:
        """How many fit here that take so much each."""
        by_cpus = int(self.cpus / cpus + 1e-9)
        return min(by_cpus, self._holds_by_gpus(gpus)) if gpus else by_cpus

    def _holds_by_gpus(self, gpus: float) -> int:
        """A share lies on one GPU, and of whole ones none is shared. What is free of shared GPUs counts as one rest."""
        there, wanted = round(self.gpus * SHARES), max(1, round(gpus * SHARES))
        whole, rest = divmod(there, SHARES)
        if wanted >= SHARES:
            return whole * SHARES // wanted
        return whole * (SHARES // wanted) + rest // wanted


def can_be_had(gpus: float) -> bool:
    """Whether Ray can give anybody so many GPUs: none, a share of one, or whole ones."""
    return gpus == 0 or 1 / SHARES <= gpus <= 1 or (gpus > 1 and float(gpus).is_integer())


def free_nodes() -> list[Node]:
    """What is free now on each node."""
    return [_node(free) for free in ray._private.state.available_resources_per_node().values()]


def all_nodes() -> list[Node]:
    """What each node that is alive has, free or not."""
    return [_node(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def _node(resources: dict[str, Any]) -> Node:
    return Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def describe_nodes(nodes: Sequence[Node]) -> str:
    return "; ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes) or "nothing"
