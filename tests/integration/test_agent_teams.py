"""Agents that work together: tasks for other agents, what these ask people, and how it streams."""

from pathlib import Path

import pytest
from parts.agents import LOCAL, Agents, model, text_of
from parts.inbox import Inbox
from parts.model_provider import ModelProvider
from parts.plugins import plugin
from parts.toolbox import Toolbox, text, tool

TO = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
SEND = tool("send", TO)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`lead` gives tasks to `researcher`, which asks before it sends."""
    folder = tmp_path_factory.mktemp("teams")
    inbox, provider, box = Inbox(folder / "inbox"), ModelProvider(folder / "provider"), Toolbox()
    models = {name: model(provider, "openai_chat", name) for name in ("main", "deep")}
    secret = {"from": "secrets", "name": "mail", "inject": "bearer"}
    services = {"box": {"type": "mcp", "url": box.mcp_url, "credential": secret, **LOCAL}}
    agents = {
        "lead": {"model": "main", "tools": [{"agent": "researcher"}]},
        "researcher": {"model": "deep", "description": "Finds things out",
                       "tools": [{"service": "box", "ask": ["send"]}]},
    }
    agents["calculator"] = {"model": "main", "tools": [{"function": "add"}]}
    agents["desk"] = {"model": "main", "tools": [{"agent": "billing", "hand_off": True}]}
    agents["billing"] = {"model": "deep", "prompt": "You do bills."}
    server = Agents(folder, inbox, models, agents, services=services, plugins=[plugin("adder")])
    box.offer(SEND, send=text("sent"))
    yield server, provider, box, inbox
    server.server.close()
    provider.stop()
    box.stop()
    inbox.stop()


@pytest.fixture
def agents(parts) -> Agents:
    return parts[0]


@pytest.fixture
def models(parts) -> ModelProvider:
    parts[1].forget_requests()
    return parts[1]


@pytest.fixture
def box(parts) -> Toolbox:
    parts[2].calls.clear()
    return parts[2]


def task(what: str) -> dict:
    return {"name": "task", "args": {"description": what, "subagent_type": "researcher"}}


def results(messages: list[dict]) -> list[str]:
    return [text_of(one) for one in messages if one["type"] == "tool"]


def sends(models: ModelProvider, *orders: str) -> None:
    """`lead` gives a task for each; `researcher` sends to whom its task names."""
    models.script("main", {"calls": [task(f"write to {who}") for who in orders]}, {"text": "Done."})
    models.script("deep", rules=[
        {"user": r"write to (\w+)", "calls": [{"name": "send", "args": {"to": "{1}"}}]},
        {"result": "", "text": "I have {result} it."}])


def test_a_task_streams_in_a_namespace_of_its_own(agents, models):
    models.script("main", {"calls": [task("find it")]}, {"text": "Done."})
    models.script("deep", {"text": ["Found", " it"]})
    chat = agents.chat("lead")
    messages = chat.run(input={"messages": [{"type": "human", "content": "hi"}]},
                        stream_subgraphs=True)
    assert results(messages) == ["Found it"]
    inside = [part for part in chat.parts if part.event.startswith("messages|tools:")]
    assert "".join(part.data[0]["content"] for part in inside
                   if part.data[0]["type"] == "AIMessageChunk") == "Found it"
    namespace = inside[0].event.split("|")[1]
    assert {part.event for part in inside} == {f"messages|{namespace}"}
    values = [part.data for part in chat.parts if part.event == f"values|{namespace}"]
    # By this a user interface finds the call that the namespace belongs to.
    assert values[-1]["messages"][0]["content"] == "find it"
    asked = models.requests("deep")[0]["body"]["messages"]
    assert [one["content"] for one in asked] == ["find it"]


def test_without_subgraphs_in_the_stream_only_the_result_shows(agents, models):
    models.script("main", {"calls": [task("find it")]}, {"text": "Done."})
    models.script("deep", {"text": "Found it"})
    chat = agents.chat("lead")
    assert results(chat.say("hi")) == ["Found it"]
    assert all("|" not in part.event for part in chat.parts)
    said = "".join(chunk["content"] for chunk, _ in chat.chunks())
    assert said == "Done."


def test_two_questions_inside_are_answered_by_their_ids(agents, models, box):
    sends(models, "bob", "carol")
    chat = agents.chat("lead")
    chat.say("write to both")
    asked = {one["value"]["action_requests"][0]["args"]["to"]: one["id"] for one in chat.interrupts()}
    assert set(asked) == {"bob", "carol"}
    assert box.called() == []
    messages = chat.resume({asked["bob"]: {"decisions": [{"type": "approve"}]},
                            asked["carol"]: {"decisions": [{"type": "reject", "message": "not her"}]}})
    assert [args for _, args, _ in box.calls] == [{"to": "bob"}]
    sent, refused = results(messages)
    assert sent == "I have sent it."
    assert refused.endswith("not her it.")
    assert text_of(messages[-1]) == "Done."


def test_one_question_inside_is_answered_plainly(agents, models, box, parts):
    sends(models, "bob")
    chat = agents.chat("lead")
    chat.say("write to bob")
    assert len(chat.interrupts()) == 1
    inner = chat.client.threads.get_state(chat.thread, subgraphs=True)["tasks"][0]["state"]
    assert [one["type"] for one in inner["values"]["messages"]] == ["human", "ai"]
    assert set(inner["values"]) == {"messages", "taint"}
    chat.resume({"decisions": [{"type": "approve"}]})
    assert [key for _, _, key in box.calls] == [f"Bearer {parts[3].tokens['alice']}"]


def test_the_graph_shows_the_agent_inside(agents):
    found = agents.client().assistants.search(graph_id="lead")[0]["assistant_id"]
    assert list(agents.client().assistants.get_subgraphs(found)) == ["tools"]
    drawn = agents.client().assistants.get_graph(found, xray=True)
    assert any(node["id"].startswith("tools") for node in drawn["nodes"])


def test_a_function_of_a_library_is_a_tool(agents, models):
    models.script("main", {"calls": [{"name": "add", "args": {"a": 1, "b": 2}}]}, {"text": "Done."})
    assert results(agents.chat("calculator").say("hi")) == ["3"]
    told = models.requests("main")[0]["body"]["tools"][0]["function"]
    assert told["parameters"]["properties"]["a"] == {"type": "integer", "description": "the first"}


def test_a_conversation_is_handed_over_and_stays_there(agents, models):
    models.script("main", {"calls": [{"name": "transfer_to_billing", "args": {}}]})
    models.script("deep", {"text": ["Your", " bill?"]})
    chat = agents.chat("desk")
    messages = chat.say("my bill")
    assert results(messages) == ["Transferred to billing"]
    assert (messages[-1]["name"], text_of(messages[-1])) == ("billing", "Your bill?")
    assert "".join(chunk["content"] for chunk, _ in chat.chunks()) == "Your bill?"
    chat.say("this one")
    assert len(models.requests("main")) == 1
    assert chat.state()["values"]["active_agent"] == "billing"


def folder_in(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


def test_each_user_asks_an_agent_of_another_server_as_themselves(parts, tmp_path):
    _, provider, _, inbox = parts
    main, deep = (model(provider, "openai_chat", name) for name in ("main", "deep"))
    there = Agents(folder_in(tmp_path, "there"), inbox, {"deep": deep}, {"stock": {"model": "deep"}})
    partner = {"base_url": f"{there.server.url}/a2a/stock",
               "credential": {"from": "secrets", "name": "partner", "inject": "bearer"}, **LOCAL}
    tools = [{"service": "partner", "a2a": True, "allow": ["ask_partner"]}]
    here = Agents(folder_in(tmp_path, "here"), inbox, {"main": main},
                  {"desk": {"model": "main", "tools": tools}}, services={"partner": partner})
    try:
        provider.script("deep", {"text": "Seven."})
        for user in ("alice", "bob"):
            here.stack.store(user, "partner", there.tokens[user])
            asks = {"calls": [{"name": "ask_partner", "args": {"message": f"for {user}"}}]}
            provider.script("main", asks, {"text": "Done."})
            assert results(here.chat("desk", user).say("how many?")) == ["Seven."]
            theirs = there.client(user).threads.search()
            assert [text_of(one["values"]["messages"][0]) for one in theirs] == [f"for {user}"]
    finally:
        here.server.close()
        there.server.close()
