"""The mail service of examples/inbox/server, run as the external system agents call."""

import hashlib
import json
import secrets
from pathlib import Path

import httpx

from parts.process import Process
from parts.tools import ROOT, TOOLS, require


def fingerprint(token: str) -> str:
    """As the service records a token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


class Inbox:
    """Started with users alice and bob, each with a random token; knows calls by fingerprint."""

    def __init__(self, folder: Path, json_response: bool = False):
        python = require(TOOLS / "venv" / "bin" / "python", "the Python SDKs")
        self.tokens = {user: new_token(user) for user in ("alice", "bob")}
        self._admin_key = secrets.token_urlsafe(24)
        accounts = {
            "users": {
                user: {"token_sha256": fingerprint(token)} for user, token in self.tokens.items()
            },
            "admin_key_sha256": fingerprint(self._admin_key),
        }
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "accounts.json"
        file.write_text(json.dumps(accounts))
        command = [python, ROOT / "examples" / "inbox" / "server", "--accounts", file]
        command += ["--record-calls"] + (["--json-response"] if json_response else [])
        self.process = Process("inbox", command, folder)
        started = json.loads(self.process.first_line())
        self.url: str = started["url"]
        self.mcp_url: str = started["mcp_url"]
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.process.wait_for_url(self.url)
        self.forget_calls()

    def stop(self) -> None:
        self._http.close()
        self.process.stop()

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        return self._http.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})

    def post(self, path: str, token: str | None = None) -> httpx.Response:
        return self._http.post(path, headers={"Authorization": f"Bearer {token}"} if token else {})

    def add_user(self, user: str) -> str:
        """Gives the user a further token and answers it."""
        token = new_token(user)
        self._admin("POST", "/admin/tokens", {"user": user, "token": token})
        self.tokens[user] = token
        return token

    def revoke(self, user: str) -> int:
        """All of the user's tokens are refused with 401 from now on; how many those were."""
        self.tokens.pop(user, None)
        return self._admin("POST", "/admin/revoke", {"user": user})["revoked"]

    def calls(self) -> list[dict]:
        """What arrived: seq, user, token_sha256, method, path, status, names of headers."""
        return self._admin("GET", "/admin/calls")["calls"]

    def forget_calls(self) -> None:
        self._admin("DELETE", "/admin/calls")

    def _admin(self, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"Authorization": f"Bearer {self._admin_key}"}
        answer = self._http.request(method, path, json=body, headers=headers)
        return answer.raise_for_status().json()


def new_token(user: str) -> str:
    """Random, and recognisable in a dump: which user's it is."""
    return f"inbox-{user}-{secrets.token_urlsafe(24)}"
