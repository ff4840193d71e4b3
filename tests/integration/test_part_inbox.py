"""The mail service refuses who has no valid token and shows nobody another user's mail."""

import asyncio
import json

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from parts.inbox import Inbox, fingerprint

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture(params=["inbox", "inbox_json"])
def either_inbox(request) -> Inbox:
    return request.getfixturevalue(request.param)


def initialize(inbox: Inbox, user: str) -> httpx.Response:
    headers = {
        "Authorization": f"Bearer {inbox.tokens[user]}",
        "Accept": "application/json, text/event-stream",
    }
    return httpx.post(inbox.mcp_url, json=INITIALIZE, headers=headers, timeout=60)


async def call_tools(inbox: Inbox, user: str, mode: str, calls: list[tuple[str, dict]]) -> list:
    """The official client's view: version, tools, then the results of the calls."""
    headers = {"Authorization": f"Bearer {inbox.tokens[user]}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(inbox.mcp_url, http_client=http), mode=mode) as client,
    ):
        tools = [tool.name for tool in (await client.list_tools()).tools]
        results = [await client.call_tool(name, arguments) for name, arguments in calls]
        return [client.protocol_version, tools, *results]


@pytest.mark.parametrize("path", ["/api/whoami", "/api/messages", "/api/stream", "/mcp"])
@pytest.mark.parametrize("token", [None, "made-up"])
def test_no_or_unknown_token_is_challenged(inbox, path, token):
    answer = inbox.get(path, token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_each_user_sees_the_own_mail_only(inbox):
    alice, bob = inbox.tokens["alice"], inbox.tokens["bob"]
    for user, token in inbox.tokens.items():
        assert inbox.get("/api/whoami", token).json() == {"user": user}
        listed = inbox.get("/api/messages?unread=true", token).json()
        assert {m["to"] for m in listed["messages"]} == {f"{user}@acme.example"}
    assert inbox.get("/api/messages/bob-1", bob).json()["body"]
    assert inbox.get("/api/messages/bob-1", alice).status_code == 404
    assert inbox.post("/api/messages/bob-1/done", alice).status_code == 404
    assert len(inbox.get("/api/messages?unread=true", bob).json()["messages"]) == 2


def test_a_message_marked_done_is_no_longer_unread(inbox):
    token = inbox.tokens["alice"]
    assert inbox.post("/api/messages/alice-1/done", token).json()["unread"] is False
    unread = inbox.get("/api/messages?unread=true", token).json()["messages"]
    assert [m["id"] for m in unread] == ["alice-2", "alice-3"]
    assert len(inbox.get("/api/messages", token).json()["messages"]) == 3


def test_a_stream_comes_in_parts_and_ends_when_the_token_is_revoked(inbox):
    url = f"{inbox.url}/api/stream?count=10000&interval_ms=10"
    headers = {"Authorization": f"Bearer {inbox.tokens['alice']}", "Accept": "text/event-stream"}
    numbers = []
    with httpx.stream("GET", url, headers=headers, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                numbers.append(json.loads(line[6:])["number"])
                if len(numbers) == 3:
                    assert inbox.revoke("alice") == 1
    assert numbers == list(range(len(numbers)))
    assert 3 <= len(numbers) < 10_000


def test_revoked_tokens_are_refused_and_the_other_user_is_not(inbox):
    old = inbox.tokens["bob"]
    inbox.revoke("bob")
    assert inbox.get("/api/whoami", old).status_code == 401
    assert inbox.get("/api/whoami", inbox.tokens["alice"]).status_code == 200
    assert inbox.get("/api/whoami", inbox.add_user("bob")).json() == {"user": "bob"}
    assert inbox.get("/admin/calls", inbox.tokens["alice"]).status_code == 401


@pytest.mark.parametrize("mode, version", [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_official_client_lists_and_calls_tools_as_the_user(either_inbox, mode, version):
    calls = [
        ("list_unread", {"limit": 1}),
        ("get_message", {"id": "alice-2"}),
        ("get_message", {"id": "bob-1"}),
        ("whoami", {}),
    ]
    seen = asyncio.run(call_tools(either_inbox, "alice", mode, calls))
    spoken, tools, unread, own, foreign, who = seen
    assert spoken == version
    assert tools == ["list_unread", "get_message", "search_messages", "whoami"]
    assert [m["id"] for m in unread.structured_content["messages"]] == ["alice-1"]
    assert unread.structured_content["total"] == 3
    assert "status 2" in own.structured_content["body"]
    assert foreign.is_error
    assert who.structured_content == {"user": "alice"}


def test_answers_are_json_or_sse_as_started(inbox, inbox_json):
    assert initialize(inbox, "alice").headers["content-type"].startswith("text/event-stream")
    assert initialize(inbox_json, "alice").headers["content-type"].startswith("application/json")


def test_a_session_belongs_to_the_user_who_opened_it(inbox):
    opened = initialize(inbox, "alice")
    session = opened.headers["mcp-session-id"]
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}

    def list_tools(user: str) -> int:
        headers = {
            "Authorization": f"Bearer {inbox.tokens[user]}",
            "Accept": "application/json, text/event-stream",
            "Mcp-Session-Id": session,
            "MCP-Protocol-Version": "2025-06-18",
        }
        initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        httpx.post(inbox.mcp_url, json=initialized, headers=headers, timeout=60)
        return httpx.post(inbox.mcp_url, json=listing, headers=headers, timeout=60).status_code

    assert list_tools("alice") == 200
    assert list_tools("bob") == 404


def test_calls_are_recorded_by_user_and_fingerprint_only(inbox):
    inbox.get("/api/whoami", inbox.tokens["alice"])
    inbox.get("/api/whoami", "made-up")
    known, unknown = inbox.calls()
    assert (known["user"], known["path"], known["status"]) == ("alice", "/api/whoami", 200)
    assert known["token_sha256"] == fingerprint(inbox.tokens["alice"])
    assert (unknown["user"], unknown["status"]) == (None, 401)
    kept = json.dumps(inbox.calls()) + inbox.process.output()
    assert inbox.tokens["alice"] not in kept
