"""Workers stand on nodes: what is free on several is no room for one that needs all of it."""

from __future__ import annotations

import pytest

from pipelines.errors import ClusterError
from pipelines.ray_runtime.nodes import Node
from pipelines.training.capacity import WorkerResources, plan_workers


def resources(nodes: list[Node], workers: int, cpus: float | None = None, gpus: float = 0) -> WorkerResources:
    return plan_workers(nodes, workers, cpus, gpus, cuda_graph=True)


def refusal(nodes: list[Node], workers: int, cpus: float | None = None, gpus: float = 0) -> str:
    with pytest.raises(ClusterError) as caught:
        resources(nodes, workers, cpus, gpus)
    return str(caught.value)


@pytest.mark.parametrize(
    ("free", "workers", "cpus"),
    [
        ([2], 1, 2),
        ([2], 2, 1),
        ([5], 2, 2),
        ([4, 4], 2, 4),
        ([4, 4], 3, 2),
        ([4, 2], 1, 4),
        ([4, 2], 3, 2),
        ([1.5], 1, 1),
    ],
)
def test_without_a_wish_each_takes_the_most_with_which_all_find_room(
    free: list[float], workers: int, cpus: float
) -> None:
    assert resources([Node(one) for one in free], workers) == WorkerResources(workers, cpus)


def test_where_gpus_are_few_the_cpus_beside_them_are_shared() -> None:
    assert resources([Node(8, 2), Node(64, 0)], 2, gpus=1) == WorkerResources(2, 4, 1)


@pytest.mark.parametrize(("free", "cpus", "workers"), [([4, 4], 4, 2), ([4], 0.1, 40), ([2, 2], 1, 4)])
def test_what_fits_is_taken(free: list[float], cpus: float, workers: int) -> None:
    assert resources([Node(one) for one in free], workers, cpus).cpus == cpus


def test_one_worker_does_not_stand_on_two_nodes() -> None:
    assert refusal([Node(2), Node(2, 1)], 1, cpus=4) == (
        "1 workers with 4 CPUs each do not fit: there is room for 0 in what is free, "
        "node by node: 2 CPUs and 0 GPUs; 2 CPUs and 1 GPUs. Take fewer workers, or less for each."
    )


def test_nor_do_cpus_and_gpus_of_two_nodes_make_one_worker() -> None:
    assert "2 workers with 2 CPUs and 1 GPUs each do not fit: there is room for 1" in refusal(
        [Node(2, 1), Node(1, 1)], 2, cpus=2, gpus=1
    )
    assert "with 1 CPUs and 1 GPUs each do not fit: there is room for 0" in refusal([Node(4)], 1, gpus=1)


def test_more_workers_than_cpus() -> None:
    assert "5 workers with 1 CPUs each do not fit: there is room for 4" in refusal([Node(4)], 5)
    assert "is free, node by node: nothing." in refusal([], 1)


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1, 1), (3.5, 3)])
def test_a_worker_has_a_thread_for_each_whole_cpu(cpus: float, threads: int) -> None:
    assert WorkerResources(workers=2, cpus=cpus).threads == threads
