"""The Agent Server API as the official SDKs and bare clients meet it; and bad input of every kind."""

import json
import socket
import subprocess
import threading
import time
import uuid

import pytest
from parts.stacks import base, start
from parts.tools import TOOLS, require


@pytest.fixture
def stack(behalf, tmp_path, request):
    return start(behalf, tmp_path, "dev", "embedded", base(), ("alice", "bob"), request)


@pytest.fixture
def token(stack):
    return stack.login("alice")


def test_the_python_sdk_does_the_journey(stack, token):
    client = stack.server.sdk(token)
    assistants = client.assistants.search(graph_id="hello")
    assert [a["graph_id"] for a in assistants] == ["hello"]
    assert assistants[0]["assistant_id"] == str(
        uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), "hello"))
    assert client.assistants.get(assistants[0]["assistant_id"])["name"] == "hello"
    thread = client.threads.create(metadata={"topic": "x"})["thread_id"]
    assert client.threads.get(thread)["metadata"] == {"topic": "x", "owner": "alice"}
    client.threads.update(thread, metadata={"topic": "y"})
    found = client.threads.search(metadata={"topic": "y"})
    assert [t["thread_id"] for t in found] == [thread]
    parts = list(client.runs.stream(thread, "hello", input={"messages": "hi"},
                                    stream_mode=["values", "updates", "messages-tuple"]))
    assert parts[0].event == "metadata"
    names = [p.event for p in parts]
    assert {"values", "updates", "messages"} <= set(names) and "error" not in names
    assert parts[-1].data["who"] == "alice"
    run = client.runs.list(thread)[0]
    assert run["status"] == "success"
    assert client.runs.get(thread, run["run_id"])["run_id"] == run["run_id"]
    assert client.runs.join(thread, run["run_id"])["who"] == "alice"
    state = client.threads.get_state(thread)
    assert state["values"]["messages"][-1]["content"] == "hello alice" and state["next"] == []
    history = client.threads.get_history(thread, limit=10)
    assert [h["metadata"]["step"] for h in history] == [1, 0, -1]
    assert client.threads.search(status="idle", values={"who": "alice"})
    client.threads.delete(thread)
    assert client.threads.search() == []


def test_searches_show_what_is_selected_and_extracted(stack, token):
    client = stack.server.sdk(token)
    thread = client.threads.create(metadata={"tags": ["a", "b"]})
    found = client.threads.search(
        ids=[thread["thread_id"]], select=["status"], extract={"last": "metadata.tags[-1]"})
    assert found == [{"status": "idle", "extracted": {"last": "b"}}]
    assert thread["config"] == {}
    client.runs.wait(thread["thread_id"], "steps", input={"upto": 1}, config={"tags": ["t"]})
    assert client.threads.get(thread["thread_id"])["config"] == {"tags": ["t"], "configurable": {}}


def test_background_runs_join_and_cancel(stack, token):
    client = stack.server.sdk(token)
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "steps", input={"upto": 500, "pause_ms": 10})
    assert run["status"] == "pending"
    joined = client.runs.join_stream(thread, run["run_id"])
    next(iter(joined))
    client.runs.cancel(thread, run["run_id"], wait=True)
    assert client.runs.get(thread, run["run_id"])["status"] == "interrupted"
    assert client.threads.get(thread)["status"] == "interrupted"
    left = client.runs.join(thread, run["run_id"])  # no error: what it did until then
    assert left == client.threads.get_state(thread)["values"]
    again = stack.server.call("POST", f"/threads/{thread}/runs/{run['run_id']}/cancel", token)
    assert again.status_code == 404
    rolled = client.runs.create(thread, "steps", input={"n": 0, "upto": 500, "pause_ms": 10})
    client.runs.cancel(thread, rolled["run_id"], wait=True, action="rollback")
    gone = stack.server.call("GET", f"/threads/{thread}/runs/{rolled['run_id']}", token)
    assert gone.status_code == 404


def test_a_resumed_run_rolled_back_leaves_its_question(stack, token):
    client = stack.server.sdk(token)
    thread = client.threads.create()["thread_id"]

    def resume(answer):
        """A run that has taken the answer and is counting."""
        run = client.runs.create(thread, "survey", command={"resume": answer}, stream_mode="custom")
        watched = client.runs.join_stream(thread, run["run_id"])
        assert any(part.event == "custom" for part in watched)
        return run["run_id"]

    client.runs.wait(thread, "survey", input={"pause_ms": 5})
    before, state = client.threads.get(thread), client.threads.get_state(thread)
    assert before["status"] == "interrupted" and len(before["interrupts"]) == 1
    resumed = resume("no")
    client.runs.cancel(thread, resumed, wait=True, action="rollback")
    assert stack.server.call("GET", f"/threads/{thread}/runs/{resumed}", token).status_code == 404
    after = client.threads.get(thread)
    shown = ("status", "values", "interrupts", "error")
    assert [after[key] for key in shown] == [before[key] for key in shown]
    assert client.threads.get_state(thread) == state

    later = {"command": {"resume": "no"}, "assistant_id": "survey", "after_seconds": 600}
    unnamed = stack.server.call("POST", f"/threads/{thread}/runs", token, json=later)
    assert unnamed.status_code == 422 and "which question" in unnamed.text
    named = {before["interrupts"][next(iter(before["interrupts"]))][0]["id"]: "no"}
    never_began = client.runs.create(thread, "survey", command={"resume": named}, after_seconds=600)
    client.runs.cancel(thread, never_began["run_id"], wait=True)
    after = client.threads.get(thread)
    assert [after[key] for key in shown] == [before[key] for key in shown]
    client.runs.cancel(thread, resume("yes"), wait=True)
    assert client.threads.get_state(thread)["values"]["ans"] == "yes"


def test_a_resumable_stream_has_no_holes_and_no_duplicates(stack, token):
    thread = stack.server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "input": {"upto": 40, "pause_ms": 5},
            "stream_mode": ["updates", "custom"], "stream_resumable": True}
    run = stack.server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]
    url = f"/threads/{thread}/runs/{run}/stream"
    whole = stack.server.call("GET", url, token, headers={"Last-Event-ID": "-1"}).text
    ids = [line[4:] for line in whole.splitlines() if line.startswith("id: ")]
    assert len(ids) == len(set(ids)) == 81  # metadata, then custom and updates of each step
    rest = stack.server.call("GET", url, token, headers={"Last-Event-ID": ids[40]}).text
    assert [i[4:] for i in rest.splitlines() if i.startswith("id: ")] == ids[41:]
    for none in ("abc", "null", "abc-40", "1-40x", "1--3", "1-99999999999999999999", "99-9999"):
        old = stack.server.call("GET", url, token, headers={"Last-Event-ID": none})
        assert (old.status_code, old.text) == (200, ""), none


def test_one_run_at_a_time_and_the_strategies(stack, token):
    client = stack.server.sdk(token)
    thread = client.threads.create()["thread_id"]
    slow = {"upto": 100, "pause_ms": 10}
    first = client.runs.create(thread, "steps", input=slow)
    second = client.runs.create(thread, "steps", input={"n": 0, "upto": 2})
    refused = stack.server.call("POST", f"/threads/{thread}/runs", token, json={
        "assistant_id": "steps", "input": slow, "multitask_strategy": "reject"})
    assert refused.status_code == 409
    client.runs.wait(thread, "steps", input={"n": 0, "upto": 1}, multitask_strategy="interrupt")
    statuses = {r["run_id"]: r["status"] for r in client.runs.list(thread)}
    assert statuses[first["run_id"]] == statuses[second["run_id"]] == "interrupted"


def test_interrupts_before_inside_and_resume(stack, token):
    client = stack.server.sdk(token)
    thread = client.threads.create()["thread_id"]
    stopped = client.runs.wait(thread, "ask", input={"foo": []})
    interrupt = stopped["__interrupt__"][0]
    assert interrupt["value"] == {"question": "ok?"} and len(interrupt["id"]) == 32
    state = client.threads.get_state(thread)
    assert state["next"] == ["ask"] and state["tasks"][0]["interrupts"][0]["id"] == interrupt["id"]
    again = client.runs.wait(thread, "ask", input=None)
    assert again["__interrupt__"][0]["id"] == interrupt["id"]
    done = client.runs.wait(thread, "ask", command={"resume": {"yes": 1}})
    assert done["ans"] == {"yes": 1} and done["foo"] == ["a"]
    other = client.threads.create()["thread_id"]
    client.runs.wait(other, "ask", input={"foo": []}, interrupt_before=["a"])
    assert client.threads.get_state(other)["next"] == ["a"]


def test_clients_cannot_forge_who_they_are(stack, token):
    body = {"assistant_id": "probe", "input": {"do": {"op": "config"}},
            "config": {"configurable": {"langgraph_auth_user_id": "bob", "user_id": "bob",
                                        "langgraph_auth_user": {"identity": "bob"}, "mine": 1}}}
    shown = stack.server.call("POST", "/runs/wait", token, json=body).json()["result"]
    configurable = shown["configurable"]
    assert configurable["langgraph_auth_user_id"] == configurable["user_id"] == "alice"
    assert configurable["langgraph_auth_user"]["identity"] == "alice" and configurable["mine"] == 1
    assert configurable["graph_id"] == "probe" and configurable["langgraph_request_id"]


def test_the_store_keeps_items_per_user(stack, token):
    client, bobs = stack.server.sdk(token), stack.server.sdk(stack.login("bob"))
    client.store.put_item(["notes", "a"], key="k", value={"n": 1})
    assert client.store.get_item(["notes", "a"], key="k")["value"] == {"n": 1}
    assert len(client.store.search_items(["notes"])["items"]) == 1
    assert bobs.store.search_items(["notes"])["items"] == []
    assert client.store.list_namespaces(suffix=["a"])["namespaces"] == [["alice", "notes", "a"]]
    assert bobs.store.list_namespaces()["namespaces"] == []
    assert client.store.search_items(["notes"], filter={"n": {"$gt": 1}})["items"] == []
    client.store.delete_item(["notes", "a"], key="k")
    assert client.store.search_items([])["items"] == []


UUID = "5f1d2c86-9d0e-4b51-8a6d-0f1c7d4b9e11"  # of nothing
BAD = [
    ("POST", "/threads", "{", 422),
    ("POST", "/threads", "[1]", 422),
    ("POST", "/threads", '{"metadata": 7}', 422),
    ("POST", "/threads", '{"thread_id": "x"}', 422),
    ("POST", "/threads", '{"ttl": 7}', 422),
    ("POST", "/threads", '{"metadata": {"a": NaN}}', 422),
    ("POST", "/threads", '{"metadata": "\\ud800"}', 422),
    ("POST", "/threads", "", 422),
    ("POST", "/threads/search", '{"limit": 0}', 422),
    ("POST", "/threads/search", '{"limit": "ten"}', 422),
    ("POST", "/threads/search", '{"sort_by": "size"}', 422),
    ("POST", "/threads/search", '{"ids": ["x"]}', 400),
    ("POST", "/threads/search", '{"select": ["colour"]}', 422),
    ("POST", "/threads/search", '{"extract": {"x": "status"}}', 422),
    ("GET", "/threads/not-a-uuid", None, 422),
    ("GET", f"/threads/{UUID}", None, 404),
    ("PATCH", f"/threads/{UUID}", "{}", 404),
    ("DELETE", f"/threads/{UUID}", None, 404),
    ("GET", f"/threads/{UUID}/state", None, 404),
    ("POST", f"/threads/{UUID}/runs/wait", '{"assistant_id": "hello"}', 404),
    ("POST", "/runs/wait", "{}", 422),
    ("POST", "/runs/wait", '{"assistant_id": "nobody"}', 422),
    ("POST", "/runs/wait", json.dumps({"assistant_id": UUID}), 404),
    ("POST", "/runs/wait", '{"assistant_id": "hello", "stream_mode": "loud"}', 422),
    ("POST", "/runs/wait", '{"assistant_id": "hello", "multitask_strategy": "win"}', 422),
    ("POST", "/runs/wait", '{"assistant_id": "hello", "config": {"recursion_limit": "x"}}', 422),
    ("POST", "/runs/wait", '{"assistant_id": "hello", "config": {"configurable": 4}}', 422),
    ("POST", "/assistants/search", '{"graph_id": "none"}', 404),
    ("POST", "/assistants/search", '{"select": ["colour"]}', 422),
    ("POST", "/assistants", '{"graph_id": "none"}', 404),
    ("PATCH", f"/assistants/{UUID}", "{}", 404),
    ("POST", "/runs/crons", "{}", 422),
    ("GET", f"/assistants/{UUID}", None, 404),
    ("PUT", "/store/items", '{"namespace": [], "key": "k", "value": {}}', 400),
    ("PUT", "/store/items", '{"namespace": ["a.b"], "key": "k", "value": {}}', 422),
    ("PUT", "/store/items", '{"namespace": ["a"], "key": "k", "value": null}', 422),
    ("PUT", "/store/items", '{"namespace": ["a"], "key": "", "value": {}}', 400),
    ("GET", "/store/items?namespace=a", None, 400),
    ("POST", "/store/items/search", '{"filter": {"a": {"$in": [1]}}}', 400),
    ("GET", "/nowhere", None, 404),
    ("PUT", "/threads", "{}", 405),
]


@pytest.mark.parametrize("method, path, body, status", BAD)
def test_bad_input_is_refused_with_a_reason(method, path, body, status, shared):
    server, token = shared
    answer = server.call(method, path, token, content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert server.call(method, path, content=body).status_code == 401


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all the bad requests; at the end nothing of them may be there."""
    from parts.behalf import Behalf, run
    from parts.stacks import dev_users

    folder = tmp_path_factory.mktemp("bad")
    server = Behalf(base() | dev_users("alice"), folder, command="dev", args=("--data", "data"))
    token = run("token", "--url", server.url, "--user", "alice", "--password", "alice",
                folder=folder).stdout.strip()
    yield server, token
    assert server.call("POST", "/threads/search", token, json={}).json() == []
    server.close()


def test_no_graph_brings_a_user_interface_along(shared):
    server, token = shared
    asked = server.call("POST", "/ui/hello", token, json={"name": "card"})
    assert (asked.status_code, asked.text) == (404, "UI not found for graph 'hello'")
    assert server.call("POST", "/ui/hello", json={}).status_code == 401


def test_giant_bodies_and_heads_are_refused(shared):
    server, token = shared
    big = server.call("POST", "/threads", token, content=b"x" * (21 << 20))
    assert big.status_code == 413
    head = server.call("GET", "/ok", headers={"X-Big": "x" * 40_000})
    assert head.status_code == 431


def test_pipelined_requests_are_answered_in_order(shared):
    server, token = shared
    host, port = server.url.removeprefix("http://").split(":")
    lines = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
             for path in (f"/threads/{UUID}", "/ok", "/info")]
    with socket.create_connection((host, int(port))) as s:
        s.sendall("".join(lines).encode())
        s.settimeout(5)
        seen = b""
        while seen.count(b"HTTP/1.1 ") < 3 or not seen.endswith(b"}"):
            seen += s.recv(65536)
    first, second, third = seen.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"404") and b'"ok":true' in second and b'"version"' in third


def test_preflight_and_exposed_headers(shared):
    server, _ = shared
    asked = server.call("OPTIONS", "/threads", headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization", "Access-Control-Request-Private-Network": "true"})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-private-network"] == "true"
    simple = server.call("GET", "/info", headers={"Origin": "http://localhost:3000"})
    assert "content-location" in simple.headers["access-control-expose-headers"]
    assert simple.headers["x-request-id"]


def test_waiting_requests_are_kept_alive(stack, token):
    """A run longer than a keep-alive period: the head at once, then line breaks, then JSON."""
    body = {"assistant_id": "steps", "input": {"upto": 7, "pause_ms": 1000}}
    answer = stack.server.call("POST", "/runs/wait", token, json=body)
    assert answer.text.startswith("\n") and answer.json()["n"] == 7
    assert answer.headers["location"].endswith("/join")


def test_a_client_that_leaves_cancels_only_if_it_said_so(stack, token):
    client = stack.server.sdk(token)
    for mode, status in (("continue", "success"), ("cancel", "interrupted")):
        thread = client.threads.create()["thread_id"]
        stream = client.runs.stream(thread, "steps", input={"upto": 30, "pause_ms": 20},
                                    on_disconnect=mode)
        next(stream)
        stream.close()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            run = client.runs.list(thread)[0]
            if run["status"] not in ("pending", "running"):
                break
            time.sleep(0.05)
        assert run["status"] == status


def test_the_javascript_sdk_does_the_journey(stack, token):
    script = require(TOOLS / "node" / "node_modules", "the JavaScript SDK").parent
    from parts.tools import ROOT

    source = ROOT / "tests/integration/js/journey.mjs"
    (script / "journey.mjs").write_text(source.read_text())
    done = subprocess.run(["node", "journey.mjs", stack.server.url, token], cwd=script,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"who": "alice", "history": 3, "idle": 1}


def test_many_clients_at_once_lose_nothing(stack, token):
    failures = []

    def work(n: int) -> None:
        for _ in range(20):
            answer = stack.server.call("POST", "/runs/wait", token, json={
                "assistant_id": "hello", "input": {"messages": f"m{n}"}})
            if answer.status_code != 200 or answer.json()["messages"][0]["content"] != f"m{n}":
                failures.append(answer.text)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert failures == []
