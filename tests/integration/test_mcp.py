"""/mcp: assistants as tools, through the official client and the protocol's conformance suite."""

import asyncio
import json
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from parts.behalf import Behalf
from parts.plugins import plugin
from parts.tools import ROOT, TOOLS, require, until

WIRES = ["legacy", "auto"]
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    made = Behalf({"graphs": [plugin("test_graphs")],
                   "dev": {"users": [{"name": "alice"}, {"name": "bob"}]}},
                  folder, command="dev", args=("--data", str(folder / "data")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tokens(server):
    return {user: server.call("POST", "/dev/token", data={
        "grant_type": "password", "username": user, "password": user}).json()["access_token"]
        for user in ("alice", "bob")}


@asynccontextmanager
async def connected(server, token: str, mode: str):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        wire = streamable_http_client(f"{server.url}/mcp", http_client=http)
        async with Client(wire, mode=mode) as client:
            yield client


def ended(server) -> int:
    """Runs of `slow` that were cancelled."""
    line = 'behalf_runs_ended_total{graph="slow",status="interrupted"} '
    return int(server.call("GET", "/metrics").text.partition(line)[2].partition("\n")[0])


@pytest.mark.parametrize("mode", WIRES)
def test_the_official_client_lists_and_calls(server, tokens, mode):
    async def use():
        told = []

        async def note(progress, total, message):
            told.append((progress, message))

        async with connected(server, tokens["alice"], mode) as client:
            tools = {one.name: one for one in (await client.list_tools()).tools}
            assert tools["agent_with_tools"].input_schema["properties"]["messages"][
                "type"] == "string"
            said = await client.call_tool("echo", {"text": "hé"})
            assert said.structured_content["said"] == "hé"
            assert json.loads(said.content[0].text) == said.structured_content
            agent = await client.call_tool("agent_with_tools", {"messages": "weather?"})
            assert agent.structured_content["messages"][0]["content"] == "weather?"
            slow = await client.call_tool("slow", {"n": 3, "delay": 0.01}, progress_callback=note)
            assert slow.structured_content["n"] == 0
            assert told == [(1, "s"), (2, "s"), (3, "s")]
            failed = await client.call_tool("err", {})
            assert failed.is_error and failed.content[0].text == "ValueError: boom happened"
            asked = await client.call_tool("inter", {})
            assert asked.is_error and "ok?" in asked.content[0].text
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool("nowhere", {})

    asyncio.run(use())


def test_a_long_result_comes_also_where_progress_is_asked_for(server, tokens):
    text = "x" * 6_000_000  # with its steps more than is kept of a run's events
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "echo", "arguments": {"text": text}, "_meta": {"progressToken": 1}}}
    said = server.call("POST", "/mcp", tokens["alice"], json=call, headers=ACCEPT)
    last = json.loads(said.text.rpartition("data: ")[2])
    assert last["result"]["structuredContent"]["said"] == text


@pytest.mark.parametrize("mode", WIRES)
def test_a_call_that_is_given_up_ends_its_run(server, tokens, mode):
    before = ended(server)

    async def give_up():
        async with connected(server, tokens["alice"], mode) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.call_tool("slow", {"n": 99, "delay": 1}), 1)
            # The connection is there still: it was the client that said so.
            assert (await client.call_tool("echo", {"text": 1})).structured_content["said"] == 1

    asyncio.run(give_up())
    until(lambda: ended(server) == before + 1)


@pytest.mark.parametrize("accept, begun, of_type", [
    ("application/json, text/event-stream", b": heartbeat\r\n\r\n", "text/event-stream"),
    ("application/json", b"\n", "application/json")])
def test_a_long_call_shows_that_it_lives(server, tokens, accept, begun, of_type):
    answer = httpx.post(f"{server.url}/mcp", timeout=30, headers={
        "Accept": accept, "Authorization": f"Bearer {tokens['alice']}"}, json={
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "slow", "arguments": {"n": 1, "delay": 6}}})
    assert answer.headers["content-type"].startswith(of_type)
    assert answer.content.startswith(begun)
    said = answer.content.removeprefix(begun).partition(b"data: ")[2] or answer.content
    assert json.loads(said)["result"]["structuredContent"]["n"] == 0


@pytest.mark.parametrize("mode", WIRES)
def test_another_users_assistant_is_no_tool(server, tokens, mode):
    own = server.sdk(tokens["bob"]).assistants.create("echo", name=f"of_bob_{mode}")

    async def tools_of(user: str) -> set:
        async with connected(server, tokens[user], mode) as client:
            with pytest.raises(MCPError, match="Unknown tool|not found"):
                await client.call_tool("nowhere", {})
            if user == "alice":
                for name in (own["name"], own["assistant_id"]):
                    with pytest.raises(MCPError):
                        await client.call_tool(name, {})
            return {one.name for one in (await client.list_tools()).tools}

    assert own["name"] in asyncio.run(tools_of("bob"))
    assert own["name"] not in asyncio.run(tools_of("alice"))


def test_a_stranger_learns_where_to_get_a_token(server):
    refused = httpx.post(f"{server.url}/mcp", json={}, headers=ACCEPT)
    assert refused.status_code == 401
    where = refused.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
    told = httpx.get(where).json()
    assert told["resource"] == f"{server.url}/mcp"
    issuer = told["authorization_servers"][0]
    found = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer and "S256" in found["code_challenge_methods_supported"]


def test_a_page_of_an_allowed_origin_may_call(server, tokens):
    page = {"Origin": "http://localhost:6274"}
    asked = httpx.options(f"{server.url}/mcp", headers={
        **page, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version"})
    assert "mcp-protocol-version" in asked.headers["access-control-allow-headers"]
    answer = httpx.post(f"{server.url}/mcp", headers={
        **ACCEPT, **page, "Authorization": f"Bearer {tokens['alice']}"},
        json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    assert answer.headers["mcp-session-id"]
    assert "mcp-session-id" in answer.headers["access-control-expose-headers"]
    elsewhere = httpx.post(f"{server.url}/mcp", headers={**ACCEPT, "Origin": "http://a.example"})
    assert elsewhere.status_code == 403


@pytest.mark.timeout(180)
def test_the_conformance_suite_finds_what_is_said_to_be_missing(open_server, tmp_path):
    node = require(Path(shutil.which("node") or "/usr/bin/node"), "Node")
    home = TOOLS / "node"
    require(home / "node_modules" / "@modelcontextprotocol" / "conformance", "the suite")
    js = ROOT / "tests" / "integration" / "js"
    shutil.copy(js / "conformance.mjs", home)  # imports are looked up from there
    server = open_server({"graphs": [plugin("test_mcp")]})
    done = subprocess.run(
        [node, home / "conformance.mjs", "server", "--url", f"{server.url}/mcp", "--suite", "all",
         "--expected-failures", js / "conformance.yaml", "--output-dir", tmp_path],
        cwd=tmp_path, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "tools-call-with-progress: 1 passed" in done.stdout
