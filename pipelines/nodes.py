"""What the cluster's nodes have: asked before a run, since Ray would wait in silence for what never comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray


@dataclass(frozen=True)
class Node:
    cpus: float
    gpus: float = 0

    def holds(self, cpus: float, gpus: float) -> int:
        """How many fit here that take so much each."""
        each = [(self.cpus, cpus)] + ([(self.gpus, gpus)] if gpus else [])
        return min(int(there / wanted + 1e-9) for there, wanted in each)


def free_nodes() -> list[Node]:
    """What is free now on each node."""
    return [_node(free) for free in ray._private.state.available_resources_per_node().values()]


def all_nodes() -> list[Node]:
    """What each node that is alive has, free or not."""
    return [_node(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def _node(resources: dict[str, Any]) -> Node:
    return Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def told(nodes: Sequence[Node]) -> str:
    return "; ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes) or "nothing"
