"""The process group of a training's workers, at the node's own address; PyTorch's store would listen on every one."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend
from torch import distributed

LOOPBACK_INTERFACE = "lo"


@dataclass
class ProcessGroupConfig(TorchConfig):
    @property
    def backend_cls(self) -> type[_ProcessGroupBackend]:
        return _ProcessGroupBackend


class _ProcessGroupBackend(_TorchBackend):
    """Lives in Ray's controller of the training, which outlives each group of workers."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        host, timeout = ray.util.get_node_ip_address(), timedelta(seconds=backend_config.timeout_s)
        kind = kind_for(worker_group.get_resources_per_worker().get("GPU", 0))
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        port = listener.getsockname()[1]
        self._store = distributed.TCPStore(
            host, port, is_master=True, timeout=timeout, wait_for_workers=False, master_listen_fd=listener.detach()
        )
        size = len(worker_group)
        joining = (host, port, kind, size, timeout)
        ray.get([worker_group.execute_single_async(rank, _join, rank, *joining) for rank in range(size)])


def kind_for(gpus: float) -> str:
    """NCCL for whole GPUs of each worker; it refuses two workers on one GPU, which shares may well mean."""
    return "nccl" if gpus >= 1 else "gloo"


def _join(rank: int, host: str, port: int, kind: str, size: int, timeout: timedelta) -> None:
    if ip_address(host).is_loopback:
        # By default Gloo takes the interface that the machine's name resolves to.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK_INTERFACE)
    store = distributed.TCPStore(host, port, is_master=False, timeout=timeout)
    distributed.init_process_group(kind, store=store, rank=rank, world_size=size, timeout=timeout)
