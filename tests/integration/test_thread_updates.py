"""Threads changed by hand, through the official Python SDK: state, supersteps, copies, pruning."""

import asyncio
import subprocess
import uuid

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.errors import APIStatusError
from parts.plugins import plugin
from parts.stacks import dev_users
from parts.tools import ROOT, TOOLS, require

NEVER = "5f1d2c86-9d0e-4b51-8a6d-0f1c7d4b9e11"


@pytest.fixture(scope="module")
def server(open_server):
    return open_server({"graphs": [plugin("test_graphs")]})


@pytest.fixture
def threads(server):
    return get_sync_client(url=server.url, api_key=None).threads


@pytest.fixture
def runs(server):
    return get_sync_client(url=server.url, api_key=None).runs


def of_graph(threads, graph: str = "plain_zod_graph", **more) -> str:
    return threads.create(graph_id=graph, **more)["thread_id"]


def refused(call, *args, **named) -> tuple[int, str]:
    with pytest.raises(APIStatusError) as caught:
        call(*args, **named)
    return caught.value.response.status_code, caught.value.response.json()["detail"]


def test_a_state_is_updated_and_a_run_goes_on_from_it(threads, runs):
    thread = of_graph(threads)
    done = threads.update_state(thread, {"items": ["by hand"]})
    assert done["checkpoint"] == done["configurable"]
    assert done["checkpoint"]["thread_id"] == thread
    state = threads.get_state(thread)
    assert state["values"]["items"] == ["by hand"]
    assert state["next"] == ["add"]
    assert state["checkpoint"]["checkpoint_id"] == done["checkpoint_id"]
    shown = threads.get(thread)
    assert (shown["status"], shown["values"]) == ("interrupted", state["values"])
    assert threads.search(status="interrupted", values={"items": ["by hand"]})
    values = runs.wait(thread, "plain_zod_graph", input=None)
    assert values["items"] == ["by hand", "item 1"]
    assert threads.get(thread)["status"] == "idle"


def test_an_older_checkpoint_is_forked(threads, runs):
    thread = of_graph(threads)
    for _ in range(2):
        runs.wait(thread, "plain_zod_graph", input={"items": ["in"]})
    history = threads.get_history(thread, limit=100)
    old = history[-1]
    done = threads.update_state(thread, {"items": ["F"]}, as_node="add",
                                checkpoint=old["checkpoint"])
    head = threads.get_state(thread)
    assert head["parent_checkpoint"]["checkpoint_id"] == old["checkpoint"]["checkpoint_id"]
    assert head["checkpoint"]["checkpoint_id"] == done["checkpoint_id"]
    assert head["values"]["items"] == ["F"]
    assert threads.get(thread)["values"] == head["values"]
    status, detail = refused(threads.update_state, thread, {}, checkpoint_id=NEVER)
    assert (status, detail) == (404, f"No checkpoint {NEVER} on this thread")


def test_what_cannot_be_is_refused_and_leaves_nothing(server, threads):
    thread = of_graph(threads)
    path = f"/threads/{thread}/state"
    for body, status, words in [
        ({"values": {}, "as_node": "nope"}, 400, "Node nope does not exist"),
        ({"values": ["x"]}, 400, "Expected dict"),
        ({"values": "x"}, 422, "is not of type"),
        ({"values": {}, "as_node": 5}, 422, "is not of type"),
        ({"values": {}, "checkpoint": 5}, 422, "is not of type"),
        ({"values": {}, "checkpoint": {"checkpoint_ns": "x:1"}}, 400, "Subgraph x not found"),
        ({"values": [[{}, 5]], "as_node": "__copy__"}, 400, "non-existent"),
    ]:
        answer = server.call("POST", path, json=body)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert threads.get_history(thread) == []
    bare = threads.create()["thread_id"]
    assert refused(threads.update_state, bare, {})[0] == 400
    assert refused(threads.update_state, NEVER, {})[0] == 404
    assert refused(threads.update_state, of_graph(threads, "nowhere"), {})[0] == 404


def test_a_thread_with_a_run_under_way_is_not_changed_by_hand(threads, runs):
    thread = of_graph(threads, "delay")
    run = runs.create(thread, "delay", input={"delay": 60_000})
    status, detail = refused(threads.update_state, thread, {})
    assert status == 409
    assert run["run_id"] in detail
    runs.cancel(thread, run["run_id"], wait=True)
    threads.update_state(thread, {}, as_node="__start__")


def test_updates_at_the_same_time_all_happen(server, threads):
    thread = of_graph(threads)

    async def all_at_once():
        mine = get_client(url=server.url, api_key=None).threads
        await asyncio.gather(*(mine.update_state(thread, {"items": [n]}) for n in range(8)))
        return await mine.get_state(thread)

    state = asyncio.run(all_at_once())
    assert sorted(state["values"]["items"]) == list(range(8))
    assert len(threads.get_history(thread, limit=100)) == 8


def test_two_updates_at_one_checkpoint_are_two_forks_of_it(server, threads):
    thread = of_graph(threads)
    base = threads.update_state(thread, {"items": ["base"]})["checkpoint"]

    async def both():
        mine = get_client(url=server.url, api_key=None).threads
        await asyncio.gather(*(mine.update_state(thread, {"items": [name]}, checkpoint=base)
                               for name in "ab"))

    asyncio.run(both())
    forks = threads.get_history(thread, limit=10)[:2]
    assert {one["parent_checkpoint"]["checkpoint_id"] for one in forks} == {base["checkpoint_id"]}
    assert sorted(one["values"]["items"] for one in forks) == [["base", "a"], ["base", "b"]]


def test_a_thread_is_made_with_its_supersteps_or_not_at_all(server, threads):
    steps = [
        {"updates": [{"values": {"items": ["i"]}, "as_node": "__input__"}]},
        {"updates": [{"values": {"items": ["i"]}, "as_node": "__start__"}]},
        {"updates": [{"values": {"items": ["a"]}, "as_node": "add"}]},
    ]
    made = threads.create(graph_id="plain_zod_graph", supersteps=steps)
    assert (made["status"], made["values"]["items"]) == ("idle", ["i", "a"])
    history = threads.get_history(made["thread_id"])
    assert [one["metadata"]["source"] for one in history] == ["update", "update", "input"]
    assert history[1]["tasks"][0]["result"] == {"items": ["a"]}

    broken = [*steps, {"updates": [{"values": {}, "as_node": "nope"}]}]
    thread = str(uuid.uuid4())
    body = {"thread_id": thread, "metadata": {"graph_id": "plain_zod_graph"}, "supersteps": broken}
    assert server.call("POST", "/threads", json=body).status_code == 400
    assert server.call("GET", f"/threads/{thread}").status_code == 404

    answer = server.call("POST", "/threads", json={"thread_id": thread, "supersteps": steps})
    assert answer.status_code == 201
    assert "no assigned graph ID" in answer.json()["detail"]
    assert server.call("GET", f"/threads/{thread}").json()["values"] is None


def test_a_copy_is_a_thread_of_its_own(server, threads, runs):
    thread = threads.create(metadata={"k": 1})["thread_id"]
    runs.wait(thread, "interrupt_graph", input={"messages": []})
    paused = threads.get(thread)
    assert paused["status"] == "interrupted"
    copy = threads.copy(thread)
    assert copy["thread_id"] != thread
    for same in ("status", "values", "interrupts", "metadata", "config"):
        assert copy[same] == paused[same], same
    assert threads.get(copy["thread_id"]) == copy

    def ids(of: str) -> list[str]:
        return [one["checkpoint"]["checkpoint_id"] for one in threads.get_history(of, limit=100)]

    assert ids(copy["thread_id"]) == ids(thread)
    assert threads.get_state(copy["thread_id"])["metadata"]["thread_id"] == copy["thread_id"]
    assert runs.list(copy["thread_id"]) == []
    runs.wait(copy["thread_id"], "interrupt_graph", command={"resume": "yes"})
    assert threads.get(copy["thread_id"])["status"] == "idle"
    threads.update(copy["thread_id"], metadata={"copy": "changed"})
    found = threads.search(metadata={"copy": "changed"}, status="idle")
    assert [one["thread_id"] for one in found] == [copy["thread_id"]]
    assert threads.get(thread) == paused
    assert {one["thread_id"] for one in threads.search(metadata={"k": 1})} \
        == {thread, copy["thread_id"]}

    empty = threads.copy(threads.create()["thread_id"])
    assert (empty["status"], empty["values"]) == ("idle", None)
    gone = server.call("POST", f"/threads/{NEVER}/copy")
    assert (gone.status_code, gone.json()) == (409, {"detail": "Conflict"})


def test_a_copy_of_a_running_thread_shows_what_was_stored(threads, runs):
    thread = of_graph(threads, "delay")
    run = runs.create(thread, "delay", input={"delay": 60_000})
    while not threads.get_state(thread)["next"] == ["long_running"]:
        pass
    copy = threads.copy(thread)
    assert copy["status"] == "interrupted"
    assert threads.get_state(copy["thread_id"])["next"] == ["long_running"]
    runs.cancel(thread, run["run_id"], wait=True)


def test_threads_are_measured_and_pruned(server, threads, runs):
    thread = of_graph(threads)
    for _ in range(4):
        runs.wait(thread, "plain_zod_graph", input={"items": ["x" * 1000]})
    before = server.call("GET", f"/threads/{thread}/storage").json()
    assert before["checkpoints"]["count"] == 12
    assert before["channel_values"]["by_channel"]["items"]["bytes"] > 4000
    state = threads.get_state(thread)

    answer = threads.prune([thread, NEVER], strategy="keep_latest")
    assert answer["pruned_count"] == 1
    assert len(threads.get_history(thread, limit=100)) == 1
    assert threads.get_state(thread) == {**state, "tasks": []}
    assert server.call("GET", f"/threads/{thread}/storage").json()["total_bytes"] \
        < before["total_bytes"]
    assert runs.wait(thread, "plain_zod_graph", input={})["counter"] == 5

    busy = of_graph(threads, "delay")
    runs.create(busy, "delay", input={"delay": 60_000})
    assert threads.prune([busy], strategy="keep_latest")["pruned_count"] == 0
    assert threads.prune([busy, thread, thread])["pruned_count"] == 2
    assert refused(threads.get, busy)[0] == 404
    assert refused(threads.get, thread)[0] == 404
    for body in ({}, {"thread_ids": "x"}, {"thread_ids": ["x"]},
                 {"thread_ids": [], "strategy": "x"}, {"thread_ids": [NEVER] * 1001}):
        assert server.call("POST", "/threads/prune", json=body).status_code == 422


def test_a_threads_time_to_live_is_changed(server, threads):
    thread = threads.create()["thread_id"]
    path = f"/threads/{thread}"
    assert server.call("GET", f"{path}?include=ttl").json()["ttl"] is None
    threads.update(thread, metadata={}, ttl={"ttl": 5, "strategy": "keep_latest"})
    ttl = server.call("GET", f"{path}?include=ttl").json()["ttl"]
    assert (ttl["strategy"], ttl["ttl_minutes"]) == ("keep_latest", 5)
    threads.update(thread, metadata={"a": 1})
    assert server.call("GET", f"{path}?include=ttl").json()["ttl"] == ttl
    assert server.call("PATCH", path, json={"ttl": 5}).status_code == 422
    assert server.call("PATCH", path, json={"ttl": {"ttl": 0}}).status_code in (200, 404)
    assert server.call("GET", path).status_code == 404


def test_histories_go_on_before_a_checkpoint_in_every_form(server, threads, runs):
    thread = of_graph(threads)
    for n in range(3):
        runs.wait(thread, "plain_zod_graph", input={"items": [n]}, metadata={"turn": n})
    history = threads.get_history(thread, limit=100)
    third = history[2]
    rest = history[3:]
    path = f"/threads/{thread}/history"
    for before in (third["checkpoint"]["checkpoint_id"], third["checkpoint"],
                   {"configurable": third["checkpoint"]}):
        answer = server.call("POST", path, json={"before": before, "limit": 100})
        assert answer.json() == rest
    query = f"?limit=2&before={third['checkpoint']['checkpoint_id']}"
    assert server.call("GET", path + query).json() == rest[:2]
    of_one = threads.get_history(thread, limit=100, metadata={"turn": 1})
    assert [one["metadata"]["turn"] for one in of_one] == [1, 1, 1]
    assert threads.get_history(thread, limit=100, checkpoint={"checkpoint_ns": ""}) == history
    for n, one in enumerate(history):  # each alone as in the history
        alone = threads.get_state(thread, checkpoint=one["checkpoint"])
        assert alone["values"] == one["values"], n


def test_every_method_for_threads_works_asynchronously(server):
    async def all_of_them():
        client = get_client(url=server.url, api_key=None)
        threads = client.threads
        thread = (await threads.create(graph_id="plain_zod_graph", ttl=60))["thread_id"]
        await threads.update_state(thread, {"items": ["a"]})
        await client.runs.wait(thread, "plain_zod_graph", input=None)
        assert (await threads.get_state(thread))["values"]["items"] == ["a", "item 1"]
        assert len(await threads.get_history(thread)) == 2
        await threads.update(thread, metadata={"by": "async"}, ttl=5)
        assert (await threads.get(thread, include=["ttl"]))["ttl"]["ttl_minutes"] == 5
        copy = (await threads.copy(thread))["thread_id"]
        assert await threads.count(metadata={"by": "async"}) == 2
        found = await threads.search(metadata={"by": "async"}, sort_by="created_at",
                                     sort_order="asc", select=["thread_id"])
        assert found == [{"thread_id": thread}, {"thread_id": copy}]
        assert await threads.prune([copy], strategy="keep_latest") == {"pruned_count": 1}
        await threads.delete(thread)
        assert await threads.prune([thread, copy]) == {"pruned_count": 1}

    asyncio.run(all_of_them())


def test_the_javascript_sdk_changes_threads(server):
    script = require(TOOLS / "node" / "node_modules", "the JavaScript SDK").parent
    source = ROOT / "tests/integration/js/threads.mjs"
    (script / "threads.mjs").write_text(source.read_text())
    done = subprocess.run(["node", "threads.mjs", server.url], cwd=script, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "all of it"


def test_anothers_threads_are_not_there(behalf):
    config = dev_users("alice", "bob") | {"graphs": {"hello": "builtin:hello"}}
    server = behalf(config, command="dev", args=("--data", "data"))

    def login(user: str) -> str:
        form = {"grant_type": "password", "client_id": "t", "username": user, "password": user}
        return server.call("POST", "/dev/token", data=form).json()["access_token"]

    alice, bob = login("alice"), login("bob")
    body = {"metadata": {"graph_id": "hello"},
            "supersteps": [{"updates": [{"values": {"messages": "hi"}, "as_node": "__start__"}]}]}
    thread = server.call("POST", "/threads", alice, json=body).json()["thread_id"]
    path = f"/threads/{thread}"

    def said(token: str | None, method: str, of: str, **more) -> int:
        return server.call(method, of, token, **more).status_code

    for token, status in ((bob, 404), (None, 401)):
        assert said(token, "POST", f"{path}/state", json={"values": {}}) == status
        assert said(token, "GET", f"{path}/storage") == status
        assert said(token, "PATCH", path, json={"ttl": {"ttl": 1}}) == status
    assert said(bob, "POST", f"{path}/copy") == 409
    assert said(None, "POST", f"{path}/copy") == 401
    for strategy in ("delete", "keep_latest"):
        prune = {"thread_ids": [thread], "strategy": strategy}
        answer = server.call("POST", "/threads/prune", bob, json=prune)
        assert answer.json() == {"pruned_count": 0}
        assert said(None, "POST", "/threads/prune", json=prune) == 401
    assert server.call("GET", f"{path}?include=ttl", alice).json()["ttl"] is None
    copy = server.call("POST", f"{path}/copy", alice).json()
    assert copy["metadata"]["owner"] == server.call("GET", path, alice).json()["metadata"]["owner"]
    assert said(bob, "GET", f"/threads/{copy['thread_id']}") == 404


def test_threads_that_say_nothing_live_as_long_as_configured(behalf):
    config = {"graphs": {"hello": "builtin:hello"},
              "retention": {"threads": "2h", "thread_strategy": "keep_latest"}}
    server = behalf(config, command="dev", args=("--data", "data", "--no-auth"))

    def ttl(**body) -> dict:
        thread = server.call("POST", "/threads", json=body).json()["thread_id"]
        return server.call("GET", f"/threads/{thread}?include=ttl").json()["ttl"]

    assert (ttl()["strategy"], ttl()["ttl_minutes"]) == ("keep_latest", 120)
    assert (ttl(ttl={"ttl": 1})["strategy"], ttl(ttl={"ttl": 1})["ttl_minutes"]) == ("delete", 1)
