"""Ray Data's settings for our pipelines."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data import DataContext
from ray.data._internal.cluster_autoscaler import ClusterAutoscaler
from ray.data._internal.execution import streaming_executor
from ray.data._internal.execution.interfaces import ExecutionResources
from ray.data._internal.execution.operators import actor_pool_map_operator
from ray.data._internal.stats import _StatsManager
from ray.util.annotations import RayDeprecationWarning


def quiet_ray_data() -> None:
    # Ray Data takes the number of restarts only through the argument that it deprecates.
    warnings.filterwarnings("ignore", message=".*ray_remote_args_fn", category=RayDeprecationWarning)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A shard must arrive as one block, and is never so large that it had to be split.
    context.target_max_block_size = 1 << 30
    for name in ("ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class FixedResources(ClusterAutoscaler):
    """What the cluster has and no more, for one pipeline alone."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._resources = ExecutionResources.from_resource_dict(ray.cluster_resources())

    def try_trigger_scaling(self) -> None:
        pass

    def on_executor_shutdown(self) -> None:
        pass

    def get_total_resources(self) -> ExecutionResources:
        return self._resources


class Unasked:
    """Stands for an actor, and for its methods, where nobody asks for what it would be told."""

    def remote(self, *_: Any) -> None:
        pass

    @property
    def update_actor_location(self) -> Unasked:
        return self


INSTEAD: list[tuple[Any, str, Any]] = [
    # Shares the cluster among pipelines.
    (streaming_executor, "create_cluster_autoscaler", FixedResources),
    # Knows on which node an actor is.
    (actor_pool_map_operator, "get_or_create_actor_location_tracker", Unasked),
    (actor_pool_map_operator, "get_actor_locations", lambda _: {}),
    # Collects statistics for the dashboard.
    (_StatsManager, "gen_dataset_id_from_stats_actor", staticmethod(lambda: uuid.uuid4().hex)),
    (_StatsManager, "register_dataset_to_stats_actor", staticmethod(lambda *_: None)),
    (_StatsManager, "update_execution_metrics", staticmethod(lambda *_: None)),
    (_StatsManager, "update_iteration_metrics", staticmethod(lambda *_, **__: None)),
]
"""What Ray Data asks three actors of its own for, and what it gets instead."""


@contextmanager
def no_helping_actors() -> Iterator[None]:
    """Within this context Ray Data starts no actors but ours: a job's own Ray has one pipeline, one node, no dashboard.

    It would wait for each of them before it gives out the first task.
    """
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in INSTEAD]
    for owner, name, instead in INSTEAD:
        setattr(owner, name, instead)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
