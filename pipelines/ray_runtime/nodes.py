"""The resources of the cluster's nodes, checked before a run: Ray would wait in silence for what never comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ray
from ray.util.placement_group import placement_group, remove_placement_group

SHARES = 10_000
"""The smallest fraction of a GPU that Ray hands out is one in this many."""
PLACED_S = 20.0
"""Seconds after which what Ray has not placed has no place."""


@dataclass(frozen=True)
class Node:
    cpus: float
    gpus: float = 0
    gpus_in_all: float = 0
    """With those that are taken, if some are."""

    def surely_holds_one(self, cpus: float, gpus: float) -> bool:
        """Whether one fits however what is taken lies on the GPUs: Ray tells of their free parts only the sum."""
        if not self.holds(cpus, gpus):
            return False
        # One GPU at least has as much left as all have on average.
        return not gpus or round(self.gpus * SHARES) >= int(self.gpus_in_all * min(gpus, 1) * SHARES)

    def holds(self, cpus: float, gpus: float) -> int:
        """How many workers with these resources fit on the node, if what is taken of GPUs lies on as few as can be."""
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
    in_all = {node["NodeID"]: node["Resources"].get("GPU", 0.0) for node in ray.nodes()}
    free = ray._private.state.available_resources_per_node()
    return [Node(there.get("CPU", 0.0), there.get("GPU", 0.0), in_all.get(name, 0.0)) for name, there in free.items()]


def all_nodes() -> list[Node]:
    """The resources of each node that is alive, free or not."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(there.get("CPU", 0.0), gpus := there.get("GPU", 0.0), gpus) for there in alive]


def has_room(nodes: Sequence[Node], cpus: float, gpus: float) -> bool:
    """Whether some node can take a worker with these resources now; Ray itself is asked where that is not sure."""
    if any(node.surely_holds_one(cpus, gpus) for node in nodes):
        return True
    if not any(node.holds(cpus, gpus) for node in nodes):
        return False
    group = placement_group([{"CPU": cpus, "GPU": gpus}])
    try:
        return bool(group.wait(PLACED_S))
    finally:
        remove_placement_group(group)


def describe_nodes(nodes: Sequence[Node]) -> str:
    return "; ".join(f"{node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in nodes) or "nothing"
