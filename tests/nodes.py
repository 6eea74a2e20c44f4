"""More nodes for a test's cluster: raylets that join it on loopback, and die as a machine does, all at once."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from psutil import NoSuchProcess, Process

from cluster.processes import TAG, end, owned
from tests.clusters import RayCluster

# `ray start --address` refuses loopback; what it calls does not.
JOIN = """
import sys
from pipelines.ray_runtime.head import Node, RayParams

node = Node(
    RayParams(
        gcs_address=sys.argv[1],
        node_ip_address="127.0.0.1",
        num_cpus=int(sys.argv[2]),
        num_gpus=0,
        object_store_memory=150 << 20,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        include_log_monitor=False,
    ),
    head=False,
    shutdown_at_exit=True,
)
print(node.node_id, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Node:
    id: str
    tag: str

    def processes(self) -> list[Process]:
        return owned(self.tag)

    def kill(self) -> None:
        for process in self.processes():
            with suppress(NoSuchProcess):
                process.kill()


@contextmanager
def joined(cluster: RayCluster, cpus: int) -> Iterator[Node]:
    """A node that belongs to the cluster until the end."""
    tag = secrets.token_hex(8)
    with subprocess.Popen(
        [sys.executable, "-c", JOIN, cluster.address, str(cpus)],
        env=cluster.env | {TAG: tag, "RAY_BACKEND_LOG_LEVEL": "fatal"},
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield Node(process.stdout.readline().strip(), tag)
        finally:
            process.stdin.close()
            process.wait(30)
            end(tag)
