"""A network between the page and the server that can be cut or stalled, and one that knows no WebSockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

CHUNK = 1 << 16


class Network:
    """Hands bytes on between `url` and the server, one pair of threads for each connection."""

    def __init__(self, server: str, *, sockets: bool) -> None:
        parts = urlsplit(server)
        self._server = (parts.hostname or "", parts.port or 0)
        self._sockets = sockets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._down = threading.Event()
        self._flows = threading.Event()
        self._flows.set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection that there is, and let none through."""
        self._down.set()
        with self._lock:
            for end in self._open:
                _break(end)

    def mend(self) -> None:
        """Let new connections through."""
        self._down.clear()

    def stall(self) -> None:
        """Hand nothing on, and break nothing: each end finds the other slow."""
        self._flows.clear()

    def flow(self) -> None:
        """Hand on what has come meanwhile."""
        self._flows.set()

    def close(self) -> None:
        """For good."""
        self.cut()
        self.flow()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down.is_set():
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        first = client.recv(CHUNK)
        if not self._sockets and b"upgrade: websocket" in first.lower():
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.close()
            return
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)  # so that a stall is soon felt
        server.connect(self._server)
        with self._lock:
            self._open |= {client, server}
        server.sendall(first)
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        """Until either end is gone."""
        with contextlib.suppress(OSError):
            while self._flows.wait() and (data := source.recv(CHUNK)):
                self._flows.wait()
                target.sendall(data)
        _break(target)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(server: str, *, sockets: bool = True) -> Iterator[Network]:
    """One for the length of a test."""
    made = Network(server, sockets=sockets)
    try:
        yield made
    finally:
        made.close()
