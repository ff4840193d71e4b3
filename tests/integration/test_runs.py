"""Runs: batches, cancelling many, deleting, and what is left after; Python SDK, sync and async."""

import asyncio
import threading
import uuid

import httpx
import pytest
from langgraph_sdk import get_client
from parts.behalf import Behalf, run
from parts.plugins import plugin
from parts.stacks import OWNER, dev_users

SLOW = {"upto": 500, "pause_ms": 10}
NOTHING = "No runs found to cancel."
NO_MATCH = ("No matching runs to cancel. Please verify the thread ID and run IDs are correct, and "
            "the runs haven't been deleted or completed.")


def graphs() -> dict:
    probe = {name: f"{plugin('probe')}:{name}" for name in ("probe", "steps", "ask", "survey")}
    return {"graphs": {"hello": "builtin:hello", **probe}}


@pytest.fixture(scope="module")
def server(open_server):
    return open_server(graphs())


def refusal(action) -> tuple[int, str]:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        action()
    return caught.value.response.status_code, caught.value.response.json()["detail"]


# --- batches ----------------------------------------------------------------------------------


def test_a_batch_creates_each_run_on_a_thread_of_its_own(client, thread):
    keep = {"on_completion": "keep"}
    made = client.runs.create_batch([
        {"assistant_id": "steps", "input": {"upto": 2}, **keep},
        {"assistant_id": "hello", "input": {"messages": "hi"}, "thread_id": thread, **keep},
    ])
    assert [one["status"] for one in made] == ["pending", "pending"]
    assert len({one["thread_id"] for one in made} | {thread}) == 3
    assert client.runs.join(made[0]["thread_id"], made[0]["run_id"])["n"] == 2
    assert client.runs.join(made[1]["thread_id"], made[1]["run_id"])["messages"]


BAD_BATCHES = [
    ([], 422, "list of at least one run"),
    ({}, 422, "list of at least one run"),
    (None, 422, "list of at least one run"),
    ([1], 422, "run 0"),
    ([{"assistant_id": "steps"}, {}], 422, "run 1"),
    ([{"assistant_id": "steps"}, {"assistant_id": "nobody"}], 422, "Invalid assistant: 'nobody'"),
    ([{"assistant_id": "steps"}, {"assistant_id": str(uuid.uuid4())}], 404, "not found"),
    ([{"assistant_id": "steps", "stream_mode": "loud"}], 422, "loud"),
    ([{"assistant_id": "steps"}] * 1001, 422, "more than 1000 runs"),
]


@pytest.mark.parametrize("body, status, why", BAD_BATCHES)
def test_a_batch_with_one_fault_creates_nothing(server, client, body, status, why):
    before = client.threads.count()
    answer = server.call("POST", "/runs/batch", json=body)
    assert answer.status_code == status and why in answer.json()["detail"]
    assert client.threads.count() == before


def test_a_batch_without_room_for_all_leaves_none(behalf, tmp_path):
    limited = behalf({**graphs(), "runs": {"slots": 1, "capacity": 4}}, command="dev",
                     args=("--no-auth", "--data", "data"))
    one = {"assistant_id": "steps", "input": SLOW, "on_completion": "keep"}
    assert limited.call("POST", "/runs/batch", json=[one] * 8).status_code in (429, 503)
    assert limited.call("POST", "/threads/search", json={}).json() == []
    assert limited.call("POST", "/runs/batch", json=[one] * 2).status_code == 200


# --- cancelling --------------------------------------------------------------------------------


def test_runs_are_cancelled_by_name(server, client, thread):
    runs = [client.runs.create(thread, "steps", input=SLOW)["run_id"] for _ in range(3)]
    client.runs.cancel_many(thread_id=thread, run_ids=[runs[1], str(uuid.uuid4())])
    statuses = [one["status"] for one in client.runs.list(thread)]
    assert statuses == ["pending", "interrupted", "running"]
    client.runs.cancel_many(thread_id=thread, run_ids=runs, action="rollback")
    assert [one["run_id"] for one in client.runs.list(thread)] == [runs[1]]
    assert client.threads.get(thread)["status"] == "idle"
    assert refusal(lambda: client.runs.cancel_many(
        thread_id=thread, run_ids=runs)) == (404, NO_MATCH)
    assert refusal(lambda: client.runs.cancel_many(
        thread_id=str(uuid.uuid4()), run_ids=runs)) == (404, NOTHING)


def test_runs_are_cancelled_by_status(client, thread):
    runs = [client.runs.create(thread, "steps", input=SLOW)["run_id"] for _ in range(3)]
    alone = client.runs.create(None, "steps", input=SLOW)  # on a thread that no search lists
    client.runs.cancel_many(status="pending")
    assert [one["status"] for one in client.runs.list(thread)] == [
        "interrupted", "interrupted", "running"]
    client.runs.cancel_many(status="running")
    assert client.runs.get(thread, runs[0])["status"] == "interrupted"
    assert refusal(lambda: client.threads.get(alone["thread_id"]))[0] == 404
    for status in ("pending", "running", "all"):
        why = refusal(lambda status=status: client.runs.cancel_many(status=status))
        assert why == (404, NOTHING)


BAD_CANCELS = [
    ({}, ""), ([], ""), (None, ""), ({"status": "done"}, ""), ({"status": 1}, ""),
    ({"thread_id": str(uuid.uuid4())}, ""), ({"run_ids": []}, ""),
    ({"status": "all", "thread_id": str(uuid.uuid4())}, ""),
    ({"status": "all", "thread_id": str(uuid.uuid4()), "run_ids": []}, ""),
    ({"thread_id": "x", "run_ids": []}, ""),
    ({"thread_id": str(uuid.uuid4()), "run_ids": ["x"]}, ""),
    ({"thread_id": str(uuid.uuid4()), "run_ids": [str(uuid.uuid4())] * 1001}, ""),
    ({"status": "all"}, "?action=stop"),
]


@pytest.mark.parametrize("body, query", BAD_CANCELS)
def test_a_cancellation_says_what_is_wrong_with_it(server, body, query):
    answer = server.call("POST", "/runs/cancel" + query, json=body)
    assert answer.status_code == 422 and answer.json()["detail"]


def test_who_cancels_may_wait_for_the_end(server, client, thread):
    run_id = client.runs.create(thread, "steps", input=SLOW)["run_id"]
    path = f"/threads/{thread}/runs/{run_id}"
    answer = server.call("POST", f"{path}/cancel?wait=1&action=interrupt")
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["location"] == f"{path}/join"
    assert client.runs.get(thread, run_id)["status"] == "interrupted"
    assert server.call("POST", f"{path}/cancel").status_code == 404


# --- deleting ----------------------------------------------------------------------------------


def test_a_run_that_is_over_goes_with_its_checkpoints(client, thread):
    first = client.runs.create(thread, "steps", input={"upto": 1})["run_id"]
    client.runs.join(thread, first)
    before = client.threads.get_history(thread, limit=100)
    second = client.runs.create(thread, "steps", input={"upto": 3})["run_id"]
    client.runs.join(thread, second)
    client.runs.delete(thread, second)
    assert client.threads.get_history(thread, limit=100) == before
    assert [one["run_id"] for one in client.runs.list(thread)] == [first]
    for gone in (second, str(uuid.uuid4())):
        assert refusal(lambda gone=gone: client.runs.delete(thread, gone)) == (404, "Run not found")
    assert client.runs.wait(thread, "steps", input={"upto": 2})["n"] == 2


def test_a_run_that_executes_is_deleted_under_its_waiters(client, server, thread):
    run_id = client.runs.create(thread, "steps", input=SLOW)["run_id"]
    answers = []
    path = f"/threads/{thread}/runs/{run_id}"
    waiter = threading.Thread(target=lambda: answers.append(server.call("GET", f"{path}/join")))
    waiter.start()
    next(iter(client.runs.join_stream(thread, run_id)))
    client.runs.delete(thread, run_id)
    waiter.join(timeout=20)
    assert answers[0].json()["__error__"]["message"] == "404: Run not found"
    assert client.threads.get(thread)["status"] == "idle"
    assert client.threads.get_history(thread) == []
    assert refusal(lambda: client.runs.get(thread, run_id))[0] == 404


# --- without a thread --------------------------------------------------------------------------


def test_the_places_a_stateless_run_names_answer(server):
    body = {"assistant_id": "steps", "input": {"upto": 20, "pause_ms": 20},
            "stream_resumable": True}
    made = server.call("POST", "/runs", json=body)
    where = made.headers["content-location"]
    assert where == f"/runs/{made.json()['run_id']}"
    streamed = server.call("GET", f"{where}/stream", headers={"Last-Event-ID": "-1"})
    assert streamed.status_code == 200 and '"n":20' in streamed.text
    waited = server.call("POST", "/runs/wait", json={**body, "on_completion": "keep"})
    assert server.call("GET", waited.headers["location"]).json() == waited.json()


# --- rights ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    folder = tmp_path_factory.mktemp("users")
    server = Behalf(graphs() | {"authorization": dict(OWNER)} | dev_users("alice", "bob"), folder,
                    command="dev", args=("--data", "data"))

    def token(name: str) -> str:
        return run("token", "--url", server.url, "--user", name, "--password", name,
                   folder=folder).stdout.strip()

    yield server, token("alice"), token("bob")
    server.close()


def test_nobody_ends_the_runs_of_others(users):
    server, alice, bob = users
    mine, theirs = server.sdk(alice), server.sdk(bob)
    thread = mine.threads.create()["thread_id"]
    run_id = mine.runs.create(thread, "steps", input=SLOW)["run_id"]
    alone = mine.runs.create(None, "steps", input=SLOW)
    assert refusal(lambda: theirs.runs.cancel_many(status="all")) == (404, NOTHING)
    assert refusal(lambda: theirs.runs.cancel_many(thread_id=thread, run_ids=[run_id])) == (
        404, NOTHING)
    assert refusal(lambda: theirs.runs.delete(thread, run_id)) == (404, "Run not found")
    assert refusal(lambda: theirs.runs.cancel(thread, run_id)) == (404, NOTHING)
    assert mine.runs.get(thread, run_id)["status"] == "running"
    assert mine.runs.get(alone["thread_id"], alone["run_id"])["status"] == "running"
    mine.runs.cancel_many(status="all")
    assert mine.runs.get(thread, run_id)["status"] == "interrupted"


def test_no_token_ends_nothing(users):
    server, _, _ = users
    for method, path in (("POST", "/runs/batch"), ("POST", "/runs/cancel"),
                         ("DELETE", f"/threads/{uuid.uuid4()}/runs/{uuid.uuid4()}")):
        assert server.call(method, path).status_code == 401


# --- the asynchronous client -------------------------------------------------------------------


def test_every_method_of_the_asynchronous_client(server):
    async def journey() -> None:
        client = get_client(url=server.url, api_key=None)
        runs = client.runs
        thread = (await client.threads.create())["thread_id"]
        made = await runs.create(thread, "steps", input={"upto": 2}, metadata={"who": "me"})
        assert (await runs.join(thread, made["run_id"]))["n"] == 2
        assert (await runs.get(thread, made["run_id"]))["metadata"]["who"] == "me"
        assert (await runs.wait(thread, "steps", input={"upto": 3}))["n"] == 3
        parts = [part.event async for part in runs.stream(
            thread, "steps", input={"upto": 4}, stream_mode=["values", "updates"])]
        assert parts[0] == "metadata" and {"values", "updates"} <= set(parts)
        assert len(await runs.list(thread)) == 3
        assert [one["status"] for one in await runs.list(thread, status="success", limit=2)] == [
            "success", "success"]
        slow = await runs.create(thread, "steps", input=SLOW, stream_resumable=True)
        joined = [part.event async for part in _first(runs.join_stream(thread, slow["run_id"]))]
        assert joined
        await runs.cancel(thread, slow["run_id"], wait=True)
        assert (await runs.get(thread, slow["run_id"]))["status"] == "interrupted"
        await runs.delete(thread, slow["run_id"])
        many = await runs.create_batch([{"assistant_id": "steps", "input": SLOW}] * 2)
        await runs.cancel_many(status="all")
        for one in many:
            with pytest.raises(httpx.HTTPStatusError):
                await runs.get(one["thread_id"], one["run_id"])

    asyncio.run(journey())


async def _first(parts):
    async for part in parts:
        yield part
        return
