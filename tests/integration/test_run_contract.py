"""What the contract says of runs, row by row: strategies under concurrency, options, refusals."""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from parts.plugins import plugin

UUID = "5f1d2c86-9d0e-4b51-8a6d-0f1c7d4b9e11"  # of nothing
SLOW = {"upto": 500, "pause_ms": 10}
BUSY = ("Thread is already running a task. Wait for it to finish or choose a different multitask "
        "strategy.")


@pytest.fixture(scope="module")
def server(open_server):
    graphs = {name: f"{plugin('probe')}:{name}" for name in ("probe", "steps", "ask")}
    graphs["inter2"] = f"{plugin('test_graphs')}:inter2"
    return open_server({"graphs": graphs, "runs": {"timeout": "3s"}})


def create(server, thread: str, **body) -> httpx.Response:
    return httpx.post(f"{server.url}/threads/{thread}/runs", timeout=60,
                      json={"assistant_id": "steps", **body})


def statuses(client, thread: str) -> list[str]:
    return [one["status"] for one in client.runs.list(thread, limit=100)]


# --- fifty clients on one thread ---------------------------------------------------------------


def at_once(server, thread: str, strategy: str, **body) -> list[httpx.Response]:
    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(
            lambda _: create(server, thread, multitask_strategy=strategy, **body), range(50)))


def settle(client, thread: str) -> None:
    for _ in range(400):
        if client.threads.get(thread)["status"] != "busy":
            return
        time.sleep(0.05)
    raise AssertionError("still busy")


def test_fifty_enqueued_runs_execute_one_after_another(server, client, thread):
    answers = at_once(server, thread, "enqueue", input={"upto": 1, "pause_ms": 1})
    assert [one.status_code for one in answers] == [200] * 50
    settle(client, thread)
    assert statuses(client, thread) == ["success"] * 50
    # Each began with the state the one before it left: nothing was lost or done twice.
    assert client.threads.get_state(thread)["values"]["n"] == 50


def test_one_of_fifty_is_taken_where_a_second_is_rejected(server, client, thread):
    answers = at_once(server, thread, "reject", input=SLOW)
    assert sorted(one.status_code for one in answers) == [200] + [409] * 49
    assert {one.json()["detail"] for one in answers if one.status_code == 409} == {BUSY}
    client.runs.cancel(thread, client.runs.list(thread)[0]["run_id"], wait=True)
    assert statuses(client, thread) == ["interrupted"]


@pytest.mark.parametrize("strategy, left", [("interrupt", "interrupted"), ("rollback", None)])
def test_of_fifty_that_displace_each_other_one_stays(server, client, thread, strategy, left):
    answers = at_once(server, thread, strategy, input=SLOW)
    taken = [one for one in answers if one.status_code == 200]
    assert taken and {one.status_code for one in answers} <= {200, 409}
    found = statuses(client, thread)
    assert found.count("running") + found.count("pending") == 1
    assert set(found) <= {"running", "pending", left}
    assert len(found) == (len(taken) if left else 1)
    open_ones = [one["run_id"] for one in client.runs.list(thread)
                 if one["status"] in ("running", "pending")]
    client.runs.cancel_many(thread_id=thread, action="rollback", run_ids=open_ones)
    assert client.threads.get(thread)["status"] != "busy"


# --- options -----------------------------------------------------------------------------------


def test_a_delayed_run_holds_up_nobody(server, client, thread):
    before = time.time()
    later = create(server, thread, input={"upto": 1}, after_seconds=2).json()
    assert client.runs.wait(thread, "steps", input={"upto": 1})["n"] == 1
    assert time.time() - before < 2
    assert client.runs.get(thread, later["run_id"])["status"] == "pending"
    assert client.runs.join(thread, later["run_id"])["n"] >= 1
    assert time.time() - before >= 2
    assert create(server, thread, input={"upto": 1}, after_seconds=-5).status_code == 200


def test_a_thread_is_made_when_it_may_be(server, client):
    fresh = str(uuid.uuid4())
    assert create(server, fresh, input={"upto": 1}).status_code == 404
    assert create(server, fresh, input={"upto": 1}, if_not_exists="reject").status_code == 404
    made = create(server, fresh, input={"upto": 1}, if_not_exists="create", metadata={"a": 1})
    assert made.status_code == 200
    assert client.threads.get(fresh)["metadata"]["a"] == 1
    client.runs.join(fresh, made.json()["run_id"])


@pytest.mark.parametrize("keep", [True, False])
def test_a_stateless_run_keeps_its_thread_if_told_so(server, client, keep):
    answer = server.call("POST", "/runs/wait", json={
        "assistant_id": "steps", "input": {"upto": 2},
        "on_completion": "keep" if keep else "delete"})
    thread = answer.headers["location"].split("/")[2]
    assert answer.json()["n"] == 2
    status = server.call("GET", f"/threads/{thread}").status_code
    assert status == (200 if keep else 404)


@pytest.mark.parametrize("given, shown, during, checkpoints", [
    ({}, "async", True, 4), ({"durability": "sync"}, "sync", True, 4),
    ({"durability": "exit"}, "exit", False, 1), ({"checkpoint_during": False}, "exit", False, 1),
    ({"checkpoint_during": True}, "async", True, 4),
    ({"durability": "async", "checkpoint_during": False}, "async", True, 4)])
def test_durability_says_which_checkpoints_stay(server, client, thread, given, shown, during,
                                                checkpoints):
    made = create(server, thread, input={"upto": 2}, **given).json()
    assert (made["kwargs"]["durability"], made["kwargs"]["checkpoint_during"]) == (shown, during)
    client.runs.join(thread, made["run_id"])
    assert len(client.threads.get_history(thread, limit=100)) == checkpoints


@pytest.mark.parametrize("where", ["interrupt_before", "interrupt_after"])
@pytest.mark.parametrize("which", ["*", ["ask"], ["ask", "nobody"]])
def test_a_run_stops_where_it_is_told_to(client, thread, where, which):
    client.runs.wait(thread, "ask", input={"foo": ["x"]}, **{where: which})
    state = client.threads.get_state(thread)
    first = "a" if which == "*" and where == "interrupt_before" else "ask"
    assert state["next"] == [first] and client.threads.get(thread)["status"] == "interrupted"
    for _ in range(3):
        client.runs.wait(thread, "ask", command={"resume": "yes"})
        if not client.threads.get_state(thread)["next"]:
            break
    assert client.threads.get_state(thread)["values"]["ans"] == "yes"


@pytest.mark.parametrize("body", [
    {"assistant_id": "steps", "input": {"upto": 2}},
    {"assistant_id": "ask", "input": {"foo": ["x"]}},
    {"assistant_id": "ask", "input": {"foo": ["x"]}, "interrupt_before": "*"},
    {"assistant_id": "inter2", "input": {"foo": ["x"]}},
    {"assistant_id": "steps", "input": {"upto": 9}, "config": {"recursion_limit": 2}}],
    ids=["success", "a question", "a stop", "two questions", "error"])
def test_who_joins_late_is_told_what_those_were_who_waited(server, client, thread, body):
    answer = server.call("POST", f"/threads/{thread}/runs/wait", json=body)
    run = answer.headers["Content-Location"].rsplit("/", 1)[1]
    assert client.runs.join(thread, run) == answer.json()
    client.runs.wait(thread, "steps", input={"upto": 1})  # the thread goes on
    assert client.runs.join(thread, run) == answer.json()


def test_a_second_answer_to_a_question_is_an_error(client, thread):
    asked = client.runs.wait(thread, "ask", input={"foo": ["x"]})["__interrupt__"][0]["id"]
    client.runs.wait(thread, "ask", command={"resume": {asked: "yes"}})
    late = client.runs.create(thread, "ask", command={"resume": {asked: "no"}})
    told = client.runs.join(thread, late["run_id"])
    assert told["__error__"]["error"] == "UnknownInterruptError", told
    assert "answered already" in told["__error__"]["message"], told
    assert client.runs.get(thread, late["run_id"])["status"] == "error"
    assert client.threads.get(thread)["status"] == "idle"
    assert client.threads.get_state(thread)["values"]["ans"] == "yes"


def test_an_answer_to_nothing_is_an_error_where_it_is_asked_for(client, thread):
    def answered(resume, strict):
        run = client.runs.create(thread, "ask", command={"resume": resume}, strict_resume=strict)
        return client.runs.join(thread, run["run_id"])

    asked = client.runs.wait(thread, "ask", input={"foo": ["x"]})["__interrupt__"][0]["id"]
    unknown = {"0" * 32: "yes"}
    assert answered(unknown, False)["__interrupt__"][0]["id"] == asked
    for resume in (unknown, {}, {asked: "yes", **unknown}):
        assert answered(resume, True)["__error__"]["error"] == "UnknownInterruptError"
        assert client.threads.get(thread)["status"] == "interrupted"
    assert answered({asked: "yes"}, True)["ans"] == "yes"
    assert answered("yes", False)["ans"] == "yes"
    assert answered("yes", True)["__error__"]["message"] == "No interrupt waits for an answer"
    assert client.http.get("/info")["flags"]["strict_resume"] is True


def test_a_checkpoint_is_replayed_or_forked(client, thread):
    client.runs.wait(thread, "steps", input={"upto": 3})
    history = client.threads.get_history(thread, limit=100)
    at = next(one for one in history if one["values"].get("n") == 1 and one["next"])
    replayed = client.runs.wait(thread, "steps", input=None,
                                checkpoint_id=at["checkpoint"]["checkpoint_id"])
    assert replayed["seen"] == [1, 2, 3]
    forked = client.runs.wait(thread, "steps", input={"upto": 2}, checkpoint=at["checkpoint"])
    assert forked["seen"] == [1, 2]
    assert len(client.threads.get_history(thread, limit=100)) > len(history)


@pytest.mark.parametrize("command", [
    {"goto": "ask"}, {"goto": ["ask"]}, {"goto": {"node": "ask", "input": {"foo": ["z"]}}},
    {"goto": [{"node": "ask", "input": {"foo": ["z"]}}], "update": {"foo": ["u"]}},
    {"goto": "ask", "update": [["foo", ["u"]]]}])
def test_a_command_goes_to_a_node(client, thread, command):
    client.runs.wait(thread, "ask", command=command)
    state = client.threads.get_state(thread)
    assert "ask" in state["next"]
    if "update" in command:
        assert "u" in state["values"]["foo"]


@pytest.mark.parametrize("limit, status", [(2, "error"), (0, "error"), (50, "success")])
def test_the_recursion_limit_counts_steps(server, client, thread, limit, status):
    answer = server.call("POST", f"/threads/{thread}/runs/wait", json={
        "assistant_id": "steps", "input": {"upto": 5}, "config": {"recursion_limit": limit}})
    assert answer.status_code == 200
    assert client.runs.list(thread)[0]["status"] == status
    if status == "error":
        wanted = "GraphRecursionError" if limit else "ValueError"
        assert answer.json()["__error__"]["error"] == wanted


def test_a_run_that_takes_too_long_ends_as_timeout(server, client, thread):
    answer = server.call("POST", f"/threads/{thread}/runs/wait",
                         json={"assistant_id": "steps", "input": SLOW})
    assert answer.json()["__error__"]["error"] == "TimeoutError"
    assert client.runs.list(thread)[0]["status"] == "timeout"
    assert client.threads.get(thread)["status"] == "error"


def test_who_leaves_cancels_if_they_said_so(server, client, thread):
    for leave, status in (("cancel", "interrupted"), ("continue", "success")):
        body = {"assistant_id": "steps", "on_disconnect": leave,
                "input": {"upto": 30, "pause_ms": 10}}
        url = f"{server.url}/threads/{thread}/runs/stream"
        with httpx.stream("POST", url, json=body) as answer:
            next(answer.iter_lines())
        settle(client, thread)
        assert client.runs.list(thread)[0]["status"] == status


def test_metadata_is_merged_from_the_left(server, client):
    of_thread = {"a": "thread", "b": "thread", "c": "thread"}
    thread = client.threads.create(metadata=of_thread)["thread_id"]
    made = create(server, thread, input={"upto": 1}, metadata={"c": "run"},
                  config={"metadata": {"b": "config", "c": "config"}}, feedback_keys=["k"],
                  langsmith_tracer={"project_name": "x"}).json()
    merged = {"a": "thread", "b": "config", "c": "run"}
    assert merged.items() <= made["metadata"].items()
    assert made["kwargs"]["feedback_keys"] == ["k"] and made["langsmith_session_name"] is None
    client.runs.join(thread, made["run_id"])


# --- lists -------------------------------------------------------------------------------------


def test_lists_are_paged_filtered_and_projected(server, client, thread):
    for n in range(3):
        client.runs.wait(thread, "steps", input={"upto": n + 1})
    ids = [one["run_id"] for one in client.runs.list(thread)]
    assert ids == sorted(ids, reverse=True) and len(ids) == 3

    def asked(query: str) -> httpx.Response:
        return server.call("GET", f"/threads/{thread}/runs?{query}")

    assert [one["run_id"] for one in asked("limit=1&offset=1").json()] == [ids[1]]
    assert asked("status=error").json() == [] and asked("status=nothing").json() == []
    assert len(asked("status=success").json()) == 3
    for form in ("select=run_id&select=status", "select=run_id,status",
                 'select=["run_id","status"]'):
        assert {tuple(sorted(one)) for one in asked(form).json()} == {("run_id", "status")}
    for query, status in (("limit=abc", 400), ("limit=-1", 400), ("offset=x", 400),
                          ("select=colour", 422)):
        assert asked(query).status_code == status, query


# --- refusals ----------------------------------------------------------------------------------

REFUSED = [
    ({"assistant_id": "nobody"}, 422, "Invalid assistant: 'nobody'"),
    ({"assistant_id": UUID}, 404, "Thread or assistant not found."),
    ({"assistant_id": None}, 422, "assistant_id"), ({"assistant_id": 7}, 422, "assistant_id"),
    ({"config": 7}, 422, "config"), ({"config": {"configurable": 7}}, 422, "configurable"),
    ({"config": {"recursion_limit": "x"}}, 422, "recursion_limit"),
    ({"config": {"recursion_limit": 10001}}, 422, "recursion_limit"),
    ({"context": {"a": 1}, "config": {"configurable": {"a": 1}}}, 400, "configurable and context"),
    ({"metadata": 7}, 422, "metadata"), ({"metadata": []}, 422, "metadata"),
    ({"stream_mode": "loud"}, 422, "loud"), ({"stream_mode": ["values", 1]}, 422, "stream mode"),
    ({"multitask_strategy": "win"}, 422, "win"), ({"if_not_exists": "maybe"}, 422, "maybe"),
    ({"on_disconnect": "cry"}, 422, "cry"), ({"on_completion": "burn"}, 422, "burn"),
    ({"durability": "never"}, 422, "never"), ({"checkpoint_during": "x"}, 422, "checkpoint_during"),
    ({"after_seconds": "soon"}, 422, "after_seconds"),
    ({"after_seconds": 1e12}, 422, "after_seconds"),
    ({"interrupt_before": 7}, 422, "interrupt_before"),
    ({"interrupt_after": [7]}, 422, "interrupt"),
    ({"command": 7}, 422, "command"), ({"checkpoint": 7}, 422, "checkpoint"),
    ({"checkpoint_id": 7}, 422, "checkpoint"), ({"checkpoint_id": "x" * 300}, 422, "checkpoint"),
    ({"stream_subgraphs": "x"}, 422, "stream_subgraphs"),
    ({"stream_resumable": 1}, 422, "stream_resumable"), ({"feedback_keys": "k"}, 422, "feedback"),
    ({"webhook": 7}, 422, "webhook"), ({"webhook": None}, 422, "webhook"),
]


@pytest.mark.parametrize("body, status, why", REFUSED,
                         ids=[json.dumps(body)[:60] for body, _, _ in REFUSED])
def test_a_run_that_cannot_be_leaves_nothing(server, client, thread, body, status, why):
    body = {"assistant_id": "steps", "input": {"upto": 1}, **body}
    for end in ("", "/stream", "/wait"):
        for path in (f"/threads/{thread}/runs{end}", f"/runs{end}"):
            answer = server.call("POST", path, json=body)
            assert answer.status_code == status, (path, answer.text)
            assert why in answer.json()["detail"]
    assert client.runs.list(thread) == [] and client.threads.get(thread)["status"] == "idle"


@pytest.mark.parametrize("method, path, status, why", [
    ("GET", "/runs/{run}", 404, "Not Found"), ("GET", "/runs/x", 422, "Invalid run ID"),
    ("DELETE", "/runs/{run}", 404, "Run not found"), ("DELETE", "/runs/x", 422, "Invalid run ID"),
    ("POST", "/runs/{run}/cancel", 404, "No runs found to cancel."),
    ("POST", "/runs/x/cancel", 422, "Invalid run ID"),
    ("POST", "/runs/{run}/cancel?action=stop", 422, "interrupt, rollback")])
def test_a_run_that_is_not_there_says_so(server, thread, method, path, status, why):
    answer = server.call(method, f"/threads/{thread}" + path.format(run=UUID))
    assert answer.status_code == status and why in answer.json()["detail"]


def test_joining_a_run_that_is_not_there_is_told_in_band(server, thread):
    path = f"/threads/{thread}/runs/{UUID}"
    gone = {"error": "HTTPException", "message": "404: Run not found"}
    joined = server.call("GET", f"{path}/join")
    assert (joined.status_code, joined.json()) == (200, {"__error__": gone})
    streamed = server.call("GET", f"{path}/stream")
    assert streamed.status_code == 200 and "event: error" in streamed.text
    assert "404: Run not found" in streamed.text


def test_deleting_a_thread_ends_its_runs_and_their_waiters(server, client, thread):
    made = create(server, thread, input=SLOW).json()
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(
        server.call("GET", f"/threads/{thread}/runs/{made['run_id']}/join")))
    waiter.start()
    next(iter(client.runs.join_stream(thread, made["run_id"])))
    client.threads.delete(thread)
    waiter.join(timeout=20)
    assert answers[0].json()["__error__"]["message"] == "404: Run not found"
