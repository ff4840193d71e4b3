"""Graphs inside graphs over the API, through the official Python SDK."""

import time

import pytest
from httpx import HTTPStatusError
from langgraph_sdk import get_sync_client
from langgraph_sdk.errors import APIStatusError
from parts.behalf import Behalf
from parts.plugins import plugin
from parts.tools import until

ASK = {"foo": ["in"], "do_int": True}


@pytest.fixture(scope="module")
def server(open_server):
    return open_server({"graphs": [plugin("test_graphs")]})


@pytest.fixture
def asked(client) -> str:
    """A thread that has stopped at a question inside."""
    thread = client.threads.create()["thread_id"]
    stopped = client.runs.wait(thread, "sub", input=ASK)
    assert [one["value"] for one in stopped["__interrupt__"]] == ["from child"]
    return thread


def inner_place(client, thread: str) -> dict:
    return client.threads.get_state(thread)["tasks"][0]["checkpoint"]


def test_the_thread_shows_the_question_of_the_innermost_task(client, asked):
    thread = client.threads.get(asked)
    inside = client.threads.get_state(asked, subgraphs=True)["tasks"][0]["state"]
    assert thread["status"] == "interrupted"
    assert list(thread["interrupts"]) == [inside["tasks"][0]["id"]]
    assert thread["values"] == {"foo": ["in", "pa"], "do_int": True}  # its own, not the child's


def test_a_state_inside_is_read_by_its_checkpoint(client, asked):
    place = inner_place(client, asked)
    assert place["checkpoint_ns"].startswith("child:")
    inside = client.threads.get_state(asked, checkpoint=place)
    nested = client.threads.get_state(asked, subgraphs=True)["tasks"][0]
    assert nested["checkpoint"] is None and nested["state"] == inside
    assert inside["next"] == ["c2"]
    assert inside["values"]["foo"] == ["in", "pa", "c1"]
    ns, own = place["checkpoint_ns"], inside["checkpoint"]
    root = client.threads.get_state(asked)["checkpoint"]["checkpoint_id"]
    assert own["checkpoint_map"] == {"": root, ns: own["checkpoint_id"]}
    assert inside["metadata"]["parents"] == {"": root}
    assert inside["parent_checkpoint"]["checkpoint_ns"] == ns
    assert client.threads.get_state(asked, checkpoint=own) == inside
    past = client.threads.get_history(asked, checkpoint=place)
    assert [one["metadata"]["step"] for one in past] == [1, 0, -1]
    assert all(one["checkpoint"]["checkpoint_ns"] == ns for one in past)
    assert len(client.threads.get_history(asked)) == 3  # the child's are not among them


def test_what_is_not_there_is_refused(client, asked):
    for ns, status in (("nobody:1", 400), ("x" * 5000, 400), ("|" * 4000, 400)):
        with pytest.raises(APIStatusError) as refused:
            client.threads.get_state(asked, checkpoint={"checkpoint_ns": ns})
        assert refused.value.response.status_code == status
    empty = client.threads.get_state(asked, checkpoint={"checkpoint_ns": "child:never"})
    assert empty["values"] == {} and empty["next"] == []


def test_a_state_inside_is_changed_and_the_run_goes_on_with_it(client, asked):
    place = inner_place(client, asked)
    changed = client.threads.update_state(asked, {"foo": ["by hand"]}, checkpoint=place)
    assert changed["checkpoint"]["checkpoint_ns"] == place["checkpoint_ns"]
    assert set(changed["checkpoint"]["checkpoint_map"]) == {"", place["checkpoint_ns"]}
    assert client.threads.get(asked)["values"]["foo"] == ["in", "pa"]
    values = client.runs.wait(asked, "sub", command={"resume": "yes"})
    assert values["foo"] == ["in", "pa", "in", "pa", "c1", "by hand", "c2:\"yes\"", "pb"]


def test_a_question_inside_is_answered_by_its_id(client, asked):
    (stop,) = client.threads.get_state(asked)["interrupts"]
    parts = list(client.runs.stream(asked, "sub", command={"resume": {stop["id"]: "yes"}},
                                    stream_mode=["values", "updates", "tasks", "checkpoints"],
                                    stream_subgraphs=True))
    ns = [one.event for one in parts if "|" in one.event][0].partition("|")[2]
    assert {one.event.partition("|")[2] for one in parts} == {"", ns}
    values = [one.data for one in parts if one.event == "values"][-1]
    assert values["foo"] == ["in", "pa", "in", "pa", "c1", "c2:\"yes\"", "pb"]
    quiet = client.threads.create()["thread_id"]
    parts = list(client.runs.stream(quiet, "sub", input=ASK, stream_mode=["updates", "values"]))
    assert all("|" not in one.event for one in parts)


def test_graphs_that_a_node_calls_go_on_when_it_runs_again(client):
    thread = client.threads.create()["thread_id"]
    stopped = client.runs.wait(thread, "calls", input=ASK)
    assert [one["value"] for one in stopped["__interrupt__"]] == ["from child"]
    state = client.threads.get_state(thread, subgraphs=True)["tasks"][0]["state"]
    assert state["next"] == [] and state["values"]["foo"] == ["one", "c1", "c2"]  # the first one
    parts = list(client.runs.stream(thread, "calls", command={"resume": "yes"},
                                    stream_mode="updates", stream_subgraphs=True))
    assert [list(one.data) for one in parts[1:]] == [["c2"], ["ask"]]  # nothing twice
    assert parts[1].event.endswith("|1")
    values = client.threads.get_state(thread)["values"]
    assert values["foo"] == ["in", ["one", "c1", "c2"], ["two", "c1", 'c2:"yes"']]


def test_a_run_goes_back_to_a_checkpoint_inside(client, asked):
    place = inner_place(client, asked)
    client.runs.wait(asked, "sub", command={"resume": "first"})
    past = client.threads.get_history(asked, checkpoint=place, limit=10)
    (before,) = [one["checkpoint"] for one in past if one["next"] == ["c2"]]
    again = client.runs.wait(asked, "sub", input=None, checkpoint=before)
    assert [one["value"] for one in again["__interrupt__"]] == ["from child"]
    values = client.runs.wait(asked, "sub", command={"resume": "second"})
    assert values["foo"] == ["in", "pa", "in", "pa", "c1", 'c2:"second"', "pb"]
    many = {str(n): "x" for n in range(65)}
    for bad in ({"checkpoint_map": {"": 7}}, {"checkpoint_map": 7}, {"checkpoint_map": many},
                {"checkpoint_ns": 7}, {"checkpoint_ns": "x" * 10_000}):
        with pytest.raises(HTTPStatusError) as refused:
            client.runs.wait(asked, "sub", input=None, checkpoint={**before, **bad})
        assert refused.value.response.status_code == 422


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_every_durability_keeps_what_a_question_needs(client, durability):
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "sub", input=ASK, durability=durability)
    values = client.runs.wait(thread, "sub", command={"resume": "yes"}, durability=durability)
    assert values["foo"] == ["in", "pa", "in", "pa", "c1", "c2:\"yes\"", "pb"]


def go_slowly(client, thread: str) -> str:
    """Answers the question inside; the node there takes its time."""
    run = client.runs.create(thread, "sub", command={"resume": "slow"})["run_id"]
    until(lambda: client.runs.get(thread, run)["status"] == "running")
    return run


def test_a_run_that_answered_is_rolled_back_inside_too(client, asked):
    before = client.threads.get_state(asked, subgraphs=True)
    run = go_slowly(client, asked)
    client.runs.cancel(asked, run, action="rollback", wait=True)
    assert client.threads.get_state(asked, subgraphs=True) == before
    values = client.runs.wait(asked, "sub", command={"resume": "yes"})
    assert values["foo"] == ["in", "pa", "in", "pa", "c1", 'c2:"yes"', "pb"]


def test_a_cancelled_run_goes_on_inside(client, asked):
    run = go_slowly(client, asked)
    client.runs.cancel(asked, run, wait=True)
    assert client.threads.get(asked)["status"] == "interrupted"
    values = client.runs.wait(asked, "sub", command={"resume": "yes"})
    assert values["foo"][:5] == ["in", "pa", "in", "pa", "c1"]


def test_after_a_crash_a_run_goes_on_inside_with_its_answer(tmp_path):
    server = Behalf({"graphs": [plugin("test_graphs")]}, tmp_path, command="dev",
                    args=("--no-auth", "--data", str(tmp_path / "data")))
    try:
        client = get_sync_client(url=server.url, api_key=None)
        thread = client.threads.create()["thread_id"]
        client.runs.wait(thread, "sub", input=ASK)
        run = go_slowly(client, thread)
        server.kill()
        server.start()
        client = get_sync_client(url=server.url, api_key=None)
        values = client.runs.join(thread, run)
        assert values["foo"] == ["in", "pa", "in", "pa", "c1", 'c2:"slow"', "pb"]
    finally:
        server.close()


def test_a_graph_that_keeps_its_state_for_the_thread_goes_on_from_it(client):
    thread = client.threads.create()["thread_id"]
    counts = [client.runs.wait(thread, "kept", input={"foo": ["x"]})["n"] for _ in range(3)]
    assert counts == [1, 2, 3]
    other = client.threads.create()["thread_id"]
    assert client.runs.wait(other, "kept", input={"foo": ["x"]})["n"] == 1
    copied = client.threads.copy(thread)["thread_id"]
    assert client.runs.wait(copied, "kept", input={"foo": ["x"]})["n"] == 4
    assert client.runs.wait(thread, "kept", input={"foo": ["x"]})["n"] == 4
    assert client.runs.wait(None, "kept", input={"foo": ["x"]})["n"] == 1


def test_a_node_inside_sends_the_graph_around_it_on(client):
    thread = client.threads.create()["thread_id"]
    values = client.runs.wait(thread, "up", input={"foo": ["in"]})
    assert values["foo"] == ["in", "leave", "here", "there"]  # an edge counts beside a command
    assert client.threads.get_state(thread)["next"] == []
    events = client.runs.stream(None, "up", input={"foo": ["in"]}, stream_mode="updates",
                                stream_subgraphs=True)
    nodes = [list(one.data)[0] for one in events if one.event.startswith("updates")]
    assert "there" in nodes and "never" not in nodes


def test_a_graph_inside_has_the_time_its_node_has(client):
    thread = client.threads.create()["thread_id"]
    began = time.monotonic()
    failed = client.runs.wait(thread, "limited", input={"foo": ["in"]}, raise_error=False)
    assert time.monotonic() - began < 10
    assert "Timeout" in failed["__error__"]["error"]
    assert client.threads.get(thread)["status"] == "error"
    state = client.threads.get_state(thread)
    assert state["values"]["foo"] == ["in", "before"] and state["next"] == ["inside"]
