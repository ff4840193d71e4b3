"""A token introspection endpoint (RFC 7662) in this process; it knows the tokens one gives it."""

import base64
from urllib.parse import parse_qs

from parts.local_server import JsonHandler, LocalServer


class Introspector(LocalServer):
    """`.tokens[token] = {"sub": …}` are the active ones; `.asked` lists the tokens it was shown."""

    CLIENT, SECRET = "behalf", "introspection-secret"

    def __init__(self) -> None:
        self.tokens: dict[str, dict] = {}
        self.asked: list[str] = []
        self.serve(_Handler, owner=self)

    def provider(self, secret_file, **more) -> dict:
        """Its entry under `identity`."""
        return {"type": "introspection", "issuer": self.url, "endpoint": f"{self.url}/introspect",
                "client_id": self.CLIENT, "client_secret": f"file:{secret_file}", **more}


class _Handler(JsonHandler):
    owner: Introspector

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        who = f"{Introspector.CLIENT}:{Introspector.SECRET}".encode()
        if self.headers["Authorization"] != f"Basic {base64.b64encode(who).decode()}":
            return self.answer(401, {"error": "invalid_client"})
        token = form["token"][0]
        self.owner.asked.append(token)
        known = self.owner.tokens.get(token)
        self.answer(200, {"active": True, **known} if known else {"active": False})
