"""The graphs of clients' own test suites, run through the official Python SDK."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest
from langgraph_sdk import get_sync_client
from parts.behalf import Behalf
from parts.plugins import plugin
from parts.tools import ROOT

HUMAN = {"messages": [{"role": "human", "content": "foo"}]}


def started(name: str, folder, **env: str) -> Behalf:
    """As people start it: tests/graphs/NAME.yaml, on a port of its own."""
    arguments = ("--config", str(ROOT / "tests" / "graphs" / f"{name}.yaml"),
                 "--data", str(folder / "data"))
    return Behalf(None, folder, command="dev", args=arguments, env=env or None)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    server = started("behalf", tmp_path_factory.mktemp("graphs"))
    yield get_sync_client(url=server.url, api_key=None)
    server.close()


@pytest.fixture(scope="module")
def server_of_users(tmp_path_factory):
    server = started("behalf.auth", tmp_path_factory.mktemp("users"))
    yield server
    server.close()


def token(user: str, *scopes: str, key: str = "your-secret-key-change-in-production",
          seconds: float = 3600) -> str:
    claims = {"sub": user, "scopes": list(scopes), "exp": int(time.time() + seconds)}
    return jwt.encode(claims, key, "HS256")


def test_users_have_what_their_tokens_say(server_of_users):
    call = server_of_users.call
    for refused in (None, "x", "a.b.c", token("wfh", "me"), token("alice", "me", key="0" * 32)):
        assert call("POST", "/threads", refused, json={}).status_code == 401
    assert call("POST", "/threads", token("alice"), json={}).status_code == 403
    mine = call("POST", "/threads", token("alice", "me"), json={}).json()
    assert mine["metadata"] == {"owner": "alice"}
    at = f"/threads/{mine['thread_id']}"
    assert call("GET", at, token("alice", "read")).status_code == 200
    assert call("GET", at, token("johndoe", "me", "read", "write")).status_code == 404
    item = {"key": "k", "value": {}}
    for namespace, status in ((["alice", "notes"], 204), (["johndoe"], 403)):
        answer = call("PUT", "/store/items", token("alice", "me"),
                      json={**item, "namespace": namespace})
        assert answer.status_code == status


def test_what_is_there_is_shown_to_who_may_read_it(server_of_users):
    """Here the rule of `assistants.create` has no filter, that of `assistants.read` has."""
    alice, john = (token(user, "me", "read", "assistants:write") for user in ("alice", "johndoe"))
    body = {"graph_id": "echo", "if_exists": "do_nothing"}
    made = server_of_users.call("POST", "/assistants", alice, json=body).json()
    again = {**body, "assistant_id": made["assistant_id"]}
    assert server_of_users.call("POST", "/assistants", alice, json=again).json() == made
    taken = server_of_users.call("POST", "/assistants", john, json=again)
    assert taken.status_code == 409 and "alice" not in taken.text


def test_a_cron_does_what_its_maker_says(server_of_users):
    """Here everybody may change crons. They may not make them do things as somebody else."""
    alice, john = token("alice", "me", "read"), token("johndoe", "me", "read")
    body = {"assistant_id": "echo", "schedule": "0 0 1 1 *", "input": {"a": 1}}
    cron = server_of_users.call("POST", "/runs/crons", alice, json=body).json()
    at = f"/runs/crons/{cron['cron_id']}"
    for change in ({"input": {"a": 2}}, {"webhook": "https://example.com"},
                   {"config": {"tags": ["x"]}}, {"enabled": False, "interrupt_before": "*"}):
        refused = server_of_users.call("PATCH", at, john, json=change)
        assert refused.status_code == 403 and "who made it" in refused.json()["detail"]
        assert server_of_users.call("GET", at, alice).json() == cron
    for who, change in ((john, {"enabled": False}), (alice, {"input": {"a": 3}})):
        assert server_of_users.call("PATCH", at, who, json=change).status_code == 200


def contents(values: dict) -> list[str]:
    return [one["content"] for one in values["messages"]]


def assistant(client, graph: str) -> dict:
    return client.assistants.search(graph_id=graph)[0]


def test_an_agent_takes_turns_with_its_tool(client, thread):
    made = assistant(client, "agent")
    assert made["config"] == {"configurable": {"model_name": "openai"}}
    values = client.runs.wait(thread, "agent", input=HUMAN)
    assert contents(values) == ["foo", "begin", "tool_call__begin", "end"]
    history = client.threads.get_history(thread)
    assert [one["metadata"]["step"] for one in history] == [3, 2, 1, 0, -1]
    assert history[0]["next"] == [] and history[-1]["next"] == ["__start__"]
    stored = client.store.get_item(["sharedState", "data"], "user_id")
    assert stored["value"] == {"id": ""}


def test_an_agent_streams_a_character_at_a_time(client, thread):
    parts = list(client.runs.stream(thread, "agent", input=HUMAN, stream_mode="messages-tuple"))
    chunks = [one.data[0] for one in parts if one.event == "messages"
              and one.data[0]["type"] == "AIMessageChunk"]
    assert "".join(one["content"] for one in chunks) == "beginend"
    assert all(len(one["content"]) == 1 for one in chunks)
    assert len({one["id"] for one in chunks}) == 2
    messages = client.threads.get_state(thread)["values"]["messages"]
    assert {one["id"] for one in messages if one["type"] == "ai"} == {one["id"] for one in chunks}


def test_an_agent_stops_when_it_is_told_to(client, thread):
    client.runs.wait(thread, "agent", input={**HUMAN, "interrupt": True})
    state = client.threads.get_state(thread)
    assert state["next"] == ["agent"]
    assert state["tasks"][0]["interrupts"][0]["value"] == "i want to interrupt"
    values = client.runs.wait(thread, "agent", command={"resume": "go on"})
    assert contents(values)[-1] == "end" and values["interrupt"] is False


def test_an_agent_ends_or_checks_as_its_first_message_says(client, thread):
    ended = client.runs.wait(None, "agent", input={
        "messages": [{"role": "human", "content": "should_end"}]})
    assert contents(ended) == ["should_end", "begin"]
    check = {"messages": [{"role": "human", "content": "___check_state_value"}]}
    client.store.put_item(["inputtedState", "data"], "my_key", {"isTrue": False})
    assert "Value is not true" in str(client.runs.wait(None, "agent", input=check,
                                                       raise_error=False))
    client.store.put_item(["inputtedState", "data"], "my_key", {"isTrue": True})
    assert contents(client.runs.wait(None, "agent", input=check))[-1] == "begin"


def test_an_agent_sleeps_in_steps(client, thread):
    parts = list(client.runs.stream(thread, "agent", stream_mode=["custom", "values"],
                                    input={**HUMAN, "sleep": {"steps": 3, "ms": 10}}))
    slept = [one.data for one in parts if one.event == "custom"]
    assert slept == [{"type": "sleep", "step": step} for step in range(3)]
    assert contents(parts[-1].data)[-1] == "end"


def test_the_simple_agent_sends_its_message_to_the_tool(client, thread):
    values = client.runs.wait(thread, "agent_simple", input=HUMAN)
    assert contents(values) == ["foo", "begin", "tool_call__begin", "end\u2028"]
    assert client.store.get_item(["ALL"], "key_one")["value"] == {"text": "foo"}
    parts = list(client.runs.stream(None, "agent_simple", input=HUMAN,
                                    config={"configurable": {"x-configurable-header": "h"}}))
    assert contents(parts[-1].data) == ["foo", "end: h"]


def test_tools_are_called(client, thread):
    values = client.runs.wait(thread, "agent_with_tools", input=HUMAN)
    assert contents(values) == ["foo", "", "It's 60 degrees and foggy.", "Done."]
    asked, said = values["messages"][1:3]
    assert asked["tool_calls"][0]["name"] == "weather"
    assert said["tool_call_id"] == asked["tool_calls"][0]["id"] == "call_embed_1"


def test_the_counting_agent_calls_its_tool(client, thread):
    values = client.runs.wait(thread, "agent_with_stats", input=HUMAN)
    assert contents(values) == ["foo", "", "It's 60 degrees and foggy.", "Done."]
    assert values["messages"][1]["tool_calls"][0]["id"] == "call_stats_1"


def named(node: str) -> dict:
    return {"config": {"configurable": {"nodeName": node}}}


def test_a_configuration_shapes_its_graph(client, thread):
    values = client.runs.wait(thread, "dynamic", input={"messages": "first"})
    assert values == {"node": "default", "messages": ["first", "default"]}
    parts = list(client.runs.stream(thread, "dynamic", input={}, stream_mode="updates",
                                    **named("mine")))
    assert parts[-1].data == {"mine": {"node": "mine", "messages": ["mine"]}}
    values = client.threads.get_state(thread)["values"]
    assert values == {"node": "mine", "messages": ["first", "default", "mine"]}


def test_an_assistants_configuration_shapes_its_graph(behalf):
    entry = {"path": f"{plugin('test_graphs')}:dynamic", "name": "dynamic_named",
             "config": {"configurable": {"nodeName": "of the assistant"}}}
    client = behalf({"graphs": [entry]}).sdk(None)
    thread = client.threads.create()["thread_id"]
    values = client.runs.wait(thread, "dynamic_named", input={})
    assert values["node"] == "of the assistant"
    remembered = client.threads.get(thread)["config"]["configurable"]
    assert remembered == {"nodeName": "of the assistant"}
    assert client.runs.wait(thread, "dynamic_named", input={}, **named("mine"))["node"] == "mine"
    assert client.threads.get(thread)["config"]["configurable"] == remembered


def test_a_graph_that_cannot_be_made_is_the_runs_error(client, thread):
    failed = client.runs.wait(thread, "dynamic", input={}, raise_error=False, **named("a:b"))
    assert failed["__error__"]["error"] == "ValueError"
    assert "'a:b' cannot be a node's name" in failed["__error__"]["message"]
    assert client.runs.wait(thread, "dynamic", input={})["node"] == "default"


def test_inner_nodes_run_in_their_order(client, thread):
    values = client.runs.wait(thread, "nested", input={"messages": []})
    child = ["gp_one", "p_one", "c_one", "c_two"]  # each ends with what it was given, too
    parent = ["gp_one", "p_one"] + child
    assert values["messages"] == [f"Entered {name} node" for name in ["gp_one"] + parent]


def test_the_weather_is_told_after_a_break(client, thread):
    parts = list(client.runs.stream(thread, "weather", input=HUMAN, stream_mode="values"))
    assert [one.data.get("route") for one in parts if one.event == "values"][:2] == [
        None, "weather"]
    assert client.threads.get(thread)["status"] == "interrupted"
    state = client.threads.get_state(thread)
    assert state["next"] == ["weather_graph"]
    ns = f"weather_graph:{state['tasks'][0]['id']}"
    assert state["tasks"][0]["checkpoint"] == {"checkpoint_ns": ns, "thread_id": thread}
    inside = client.threads.get_state(thread, subgraphs=True)["tasks"][0]["state"]
    assert inside["next"] == ["weather_node"] and inside["values"]["city"] == "San Francisco"
    parts = list(client.runs.stream(thread, "weather", input=None, stream_subgraphs=True,
                                    stream_mode=["values", "updates"]))
    assert [one.event for one in parts] == [
        "metadata", "values", f"values|{ns}", f"updates|{ns}", f"values|{ns}", "updates", "values"]
    assert contents(parts[-1].data) == ["foo", "It's sunny in San Francisco!"]
    assert "city" not in parts[-1].data


def test_a_tool_call_is_streamed_in_halves(client, thread):
    parts = list(client.runs.stream(thread, "create_agent", input=HUMAN,
                                    stream_mode=["messages-tuple", "values"]))
    chunks = [one.data[0] for one in parts if one.event == "messages"
              and one.data[0]["type"] == "AIMessageChunk"]
    halves = [one["tool_call_chunks"][0]["args"] for one in chunks if one.get("tool_call_chunks")]
    assert "".join(halves) == '{"city":"San Francisco"}' and len(halves) == 2
    words = [one["content"] for one in chunks if one["content"]]
    assert "".join(words) == "It's 64F and foggy in San Francisco." and len(words) == 7
    final = parts[-1].data["messages"]
    assert [one["id"] for one in final if one["type"] == "ai"] == [
        "call-weather-1-message", "call-weather-1-final"]


def test_words_are_streamed(client, thread):
    parts = list(client.runs.stream(thread, "stategraph_text", input=HUMAN,
                                    stream_mode="messages-tuple"))
    chunks = [one.data[0]["content"] for one in parts if one.event == "messages"
              and one.data[0]["type"] == "AIMessageChunk"]
    assert chunks == ["Plan ", "accepted."]
    assert contents(client.threads.get_state(thread)["values"])[-1] == "Plan accepted."


def test_a_question_is_answered(client, thread):
    client.runs.wait(thread, "interrupt_graph", input={"request": "send it"})
    asked = client.threads.get_state(thread)["tasks"][0]["interrupts"][0]["value"]
    assert asked == {"prompt": "Approve the outbound action?", "request": "send it"}
    values = client.runs.wait(thread, "interrupt_graph", command={"resume": "yes"})
    assert values["decision"] == {"value": "yes"} and values["completed"] is True


def test_a_question_that_is_answered_twice_keeps_its_first_answer(client, thread):
    client.runs.wait(thread, "interrupt_graph", input={"request": "send it"})
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda n: client.runs.wait(
            thread, "interrupt_graph", command={"resume": n}, raise_error=False), range(4)))
    # Whoever answers while the first one's run has not ended is told so.
    late = [one["__error__"]["error"] for one in answered if "__error__" in one]
    assert set(late) <= {"UnknownInterruptError"} and len(late) < 4, answered
    kept = {one["decision"]["value"] for one in answered if "__error__" not in one}
    assert len(kept) == 1
    again = client.runs.wait(thread, "interrupt_graph", command={"resume": "late"})
    assert {again["decision"]["value"]} == kept
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        client.runs.wait(thread, "interrupt_graph", command={"resume": "late"},
                         multitask_strategy="reject")
    assert client.threads.get(thread)["status"] == "idle"


def test_a_run_context_counts_more_than_the_assistants(client):
    assert assistant(client, "simple_runtime")["context"] == {"model": "unknown"}
    sent = {"message": "hi", "unknown": 1}
    values = client.runs.wait(None, "simple_runtime", input=sent)
    assert values == {"message": "hi", "model": "unknown"}
    values = client.runs.wait(None, "simple_runtime", input=sent, context={"model": "openai"})
    assert values["model"] == "openai"


def test_state_is_kept_by_each_channels_rule(client, thread):
    for count in (1, 2):
        values = client.runs.wait(thread, "state_schema_graph", input=HUMAN)
        assert values["count"] == count and contents(values)[-1] == f"Response {count}"
    values = client.runs.wait(None, "zod_registry_graph", input={"messages": ["a"]})
    assert values == {"messages": ["a", "Message 1"], "count": 1, "status": "done"}
    values = client.runs.wait(None, "plain_zod_graph", input={"label": "l"})
    assert values == {"items": ["item 1"], "counter": 1, "label": "l"}


def test_a_failure_has_its_class_and_text(client, thread):
    parts = list(client.runs.stream(thread, "error", input=HUMAN))
    assert parts[-1].event == "error"
    assert parts[-1].data == {"error": "CustomError", "message": "Boo!"}
    run = client.runs.create(thread, "error", input=HUMAN)
    client.runs.join(thread, run["run_id"])
    assert client.runs.get(thread, run["run_id"])["status"] == "error"


def test_a_join_lasts_as_long_as_the_run(client, thread):
    begun = time.monotonic()
    run = client.runs.create(thread, "delay", input={**HUMAN, "delay": 700})
    values = client.runs.join(thread, run["run_id"])
    assert contents(values)[-1] == "finished after 700ms"
    assert time.monotonic() - begun >= 0.7
