"""An upstream that misbehaves on request and remembers exactly what reached it.

It runs in this process, so a test can compare what arrived with the token it planted.
"""

import contextlib
import json
import threading
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from parts.local_server import JsonHandler, LocalServer


@dataclass(frozen=True)
class Arrival:
    """One request as it came; names of headers in lower case, the target with its query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def holds(self, text: str) -> bool:
        """Whether the text is anywhere in the request."""
        whole = json.dumps([self.method, self.target, self.headers]).encode() + self.body
        return text.encode() in whole


class Mirror(LocalServer):
    """GET or POST, by path:

    /reflect                 200, headers and body of the request as JSON, and Authorization
                             again in the header X-Reflected
    /redirect/307?to=URL     that status with Location
    /status/503              that status, {"status": 503}
    /held                    200 once `go` is set
    /endless                 200, a line every 50 ms until the client goes; then `cut` is set
    anything else            200 {"ok": true}

    A request whose Authorization is in `refused` is answered 401.
    """

    def __init__(self) -> None:
        self.seen: list[Arrival] = []
        self.refused: set[str] = set()
        self.go = threading.Event()
        self.cut = threading.Event()
        self.serve(_Handler, arrivals=self.seen, refused=self.refused, go=self.go, cut=self.cut)


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    arrivals: list[Arrival]
    refused: set[str]
    go: threading.Event
    cut: threading.Event

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        self.arrivals.append(Arrival(self.command, self.path, headers, body))
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        kind, _, argument = target.path.lstrip("/").partition("/")
        if headers.get("authorization") in self.refused:
            self.answer(401, {})
        elif kind == "endless":
            self._talk_on()
        elif kind == "reflect":
            reflected = {"X-Reflected": headers.get("authorization", "")}
            text = body.decode(errors="replace")
            self.answer(200, {"headers": headers, "body": text, "target": self.path}, reflected)
        elif kind == "redirect":
            self.answer(int(argument), {}, {"Location": query["to"]})
        elif kind == "status":
            self.answer(int(argument), {"status": int(argument)})
        else:
            if kind == "held":
                self.go.wait(30)
            self.answer(200, {"ok": True})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def _talk_on(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"5\r\nline\n\r\n")
                self.go.wait(0.05)
        self.cut.set()
        self.close_connection = True
