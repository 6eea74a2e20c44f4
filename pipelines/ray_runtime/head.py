"""A Ray on one machine for one job: the processes that run its tasks and actors, and no others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ray._private import services
from ray._private.node import Node
from ray._private.parameter import RayParams
from ray._private.ray_constants import PROCESS_TYPE_RAYLET

from pipelines.errors import ClusterError, first_line
from pipelines.ray_runtime.processes import children, kill

START_S = 120.0
POLL_S = 0.05


class Head(Node):
    """A head node that ends with this process, however that ends."""

    def start_ray_processes(self) -> None:
        """Wait until the node is known: Ray itself gives up after half a minute, too soon on a busy machine."""
        super().start_ray_processes()
        raylet = self.all_processes[PROCESS_TYPE_RAYLET][0].process
        deadline = time.monotonic() + START_S
        while raylet.poll() is None and time.monotonic() < deadline and not self._known():
            time.sleep(POLL_S)

    def _known(self) -> bool:
        try:
            services.get_node(self.gcs_address, self._node_id)
        except RuntimeError:
            return False
        return True

    def start_api_server(self, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
        """Start no dashboard, not even the part that Ray starts, and waits for, when it is switched off."""
        self._webui_url = ""


@contextmanager
def ray_head(folder: str, spilled: str | None = None) -> Iterator[str]:
    """Start a head and give its address; without autoscaler, log monitor and dashboard, which nobody would ask."""
    params = RayParams(
        node_ip_address="127.0.0.1",
        temp_dir=folder,
        object_spilling_directory=spilled,
        no_monitor=True,
        include_log_monitor="",
        # Any free port: on the default one it would wait for another Ray on this machine, and then do without.
        dashboard_agent_listen_port=0,
    )
    try:
        head = Head(params, head=True, shutdown_at_exit=False)
    except Exception as error:  # Ray has no class of its own for it
        raise ClusterError(
            f"Ray did not start ({first_line(error)}). Try again when this machine has less to do."
        ) from error
    try:
        yield head.gcs_address
    finally:
        workers = children(head.all_processes[PROCESS_TYPE_RAYLET][0].process.pid)
        head.kill_all_processes(check_alive=False, allow_graceful=True)
        # A Python process takes a second to exit, so workers would outlive the job.
        kill(workers)
