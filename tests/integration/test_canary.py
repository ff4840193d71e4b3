"""Distinct tokens are planted wherever a token can live; afterwards every sink is searched for them
in every encoding that upstreams use."""

import json
import os
import shutil
import subprocess

import pytest
from parts.embedder import DIMS, Embedder
from parts.encodings import encodings
from parts.frames import told_by
from parts.reflector import Reflector
from parts.stacks import base, start

CALLS = {
    "http": {"op": "http", "service": "mail-api", "path": "/api/whoami"},
    "mcp": {"op": "mcp", "service": "mail", "tool": "list_unread"},
    "stream": {"op": "stream", "service": "mail-api", "path": "/api/stream?count=3"},
    "reflected": {"op": "http", "service": "mirror", "path": "/reflect?x=1"},
    "redirected": {"op": "http", "service": "mirror", "path": "/redirect/307?to=http://x.test/"},
    "down": {"op": "http", "service": "dead", "path": "/"},
    "said json": {"op": "http", "service": "reflector", "path": "/json"},
    "said text": {"op": "http", "service": "reflector", "path": "/text"},
    "said headers": {"op": "http", "service": "reflector", "path": "/headers"},
    "said problem": {"op": "http", "service": "reflector", "path": "/problem"},
    "said events": {"op": "stream", "service": "reflector", "path": "/events"},
    "said stream": {"op": "stream", "service": "reflector", "path": "/json"},
    "said tools": {"op": "mcp", "service": "reflector-mcp"},
    "said content": {"op": "mcp", "service": "reflector-mcp", "tool": "whoami"},
    "said error": {"op": "mcp", "service": "reflector-mcp", "tool": "fail"},
    "said error, escaped": {"op": "mcp", "service": "reflector-mcp", "tool": "fail",
                            "arguments": {"which": 3}},
    "said refusal": {"op": "mcp", "service": "reflector-mcp", "tool": "refuse",
                     "arguments": {"which": 1}},
    "config": {"op": "config"},
    "throw": {"op": "throw"},
}


def forms(token: str) -> set[bytes]:
    """The encodings as they are, and as JSON text spells them."""
    found = set()
    for text in encodings(token).values():
        found |= {text.encode("latin-1"), json.dumps(text)[1:-1].encode(),
                  json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    return found


class Sinks:
    """Everything that was written or answered, by name."""

    def __init__(self):
        self.answers: list[tuple[str, bytes]] = []

    def keep(self, name: str, content: bytes | str) -> None:
        """As it is said, with the lines of events put together."""
        content = content.encode() if isinstance(content, str) else content
        for line in (b"\n", b"\r\n", b"\\n", b"\\r\\n"):
            content = content.replace(line + b"data: ", line)
        self.answers.append((name, content))

    def folder(self, folder) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.keep(str(path), told_by(path))

    def hits(self, tokens: dict[str, str]) -> list[str]:
        return [f"{what} in {name}: {form[:40]!r}" for what, token in tokens.items()
                for form in forms(token) for name, content in self.answers if form in content]


def play(stack, tokens, sinks: Sinks) -> None:
    """Success, refusal and failure, by every way a client can look."""
    server = stack.server
    for user in ("alice", "bob"):
        token = tokens[f"login {user}"]
        thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
        for name, do in CALLS.items():
            body = {"assistant_id": "probe", "input": {"do": do}, "stream_resumable": True,
                    "stream_mode": ["values", "updates", "debug", "tasks", "checkpoints"]}
            for path in (f"/threads/{thread}/runs/stream", "/runs/wait"):
                answer = server.call("POST", path, token, json=body)
                sinks.keep(f"{user} {name} {path}", repr(answer.headers) + answer.text)
        for path in ("", "/state", "/history", "/runs"):
            answer = server.call("GET", f"/threads/{thread}{path}", token)
            sinks.keep(f"GET {path}", repr(answer.headers) + answer.text)
        search = server.call("POST", "/threads/search", token, json={})
        sinks.keep("search", search.text)
        for status in (200, 401):
            stack.embedder.control["status"] = status
            server.call("PUT", "/store/items", token,
                        json={"namespace": ["n"], "key": "k", "value": {"text": "green sea"}})
            found = server.call("POST", "/store/items/search", token,
                                json={"namespace_prefix": ["n"], "query": "green sea"})
            sinks.keep(f"{user} query {status}", repr(found.headers) + found.text)
        stack.embedder.control["status"] = 200
    other = server.call("GET", f"/threads/{thread}", tokens["login alice"])
    assert other.status_code == 404
    sinks.keep("refusal", other.text)
    bad = server.call("POST", "/runs/wait", tokens["login alice"] + "x", json={})
    sinks.keep("bad token", repr(bad.headers) + bad.text)
    for path in ("/metrics", "/metrics?format=json", "/info", "/openapi.json", "/docs"):
        sinks.keep(path, server.call("GET", path).text)


@pytest.fixture
def reflector():
    server = Reflector()
    yield server
    server.stop()


def plant(behalf, tmp_path, request, inbox, mirror, reflector, identity, store, **more):
    config = base(inbox) | more
    embedder = Embedder()
    request.addfinalizer(embedder.stop)
    key = f"canary+embeddings~{os.urandom(16).hex()}=="
    (tmp_path / "embeddings.key").write_text(key)
    config["store"] = {"index": {"dims": DIMS, "fields": ["text"], "embed": {
        "base_url": embedder.url, "model": "words", "key": f"file:{tmp_path}/embeddings.key",
        "allow_private": True, "allow_http": True}}}
    local = {"allow_private": True, "allow_http": True}
    for name, url in (("mirror", mirror.url), ("dead", "http://127.0.0.1:9")):
        config["services"][name] = {"type": "http", "base_url": url, **local,
                                    "credential": {"from": "secrets", "inject": "header:X-Key"}}
    config["services"]["reflector"] = {"type": "http", "base_url": reflector.url, **local,
                                       "credential": {"from": "secrets", "inject": "header:X-Key"}}
    config["services"]["reflector-mcp"] = {
        "type": "mcp", "url": f"{reflector.url}/mcp", **local,
        "credential": {"from": "secrets", "name": "reflector", "inject": "bearer"}}
    stack = start(behalf, tmp_path, identity, store, config, ("alice", "bob"), request)
    stack.embedder = embedder
    tokens = {"embeddings": key}
    for user in ("alice", "bob"):
        tokens[f"mail {user}"] = inbox.tokens[user]
        stack.store(user, "mail", inbox.tokens[user])
        for service in ("mirror", "dead", "reflector"):
            tokens[f"{service} {user}"] = f"canary+{service}/{user}~{os.urandom(16).hex()}=="
            stack.store(user, service, tokens[f"{service} {user}"])
        tokens[f"login {user}"] = stack.login(user)
    return stack, tokens


@pytest.mark.parametrize("identity, store", [("dev", "embedded"), ("keycloak", "vault")])
def test_no_planted_token_is_in_any_sink(
    identity, store, behalf, inbox, mirror, reflector, tmp_path, request
):
    stack, tokens = plant(behalf, tmp_path, request, inbox, mirror, reflector, identity, store)
    sinks = Sinks()
    play(stack, tokens, sinks)
    reflected = [a for a in mirror.seen if a.holds(tokens["mirror alice"])]
    assert reflected, "the scenario must reach the mirror with the token, or it proves nothing"
    assert len(reflector.told) > 1000, "every encoding must have been sent"
    authorized = [c for c in stack.embedder.calls if tokens["embeddings"] in str(c["headers"])]
    assert authorized, "the scenario must reach the embeddings endpoint with its key"
    sinks.folder(stack.server.folder)
    stack.server.stop()
    sinks.folder(stack.server.folder)
    assert len(sinks.answers) > 60
    assert sinks.hits(tokens) == []


def test_no_planted_token_is_in_a_core_dump(behalf, inbox, mirror, reflector, tmp_path,
        request):
    if shutil.which("gcore") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("gdb (gcore) is missing")
        pytest.skip("gdb (gcore) is missing: no core dump can be taken")
    stack, tokens = plant(behalf, tmp_path, request, inbox, mirror, reflector, "dev", "embedded",
                          allow_core_dumps=True)
    sinks = Sinks()
    play(stack, tokens, sinks)
    core = tmp_path / "core"
    done = subprocess.run(["gcore", "-o", str(core), str(stack.server.process.pid)],
                          capture_output=True, text=True)
    dumps = list(tmp_path.glob("core.*"))
    assert dumps, done.stdout + done.stderr
    sinks.answers = []
    sinks.keep("core", told_by(dumps[0]))
    outbound = {k: v for k, v in tokens.items() if not k.startswith("login")}
    assert b"behalf" in sinks.answers[0][1]
    assert sinks.hits(outbound) == []


def test_a_crash_leaves_no_token_behind(behalf, inbox, mirror, reflector, tmp_path,
        request):
    stack, tokens = plant(behalf, tmp_path, request, inbox, mirror, reflector, "dev", "embedded")
    sinks = Sinks()
    body = {"assistant_id": "probe", "input": {"do": CALLS["http"]}}
    for user in ("alice", "bob"):
        token = tokens[f"login {user}"]
        sinks.keep("wait", stack.server.call("POST", "/runs/wait", token, json=body).text)
    stack.server.kill()
    sinks.folder(stack.server.folder)
    assert sinks.hits(tokens) == []
