"""The port that Ray opens in each replica for other deployments: on this node's own address, not on every interface.

It unpickles what it receives and asks for no token, so anybody who can reach it can execute code.
"""

from __future__ import annotations

from typing import Any

import ray
from ray._common.network_utils import build_address
from ray.serve._private import replica

ANYWHERE = "[::]:0"


def stay_on_this_node() -> None:
    """Call this in a replica, before Ray opens its port; on a Ray of one machine the node's address is loopback."""
    open_port = replica.add_port_to_grpc_server

    def open_here(server: Any, address: str) -> int:
        here = build_address(ray.util.get_node_ip_address(), 0)
        return open_port(server, here if address == ANYWHERE else address)

    replica.add_port_to_grpc_server = open_here
