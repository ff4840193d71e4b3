"""A token introspection endpoint (RFC 7662) in this process; it knows the tokens one gives it."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Introspector:
    """`.tokens[token] = {"sub": …}` are the active ones; `.asked` lists the tokens it was shown."""

    CLIENT, SECRET = "behalf", "introspection-secret"

    def __init__(self) -> None:
        self.tokens: dict[str, dict] = {}
        self.asked: list[str] = []
        introspector = self

        class Handler(_Handler):
            owner = introspector

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def provider(self, secret_file, **more) -> dict:
        """Its entry under `identity`."""
        return {"type": "introspection", "issuer": self.url, "endpoint": f"{self.url}/introspect",
                "client_id": self.CLIENT, "client_secret": f"file:{secret_file}", **more}

    def stop(self) -> None:
        """It can no longer be reached."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Introspector

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        who = f"{Introspector.CLIENT}:{Introspector.SECRET}".encode()
        if self.headers["Authorization"] != f"Basic {base64.b64encode(who).decode()}":
            return self._answer(401, {"error": "invalid_client"})
        token = form["token"][0]
        self.owner.asked.append(token)
        known = self.owner.tokens.get(token)
        self._answer(200, {"active": True, **known} if known else {"active": False})

    def _answer(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass
