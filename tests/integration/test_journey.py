"""The journey with each combination of neighbours: who the user is, where the tokens are, and how
the service is called."""

import pytest
from parts.inbox import fingerprint
from parts.stacks import base, start

CALLS = {
    "http": {"op": "http", "service": "mail-api", "path": "/api/whoami"},
    "mcp": {"op": "mcp", "service": "mail", "tool": "whoami"},
}


def user_in(result: dict) -> str:
    body = result["body"]
    return body["user"] if "user" in body else body["structuredContent"]["user"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("store", ["embedded", "vault"])
@pytest.mark.parametrize("identity", ["dev", "keycloak"])
def test_each_user_acts_as_themselves(identity, store, call, behalf, inbox, tmp_path, request):
    stack = start(behalf, tmp_path, identity, store, base(inbox), ("alice", "bob"), request)
    for user in ("alice", "bob"):
        stack.store(user, "mail", inbox.tokens[user])
    for user in ("alice", "bob"):
        client = stack.server.sdk(stack.login(user))
        thread = client.threads.create()
        values = client.runs.wait(thread["thread_id"], "probe", input={"do": CALLS[call]})
        assert user_in(values["result"]) == user
        assert values["result"]["receipt"] > 0
    seen = {(c["user"], c["token_sha256"]) for c in inbox.calls()}
    assert seen == {(u, fingerprint(inbox.tokens[u])) for u in ("alice", "bob")}


def test_the_inbox_agent_asks_before_it_acts(behalf, inbox_json, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(inbox_json), ("alice",), request)
    stack.store("alice", "mail", inbox_json.tokens["alice"])
    client = stack.server.sdk(stack.login("alice"))
    thread = client.threads.create()["thread_id"]
    stopped = client.runs.wait(thread, "inbox", input={})
    assert "unread messages" in stopped["__interrupt__"][0]["value"]["summary"]
    assert client.threads.get(thread)["status"] == "interrupted"
    done = client.runs.wait(thread, "inbox", command={"resume": True})
    assert done["done"] == 3
    assert client.threads.get(thread)["status"] == "idle"
    again = client.runs.wait(thread, "inbox", input={})
    assert "0 unread" in again["summary"]


def test_a_service_without_a_token_is_refused_and_says_so(behalf, inbox, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(inbox), ("alice",), request)
    answer = stack.server.call("POST", "/runs/wait", stack.login("alice"),
                               json={"assistant_id": "probe", "input": {"do": CALLS["http"]}})
    assert answer.json()["__error__"]["error"] == "needs_auth"
    assert "mail-api" in answer.json()["__error__"]["message"]
    assert inbox.calls() == []


def test_a_revoked_token_is_refused_by_the_service(behalf, inbox, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(inbox), ("alice",), request)
    stack.store("alice", "mail", inbox.tokens["alice"])
    inbox.revoke("alice")
    body = {"assistant_id": "probe", "input": {"do": CALLS["http"]}}
    token = stack.login("alice")
    assert stack.server.call("POST", "/runs/wait", token, json=body).json()["result"]["status"] == 401
    stack.store("alice", "mail", inbox.add_user("alice"))
    values = stack.server.call("POST", "/runs/wait", token, json=body).json()
    assert values["result"]["body"]["user"] == "alice"


def test_a_streamed_reply_is_pulled_as_the_user(behalf, inbox, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(inbox), ("alice",), request)
    stack.store("alice", "mail", inbox.tokens["alice"])
    do = {"op": "stream", "service": "mail-api", "path": "/api/stream?count=50&interval_ms=1"}
    answer = stack.server.call("POST", "/runs/wait", stack.login("alice"),
                               json={"assistant_id": "probe", "input": {"do": do}})
    assert answer.json()["result"].count('"number"') == 50


def test_a_sealed_vault_stops_only_who_needs_it(behalf, inbox, own_vault, keycloak, tmp_path):
    from parts.stacks import _vault_section, services

    store = own_vault.user_store(keycloak.issuer, keycloak.jwks_url)
    config = base(inbox) | {
        "identity": [{"type": "oidc", "issuer": keycloak.issuer, "audience": "behalf",
                      "allow_generic_jwt_typ": True, "permissions_claim": "permissions"}],
        "secrets": _vault_section(own_vault, store),
        "services": services(inbox),
    }
    server = behalf(config)
    store.put(keycloak.subject("alice"), "mail", {"token": inbox.tokens["alice"]})
    token = keycloak.token("alice")
    own_vault.seal()
    body = {"assistant_id": "probe", "input": {"do": CALLS["http"]}}
    refused = server.call("POST", "/runs/wait", token, json=body).json()["__error__"]
    assert "sealed" in refused["message"]
    hello = {"assistant_id": "hello", "input": {"messages": "hi"}}
    assert server.call("POST", "/runs/wait", token, json=hello).json()["who"]
    assert server.call("POST", "/threads", token, json={}).status_code == 200
    own_vault.unseal()
    values = server.call("POST", "/runs/wait", token, json=body).json()
    assert values["result"]["body"]["user"] == "alice"


def test_the_official_mcp_server_answers_through_behalf(behalf, everything, tmp_path, request):
    config = base() | {
        "services": {"everything": {"type": "mcp", "url": everything.mcp_url,
                                    "allow_private": True, "allow_http": True,
                                    "credential": {"from": "none"}}}
    }
    stack = start(behalf, tmp_path, "dev", "embedded", config, ("alice",), request)
    client = stack.server.sdk(stack.login("alice"))
    listed = client.runs.wait(None, "probe",
                              input={"do": {"op": "mcp", "service": "everything"}})
    assert "echo" in {t["name"] for t in listed["result"]["body"]["tools"]}

    def call(tool: str, **arguments) -> dict:
        do = {"op": "mcp", "service": "everything", "tool": tool, "arguments": arguments}
        return client.runs.wait(None, "probe", input={"do": do})["result"]["body"]

    assert "hey" in call("echo", message="hey")["content"][0]["text"]
    slow = call("trigger-long-running-operation", duration=1, steps=3)
    assert not slow.get("isError") and "completed" in slow["content"][0]["text"]
    assert call("no-such-tool")["isError"], "it answers with a failed result, no protocol error"
