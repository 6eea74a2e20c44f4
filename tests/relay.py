"""A relay on loopback before a server. It can cut all connections, or lose an answer: the server has done what it was
asked, and the connection breaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


class Relay:
    def __init__(self, listening: socket.socket, port: int) -> None:
        self._listening, self._to = listening, port
        self.port = int(listening.getsockname()[1])
        self._lose = Event()
        self._open: set[socket.socket] = set()

    def lose_next_answer(self) -> None:
        self._lose.set()

    @property
    def lost(self) -> bool:
        """Whether it has lost what it was to lose."""
        return not self._lose.is_set()

    def cut(self) -> None:
        """Break every connection that there is."""
        for one in list(self._open):
            _shut(one)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    client.close()
                    continue
                Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, answers: bool) -> None:
        self._open.add(one)
        with suppress(OSError):
            while content := one.recv(1 << 16):
                if answers and self._lose.is_set():
                    self._lose.clear()
                    break
                other.sendall(content)
        self._open.discard(one)
        for end in (one, other):
            _shut(end)
            end.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay = Relay(listening, port)
        thread = Thread(target=relay.serve, daemon=True)
        thread.start()
        yield relay
        # Closing alone does not wake up who waits for it.
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
