"""A Ray on one machine for one job: the processes that run its tasks and actors, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray._private import services, utils
from ray._private.node import Node
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_RAYLET
from ray._raylet import (  # type: ignore[attr-defined]
    DASHBOARD_AGENT_LISTEN_PORT_NAME,
    METRICS_AGENT_PORT_NAME,
    METRICS_EXPORT_PORT_NAME,
    RUNTIME_ENV_AGENT_PORT_NAME,
    persist_port,
)
from ray.exceptions import RpcError

from pipelines.errors import ClusterError, first_line
from pipelines.ray_runtime import agent
from pipelines.ray_runtime.processes import children, kill
from pipelines.ray_runtime.watch import LEAVING_S, ended_if

START_S = 120.0
POLL_S = 0.02
ANSWER_S = 5.0

DASHBOARD_AGENT, RUNTIME_ENV_AGENT = "dashboard_agent", "runtime_env_agent"
PORTS = {
    DASHBOARD_AGENT: (DASHBOARD_AGENT_LISTEN_PORT_NAME, METRICS_AGENT_PORT_NAME, METRICS_EXPORT_PORT_NAME),
    RUNTIME_ENV_AGENT: (RUNTIME_ENV_AGENT_PORT_NAME,),
}
"""The agents of a raylet, and the ports that it waits for until each has them."""
UNUSED = -1
"""What an agent of Ray's writes for a port that it does not serve."""


class Head(Node):
    """A head node that ends with this process, however that ends, and starts only those agents of Ray's that it needs.

    A raylet waits until both have started, which takes seconds: one serves the dashboard and the metrics, the other
    makes the environments of tasks that ask for one of their own (`runtime_env`).
    """

    def __init__(self, params: RayParams, without_agents: Sequence[str]) -> None:
        self._without_agents = without_agents
        super().__init__(params, head=True, shutdown_at_exit=False)

    def start_ray_processes(self) -> None:
        """Wait until the node is known: Ray itself looks once a second only, and gives up after half a minute."""
        super().start_ray_processes()
        raylet = self.all_processes[PROCESS_TYPE_RAYLET][0].process
        deadline = time.monotonic() + START_S
        while raylet.poll() is None and time.monotonic() < deadline and not self._known():
            time.sleep(POLL_S)

    def _known(self) -> bool:
        try:
            return any(
                node.hex() == self._node_id for node in self.get_gcs_client().get_all_node_info(timeout=ANSWER_S)
            )
        except RpcError:
            return False

    def lost(self) -> str | None:
        """What is the matter if one of its processes has ended."""
        dead = [name for name, _ in self.dead_processes()]
        return f"Ray's {dead[0]}, which this job had started, was killed or has crashed." if dead else None

    def start_api_server(self, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
        """Start no dashboard, not even the part that Ray starts, and waits for, when it is switched off."""
        self._webui_url = ""

    def start_raylet(self, *arguments: Any, **options: Any) -> None:
        for port in (port for name in self._without_agents for port in PORTS[name]):
            persist_port(self._session_dir, self._node_id, port, UNUSED)
        start, missing = services.start_ray_process, utils.get_dashboard_dependency_error

        def without(command: list[str], *arguments: Any, **options: Any) -> Any:
            return start([self._replaced(part) for part in command], *arguments, **options)

        # Ray builds the whole command and starts it in one function.
        services.start_ray_process = without
        if DASHBOARD_AGENT in self._without_agents:
            # It would import all that the dashboard needs, to see whether that is there.
            utils.get_dashboard_dependency_error = lambda: None
        try:
            super().start_raylet(*arguments, **options)
        finally:
            services.start_ray_process, utils.get_dashboard_dependency_error = start, missing

    def _replaced(self, part: str) -> str:
        """The command of an agent that is not needed, replaced by that of one which does nothing."""
        nothing = subprocess.list2cmdline([sys.executable, "-I", "-S", agent.__file__, str(os.getpid())])
        options = (f"--{name}_command=" for name in self._without_agents)
        return next((option + nothing for option in options if part.startswith(option)), part)


@contextmanager
def ray_head(
    folder: str,
    spilled: str | None = None,
    without_agents: Sequence[str] = (),
    preload: Sequence[str] = (),
    leaving_s: float = LEAVING_S,
) -> Iterator[str]:
    """Start a head and give its address; without autoscaler, log monitor and dashboard, which nobody would ask.

    Its workers import the modules `preload` while they wait for their first task.
    """
    params = RayParams(
        node_ip_address="127.0.0.1",
        temp_dir=folder,
        object_spilling_directory=spilled,
        no_monitor=True,
        include_log_monitor="",
        # Any free port: on the default one it would wait for another Ray on this machine, and then do without.
        dashboard_agent_listen_port=0,
        env_vars={"RAY_preload_python_modules": ",".join(preload)} if preload else None,
    )
    try:
        head = Head(params, without_agents)
    except Exception as error:  # Ray has no class of its own for it
        raise ClusterError(
            f"Ray did not start ({first_line(error)}). Try again when this machine has less to do."
        ) from error
    try:
        with ended_if(head.lost, leaving_s):
            yield head.gcs_address
    finally:
        workers = children(head.all_processes[PROCESS_TYPE_RAYLET][0].process.pid)
        head.kill_all_processes(check_alive=False, allow_graceful=True)
        # A Python process takes a second to exit, so workers would outlive the job.
        kill(workers)
