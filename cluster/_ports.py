"""Finds free ports on loopback and checks whether something listens on one."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from pipelines.errors import ClusterError, UsageError

HOST = "127.0.0.1"
LOWEST, HIGHEST = 1024, 65535


def claim(wanted: dict[str, int]) -> list[int]:
    """The requested ports, in order of the options, with a free port for each 0; all are different."""
    for option, port in wanted.items():
        if port and not LOWEST <= port <= HIGHEST:
            raise UsageError(f"{option} is {port}; give a port from {LOWEST} to {HIGHEST}, or 0 for any free one.")
    with ExitStack() as held:
        # The explicit ports come first, so that none of them is picked as a free one.
        taken = {
            option: _hold(held, option, port) for option, port in sorted(wanted.items(), key=lambda item: item[1] == 0)
        }
        return [taken[option] for option in wanted]


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError:
        return False
    return True


def _hold(held: ExitStack, option: str, port: int) -> int:
    holder = held.enter_context(socket.socket())
    # A port with connections in TIME_WAIT counts as free, one with a listener does not.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((HOST, port))
        holder.listen()
    except OSError as error:
        raise ClusterError(
            f"Port {port} ({option}) cannot be used: {error.strerror}. "
            f"Name another with {option}, or 0 for any free one."
        ) from error
    return int(holder.getsockname()[1])
