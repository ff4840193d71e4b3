"""A TCP proxy that counts what passes: connections, and HTTP requests by method and path.

`with proxy.holding("/login"):` keeps requests whose path contains that text on this side until the
block ends, so that what a client does meanwhile happens for certain.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|LIST) (\S+) HTTP/1\.1\r\n")


class Proxy:
    """Plain HTTP only. `url` is the target's, with this proxy's port."""

    def __init__(self, target: str):
        parts = urlsplit(target)
        self._to = (parts.hostname, parts.port)
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self._held = ""
        self._open = threading.Event()
        self._open.set()
        self._arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._open.set()
        self._listener.close()

    def count(self, method: str, part: str) -> int:
        return sum(m == method and part in path for m, path in self.requests)

    def wait_for(self, method: str, part: str, times: int = 1, timeout: float = 20) -> bool:
        """Whether so many such requests have arrived, within that time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self.count(method, part) >= times, timeout)

    @contextlib.contextmanager
    def holding(self, part: str) -> Iterator[None]:
        self._held = part
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._to)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, requests: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if requests:
                    self._note(data)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _note(self, data: bytes) -> None:
        if not (found := REQUEST.match(data)):
            return
        path = found[2].decode()
        with self._arrived:
            self.requests.append((found[1].decode(), path))
            self._arrived.notify_all()
        if self._held and self._held in path:
            self._open.wait(30)
