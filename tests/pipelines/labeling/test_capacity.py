"""How many actors fit: decided from what is free alone."""

from __future__ import annotations

import pytest

from pipelines.errors import ClusterError, UsageError
from pipelines.labeling.capacity import Capacity, Needs, plan_capacity, remaining_capacity
from pipelines.ray_runtime.nodes import Node
from tests.stores import refusal


def capacity(
    nodes: list[Node], threads: int | None = None, gpus: float = 0, low: int | None = None, high: int | None = None
) -> Capacity:
    return plan_capacity(nodes, threads, gpus, low, high)


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (1, Capacity(1, 0.5, 0, 1, 1)),
        (2, Capacity(2, 1.5, 0, 1, 1)),
        (8, Capacity(4, 3.5, 0, 1, 2)),
        (64, Capacity(4, 3.5, 0, 1, 17)),
    ],
)
def test_what_is_taken_where_nothing_is_wished(cpus: int, expected: Capacity) -> None:
    assert capacity([Node(cpus, 0)]) == expected


def test_an_actor_fits_into_one_node_or_none() -> None:
    assert capacity([Node(8, 0), Node(8, 0), Node(3, 0)]).max_actors == 4
    assert capacity([Node(8, 0), Node(3, 0)], threads=3).max_actors == 3


@pytest.mark.parametrize(("gpus", "actors"), [(1, 2), (0.5, 4), (0.1, 5), (2, 1)])
def test_gpus_are_shared_by_fractions_as_far_as_the_cpus_go(gpus: float, actors: int) -> None:
    made = capacity([Node(4, 2), Node(64, 0)], threads=1, gpus=gpus)
    assert (made.gpus, made.max_actors) == (gpus, actors)


@pytest.mark.parametrize(
    ("free", "gpus", "actors"),
    [
        *((3, 0.25, 12), (3, 0.4, 6), (3, 1, 3), (3, 2, 1), (4, 2, 2), (3, 0.7, 3), (3, 0.3333, 9), (3, 1 / 3, 9)),
        *((1, 1 / 6, 5), (1, 0.0001, 10_000), (2.5, 1, 2), (3.5, 2, 1), (1.8, 0.4, 4), (0.3, 0.4, 0), (1, 1, 1)),
    ],
)
def test_a_share_lies_on_one_gpu_and_whole_ones_are_not_shared(free: float, gpus: float, actors: int) -> None:
    assert Node(1e6, free).holds(0.75, gpus) == actors


@pytest.mark.parametrize(
    ("node", "engine", "high", "gpus", "actors"),
    [
        *((Node(64, 2), "auto", None, 0.25, 8), (Node(5, 2), "auto", None, 0.3333, 6), (Node(2, 2), "auto", 1, 1, 1)),
        *((Node(64, 1), "auto", 2, 0.5, 2), (Node(64, 1), "torch_cuda", 1, 1, 1), (Node(64, 1), "pytorch", 1, 1, 1)),
        *((Node(64, 1), "openvino", 9, 0, 9), (Node(64, 1), "onnxruntime", 9, 0, 9), (Node(64), "auto", 9, 0, 9)),
    ],
)
def test_where_nothing_is_said_readers_share_the_gpus_that_the_engine_can_use(
    node: Node, engine: str, high: int | None, gpus: float, actors: int
) -> None:
    made = plan_capacity([node], 1, None, None, high, engine=engine)
    assert (made.gpus, made.max_actors) == (gpus, actors)


def test_where_others_have_the_cpus_beside_the_gpus_auto_reads_on_the_cpus_elsewhere() -> None:
    made = plan_capacity([Node(0, 1), Node(64)], 1, None, None, 9)
    assert (made.gpus, made.max_actors) == (0, 9)


def test_an_engine_for_gpus_without_one_is_refused() -> None:
    assert refusal(ClusterError, lambda: plan_capacity([Node(8)], 1, None, None, None, engine="torch_cuda")) == (
        "The engine torch_cuda computes on a GPU, and none is free, node by node: 8 CPUs and 0 GPUs. "
        "Wait until others are done, or take another engine, or auto."
    )
    said = refusal(ClusterError, lambda: plan_capacity([Node(0, 1)], 1, None, None, None, engine="torch_cuda"))
    assert said.startswith("One actor needs 0.75 CPUs (1 threads) and 1 GPUs on one node")


@pytest.mark.parametrize(
    ("gpus", "words"),
    [(0, ""), (0.25, ", each with 0.25 of a GPU"), (1, ", each with a GPU"), (2, ", each with 2 GPUs")],
)
def test_it_is_told_with_the_gpus_of_each(gpus: float, words: str) -> None:
    assert str(Capacity(4, 3.5, gpus, 1, 3)) == f"1 to 3 readers of 4 threads{words}"


@pytest.mark.parametrize(
    ("node", "gpus", "sure"),
    [
        *(
            (Node(4, 3, 3), 1, True),
            (Node(4, 3, 3), 2, True),
            (Node(4, 1.2, 3), 0.4, True),
            (Node(4, 0.9, 1), 0.9, True),
        ),
        *((Node(4, 0.9, 3), 0.4, False), (Node(4, 2.5, 3), 1, False), (Node(4, 1.8, 2), 1, False)),
        *((Node(4, 0.3, 1), 0.4, False), (Node(0, 3, 3), 1, False), (Node(4, 0, 0), 0, True)),
    ],
)
def test_where_parts_of_gpus_are_taken_one_is_sure_to_fit_or_not(node: Node, gpus: float, sure: bool) -> None:
    assert node.surely_holds_one(0.75, gpus) is sure


@pytest.mark.parametrize(("low", "high"), [(None, 5), (5, None), (1, 5), (5, 5)])
def test_more_than_fits_is_scaled_down_with_a_remark(low: int | None, high: int | None) -> None:
    made = capacity([Node(8, 0)], low=low, high=high)
    assert (made.min_actors, made.max_actors) == (2 if low == 5 else 1, 2)
    assert made.remark == "5 actors of 4 threads do not fit into what is free; taking 2 until more is"


def test_what_is_wished_and_fits_is_taken_without_a_remark() -> None:
    assert capacity([Node(64, 0)], threads=2, low=3, high=5) == Capacity(2, 1.5, 0, 3, 5, limit=5)
    assert capacity([Node(64, 0)], threads=2, low=3) == Capacity(2, 1.5, 0, 3, 36)


@pytest.mark.parametrize(
    ("nodes", "threads", "gpus", "words"),
    [
        ([Node(2, 0)], 4, 0, ("3.75 CPUs (4 threads) and 0 GPUs", "2 CPUs and 0 GPUs")),
        (
            [Node(2, 0.5), Node(0.5, 1)],
            None,
            1,
            ("1.75 CPUs (2 threads) and 1 GPUs", "2 CPUs and 0.5 GPUs; 0.5 CPUs and 1 GPUs"),
        ),
        ([], None, 0, ("0.75 CPUs (1 threads) and 0 GPUs", "nothing")),
    ],
)
def test_where_not_one_fits_it_is_refused_with_what_is_free(
    nodes: list[Node], threads: int | None, gpus: float, words: tuple[str, str]
) -> None:
    assert refusal(ClusterError, lambda: capacity(nodes, threads, gpus)) == (
        f"One actor needs {words[0]} on one node, its reader included, and free are, node by node: {words[1]}. "
        f"Wait until others are done, or take fewer threads{' or GPUs' if gpus else ''} for each actor."
    )


def test_a_minimum_above_the_maximum_is_refused() -> None:
    assert refusal(UsageError, lambda: capacity([Node(64, 0)], low=3, high=2)) == (
        "At least 3 actors are more than the 2 at most; ask for fewer."
    )


def test_where_the_tasks_compute_every_core_has_one() -> None:
    made = plan_capacity([Node(8, 0), Node(3, 0)], None, 0, None, None, Needs(most_threads=1, tasks_compute=True))
    assert (made.threads, made.cpus, made.tasks) == (1, 0.5, 11)
    assert capacity([Node(8, 0)]).tasks == 4


@pytest.mark.parametrize(("high", "free", "most"), [(None, 8, 6), (5, 8, 5), (5, 0, 2), (None, 0, 2), (3, 80, 3)])
def test_where_more_is_free_there_may_be_more_actors_up_to_what_was_asked_for(
    high: int | None, free: int, most: int
) -> None:
    made = capacity([Node(8, 0)], high=high)
    assert made.max_actors == 2
    assert made.most_actors(2, [Node(free, 0), Node(free, 0)]) == most


def test_a_pool_that_has_grown_is_fed_by_more_tasks() -> None:
    assert capacity([Node(8, 0)]).tasks_for(5) == 10
    made = plan_capacity([Node(8, 0)], None, 0, None, None, Needs(most_threads=1, tasks_compute=True))
    assert (made.max_actors, made.tasks, made.tasks_for(20)) == (10, 8, 16)


def test_lost_nodes_leave_room_for_fewer_actors() -> None:
    made = capacity([Node(8, 0)] * 3, threads=2, low=6)
    assert (made.min_actors, made.max_actors) == (6, 12)
    left = remaining_capacity(made, [Node(8, 0)])
    assert (left.min_actors, left.max_actors, left.threads, left.cpus) == (4, 4, 2, 1.5)
    assert remaining_capacity(made, [Node(8, 0)] * 4) == made


def test_room_that_is_lost_altogether_is_told() -> None:
    made = capacity([Node(8, 1), Node(8, 0)], gpus=1)
    words = refusal(ClusterError, lambda: remaining_capacity(made, [Node(8, 0)]))
    assert "no actor fits into those that are left" in words and "8 CPUs and 0 GPUs" in words
    assert "start the same run again" in words
