"""MCP sessions with a server of the official SDK: it is answered when it asks, and told of ends."""

import json

import pytest
from parts.asker import Asker
from parts.stacks import base, start

DO = {"op": "mcp", "service": "asker", "tool": "ask"}


@pytest.fixture(params=[False, True], ids=["events", "json"])
def asker(request):
    part = Asker(json_response=request.param)
    yield part
    part.stop()


@pytest.fixture
def stack(asker, behalf, tmp_path, request):
    # One call at a time: the answers must pass the call that waits for them.
    config = base() | {"services": {"asker": {
        "type": "mcp", "url": asker.mcp_url, "allow_private": True, "allow_http": True,
        "max_concurrent": 1, "timeout": "10s",
        "credential": {"from": "secrets", "name": "mail", "inject": "bearer"}}}}
    made = start(behalf, tmp_path, "dev", "embedded", config, ("alice",), request)
    made.store("alice", "mail", "token-of-alice")
    return made


def asked(stack) -> dict:
    values = stack.server.sdk(stack.login("alice")).runs.wait(None, "probe", input={"do": DO})
    return json.loads(values["result"]["body"]["content"][0]["text"])


def test_a_server_may_ask_while_it_is_called_and_its_session_is_ended(stack, asker):
    for _ in range(2):
        assert asked(stack) == {"roots": 0, "refusal": -32601}
    assert not asker.sessions("DELETE"), "the second run went on with the session of the first"
    stack.server.process.wait_until(lambda: asker.sessions("DELETE"))
    opened = {session for session in asker.sessions("POST") if session}
    assert len(opened) == 1
    assert set(asker.sessions("GET")) == opened
    assert asker.sessions("DELETE") == list(opened)
    assert {credential for _, _, credential in asker.calls} == {"Bearer token-of-alice"}
    lines = next(stack.server.folder.rglob("audit.jsonl")).read_text().splitlines()
    sent = [json.loads(line)["method"] for line in lines if '"asker"' in line]
    assert {m: sent.count(m) for m in ("GET", "POST", "DELETE")} == {
        m: len(asker.sessions(m)) for m in ("GET", "POST", "DELETE")}


def test_a_stop_ends_the_sessions(stack, asker):
    assert asked(stack) == {"roots": 0, "refusal": -32601}
    assert stack.server.stop() == 0
    assert len(asker.sessions("DELETE")) == 1
