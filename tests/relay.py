"""A relay on loopback before a server, which can lose an answer: the server has done it, and the connection breaks."""

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

    def lose_next_answer(self) -> None:
        self._lose.set()

    @property
    def lost(self) -> bool:
        """Whether it has lost what it was to lose."""
        return not self._lose.is_set()

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
        with suppress(OSError):
            while content := one.recv(1 << 16):
                if answers and self._lose.is_set():
                    self._lose.clear()
                    break
                other.sendall(content)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


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
