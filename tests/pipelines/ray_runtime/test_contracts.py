"""What we use of Ray's private parts is as we use it, so that a new Ray says at once what broke, and where.

Each test names one thing, and the module that leans on it. None needs a cluster.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import fields
from types import FunctionType, ModuleType

import pytest
import ray
from ray._common.network_utils import build_address
from ray._private import ray_constants, services, utils
from ray._private.node import Node
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_RAYLET
from ray.actor import ActorHandle
from ray.data._internal.actor_autoscaler.autoscaling_actor_pool import AutoscalingActorConfig
from ray.data._internal.actor_autoscaler.default_actor_autoscaler import DefaultActorAutoscaler
from ray.data._internal.execution import streaming_executor
from ray.data._internal.execution.backpressure_policy import (
    ENABLED_BACKPRESSURE_POLICIES,
    ConcurrencyCapBackpressurePolicy,
)
from ray.data._internal.execution.operators import actor_pool_map_operator
from ray.data._internal.execution.operators.actor_pool_map_operator import (
    _ACTOR_STATE_ALIVE,
    _ACTOR_STATE_DEAD,
    _ActorPool,
    _ActorState,
)
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_list, _internal_kv_put
from ray.serve._private import replica
from ray.train import CheckpointConfig, ControllerError, RunConfig, WorkerGroupError
from ray.train.backend import Backend
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal import constants
from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError, WorkerHealthCheckFailedError
from ray.train.v2._internal.execution import storage
from ray.train.v2._internal.execution.worker_group.worker_group import WorkerGroup
from ray.train.v2.api.config import FailureConfig

from pipelines.ray_runtime.replica_port import ANYWHERE


def takes(function: Callable[..., object], *names: str) -> bool:
    """Whether the function has just these parameters, in this order."""
    return tuple(inspect.signature(function).parameters) == names


def sets(kind: type, *names: str) -> bool:
    """Whether the constructor sets these attributes of what it makes."""
    return set(names) <= set(kind.__init__.__code__.co_names)


def calls(caller: Callable[..., object] | ModuleType | type, text: str) -> bool:
    return text in inspect.getsource(caller)


class TestActorPool:
    """What `pipelines.ray_runtime.actor_pool` patches and reads."""

    def test_the_pool_looks_at_its_actors_by_a_method_that_can_be_replaced(self) -> None:
        assert takes(_ActorPool.refresh_actor_state, "self")
        assert calls(actor_pool_map_operator, ".refresh_actor_state()")

    def test_the_pool_keeps_running_and_pending_actors(self) -> None:
        assert sets(_ActorPool, "_running_actors", "_pending_actors")

    def test_a_running_actor_has_a_count_of_its_tasks(self) -> None:
        assert "num_tasks_in_flight" in {field.name for field in fields(_ActorState)}

    def test_one_running_actor_can_be_released(self) -> None:
        assert takes(_ActorPool._release_running_actor, "self", "actor")

    def test_a_pool_has_a_largest_size_that_is_looked_up_each_time(self) -> None:
        assert isinstance(_ActorPool.max_size, FunctionType) and isinstance(_ActorPool.current_size, FunctionType)
        assert calls(_ActorPool.max_size, "self._config.max_size")
        assert "max_size" in {field.name for field in fields(AutoscalingActorConfig)}
        assert calls(DefaultActorAutoscaler, "actor_pool.max_size()")

    def test_the_number_of_tasks_of_an_operator_is_limited_where_another_is_begun(self) -> None:
        policy = ConcurrencyCapBackpressurePolicy
        assert takes(policy.can_add_input, "self", "op") and policy in ENABLED_BACKPRESSURE_POLICIES
        assert calls(policy.can_add_input, "num_tasks_running < self._concurrency_caps[op]")

    def test_an_actor_tells_its_state_without_being_asked(self) -> None:
        assert takes(ActorHandle._get_local_state, "self")
        assert _ACTOR_STATE_ALIVE != _ACTOR_STATE_DEAD

    def test_an_actor_can_be_waited_for(self) -> None:
        assert hasattr(ray.remote(type("Worker", (), {})).__ray_metadata__.modified_class, "__ray_ready__")


class TestLastWords:
    """What `pipelines.ray_runtime.last_words` keeps words in."""

    def test_the_cluster_keeps_values_by_key_and_namespace(self) -> None:
        for function, first in ((_internal_kv_get, "key"), (_internal_kv_list, "prefix")):
            assert takes(function, first, "namespace")
        assert takes(_internal_kv_put, "key", "value", "overwrite", "namespace")
        assert takes(_internal_kv_del, "key", "del_by_prefix", "namespace")


class TestHead:
    """What `pipelines.ray_runtime.head` and `tests.nodes` start a node with."""

    def test_whether_the_dashboard_can_be_started_is_asked_for_in_one_place(self) -> None:
        assert callable(utils.get_dashboard_dependency_error)
        assert calls(services, "get_dashboard_dependency_error")

    def test_a_node_is_started_by_methods_that_can_be_overridden(self) -> None:
        assert takes(Node.start_ray_processes, "self")
        assert takes(Node.start_api_server, "self", "include_dashboard", "raise_on_failure")

    def test_a_node_keeps_its_processes_id_and_address(self) -> None:
        assert sets(Node, "all_processes", "_node_id", "_webui_url")
        assert isinstance(Node.gcs_address, property)
        assert isinstance(Node.node_id, property)
        assert "process" in services.ProcessInfo._fields

    def test_a_node_is_begun_as_head_or_not_and_need_not_end_at_exit(self) -> None:
        assert {"head", "shutdown_at_exit"} <= set(inspect.signature(Node).parameters)

    def test_a_node_ends_its_processes_unless_they_are_gone_already(self) -> None:
        assert {"check_alive", "allow_graceful"} <= set(inspect.signature(Node.kill_all_processes).parameters)

    @pytest.mark.parametrize(
        "name",
        [
            *("node_ip_address", "temp_dir", "no_monitor", "include_log_monitor", "dashboard_agent_listen_port"),
            *("gcs_address", "num_cpus", "num_gpus", "object_store_memory", "node_manager_port"),
            *("min_worker_port", "max_worker_port"),
        ],
    )
    def test_a_node_is_told_its_ways_by_these_parameters(self, name: str) -> None:
        assert name in inspect.signature(RayParams).parameters

    def test_the_raylet_is_among_the_processes_by_its_type(self) -> None:
        assert PROCESS_TYPE_RAYLET == "raylet"
        assert calls(Node, "all_processes[ray_constants.PROCESS_TYPE_RAYLET]")


class TestSession:
    """What `pipelines.ray_runtime.session` sets so that Ray stays on loopback, and in its folder."""

    def test_whether_loopback_is_kept_is_a_constant_read_late(self) -> None:
        assert isinstance(ray_constants.ENABLE_RAY_CLUSTER, bool)
        assert ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR == "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
        assert calls(services, "ray_constants.ENABLE_RAY_CLUSTER")

    def test_a_driver_takes_the_folder_of_its_ray(self) -> None:
        assert calls(ray.init, '"_temp_dir"')


def test_what_is_free_on_each_node_can_be_asked() -> None:
    """By `pipelines.ray_runtime.nodes`."""
    assert takes(ray._private.state.available_resources_per_node)


class TestProcessGroup:
    """What `pipelines.ray_runtime.process_group` puts in the place of PyTorch's own rendezvous."""

    def test_the_backend_begins_with_the_workers_and_the_configuration(self) -> None:
        assert issubclass(_TorchBackend, Backend)
        assert takes(_TorchBackend.on_start, "self", "worker_group", "backend_config")

    def test_the_configuration_names_its_backend_and_a_timeout(self) -> None:
        assert TorchConfig().backend_cls is _TorchBackend
        assert TorchConfig().timeout_s > 0

    def test_the_workers_can_be_counted_asked_what_they_have_and_given_work(self) -> None:
        assert takes(WorkerGroup.__len__, "self")
        assert takes(WorkerGroup.get_resources_per_worker, "self")
        assert takes(WorkerGroup.execute_single_async, "self", "rank", "fn", "fn_args", "fn_kwargs")


class TestReplicaPort:
    """What `pipelines.ray_runtime.replica_port` replaces so that a replica's port stays on its node."""

    def test_a_replica_opens_its_port_by_a_function_of_its_module(self) -> None:
        assert takes(replica.add_port_to_grpc_server, "server", "address")
        assert calls(replica, f'add_port_to_grpc_server(self._server, "{ANYWHERE}")')

    def test_an_address_is_built_of_host_and_port(self) -> None:
        assert build_address("127.0.0.1", 0) == "127.0.0.1:0"
        assert build_address("::1", 0) == "[::1]:0"


class TestTrainer:
    """What `pipelines.ray_runtime.trainer` overrides, and gives Ray Train."""

    def test_ctrl_c_is_answered_by_a_method_that_can_be_overridden(self) -> None:
        assert takes(TorchTrainer._register_sigint_handler, "self", "controller")
        assert calls(inspect.getmodule(TorchTrainer.fit), "self._register_sigint_handler(controller)")

    def test_the_record_of_the_checkpoints_is_a_file_of_the_run(self) -> None:
        assert calls(storage, "self.experiment_fs_path, CHECKPOINT_MANAGER_SNAPSHOT_FILENAME")
        assert constants.CHECKPOINT_MANAGER_SNAPSHOT_FILENAME.endswith(".json")

    def test_restarts_are_limited_for_workers_and_for_the_controller(self) -> None:
        limits = FailureConfig(max_failures=3, controller_failure_limit=3)
        assert (limits.max_failures, limits.controller_failure_limit) == (3, 3)
        checkpoints = CheckpointConfig(num_to_keep=1, checkpoint_score_attribute="rank")
        assert RunConfig(failure_config=limits, checkpoint_config=checkpoints).failure_config is limits

    def test_how_often_workers_are_looked_at_is_a_variable(self) -> None:
        assert constants.HEALTH_CHECK_INTERVAL_S_ENV_VAR == "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"


class TestFailures:
    """What `pipelines.ray_runtime.failures` tells Ray's errors apart by."""

    def test_an_actor_whose_constructor_raised_is_told_from_one_that_died(self) -> None:
        raised = ActorDiedError(RayTaskError("__init__", "traceback", ValueError("no engine")))
        assert isinstance(raised, RayActorError)
        assert (raised.actor_init_failed, ActorDiedError().actor_init_failed) == (True, False)

    def test_a_failed_training_holds_the_failure_of_each_worker(self) -> None:
        died = ActorDiedError()
        assert WorkerHealthCheckFailedError("no answer", died).health_check_failure is died
        assert WorkerGroupError("words", {0: died}).worker_failures == {0: died}

    def test_a_failed_controller_holds_its_failure(self) -> None:
        failed = WorkerGroupStartupFailedError("a worker failed to initialize")
        assert ControllerError(failed).controller_failure is failed


def test_ray_data_speaks_through_loggers_below_its_name() -> None:
    """Those that `pipelines.ray_runtime.data` silences."""
    assert streaming_executor.logger.name.startswith("ray.data._internal.")


def test_this_is_the_ray_that_the_contracts_were_written_for() -> None:
    """pyproject.toml allows patches of it alone: private parts may change with every other."""
    assert ray.__version__.startswith("2.60."), os.fspath(ray.__file__)
