"""Agents that work together: tasks for other agents, what these ask people, and how it streams."""

from pathlib import Path

import pytest
from parts.agents import LOCAL, Agents, box_service, model, neighbours, text_of
from parts.behalf import run
from parts.model_provider import ModelProvider
from parts.plugins import plugin
from parts.toolbox import Toolbox, text, tool
from parts.tools import free_port, until

TO = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
SEND = tool("send", TO)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`lead` gives tasks to `researcher`, which asks before it sends."""
    folder = tmp_path_factory.mktemp("teams")
    agents = {
        "lead": {"model": "main", "tools": [{"agent": "researcher"}]},
        "researcher": {"model": "deep", "description": "Finds things out",
                       "tools": [{"service": "box", "ask": ["send"]}]},
    }
    agents["calculator"] = {"model": "main", "tools": [{"function": "add"}]}
    agents["desk"] = {"model": "main", "tools": [{"agent": "billing", "hand_off": True}]}
    agents["billing"] = {"model": "deep", "prompt": "You do bills."}
    with neighbours(folder) as (inbox, provider, box):
        models = {name: model(provider, "openai_chat", name) for name in ("main", "deep")}
        server = Agents(folder, inbox, models, agents, services={"box": box_service(box)},
                        plugins=[plugin("adder")])
        box.offer(SEND, send=text("sent"))
        yield server, provider, box, inbox
        server.server.close()


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


def test_questions_are_answered_as_ag_ui_answers_them(agents, models, box):
    sends(models, "bob", "carol")
    chat = agents.chat("lead")
    chat.say("write to both")
    asked = {one["value"]["action_requests"][0]["args"]["to"]: one["id"] for one in chat.interrupts()}
    approve = {"decisions": [{"type": "approve"}]}
    chat.resume({"__agui_resume_map__": {asked["bob"]: {"status": "resolved", "payload": approve},
                                         asked["carol"]: {"status": "cancelled", "payload": None}}})
    assert [args for _, args, _ in box.calls] == [{"to": "bob"}]
    assert chat.interrupts() == []


def test_one_question_inside_is_answered_plainly(agents, models, box, parts):
    sends(models, "bob")
    chat = agents.chat("lead")
    chat.say("write to bob")
    assert len(chat.interrupts()) == 1
    inner = chat.client.threads.get_state(chat.thread, subgraphs=True)["tasks"][0]["state"]
    assert [one["type"] for one in inner["values"]["messages"]] == ["human", "ai"]
    assert set(inner["values"]) == {"messages", "pins", "taint"}
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


def asks(service: str, message: str) -> dict:
    return {"calls": [{"name": f"ask_{service}", "args": {"message": message}}]}


APPROVE = {"decisions": [{"type": "approve"}]}


@pytest.fixture(scope="module")
def two(parts, tmp_path_factory):
    """`there` has agents that `desk` and others `here` ask, by both protocols; both are Behalf's."""
    _, provider, box, inbox = parts
    folder = tmp_path_factory.mktemp("two")
    models = {name: model(provider, "openai_chat", name) for name in ("main", "deep", "round")}
    key = {"from": "secrets", "name": "partner", "inject": "bearer"}
    home = f"http://127.0.0.1:{free_port()}"  # `here`, which `there` asks back
    tools = {"box": {"type": "mcp", "url": box.mcp_url, **LOCAL},
             "partner": {"base_url": home, "credential": key, **LOCAL}}
    ring = {"model": "round", "tools": [{"service": "partner", "assistant": "ring", "allow": ["*"]}]}
    there = Agents(folder_in(folder, "there"), inbox, models, {
        "stock": {"model": "deep"},
        "sender": {"model": "deep", "tools": [{"service": "box", "ask": ["send"]}]},
        "ring": ring}, services=tools)
    services = {"partner": {"base_url": there.server.url, "credential": key, **LOCAL},
                "a2a": {"base_url": f"{there.server.url}/a2a/stock", "credential": key, **LOCAL}}
    def one(service, **how):
        return {"model": "main", "tools": [{"service": service, "allow": ["*"], **how}]}
    here = Agents(folder_in(folder, "here"), inbox, models, {
        "desk": one("a2a", a2a=True), "asker": one("partner", assistant="stock"),
        "lead": one("partner", assistant="sender"), "lost": one("partner", assistant="nobody"),
        "ring": ring}, services=services, server={"listen": home.removeprefix("http://")})
    for user in ("alice", "bob"):
        here.stack.store(user, "partner", there.tokens[user])
        there.stack.store(user, "partner", here.tokens[user])
    yield here, there
    here.server.close()
    there.server.close()


@pytest.mark.parametrize("agent, service", [("desk", "a2a"), ("asker", "partner")])
def test_each_user_asks_an_agent_of_another_server_as_themselves(two, models, agent, service):
    here, there = two
    models.script("deep", {"text": "Seven."})
    for user in ("alice", "bob"):
        models.script("main", asks(service, f"{agent} for {user}"), {"text": "Done."})
        assert results(here.chat(agent, user).say("how many?")) == ["Seven."]
        theirs = there.client(user).threads.search(limit=1)
        assert text_of(theirs[0]["values"]["messages"][0]) == f"{agent} for {user}"
        for token in here.tokens.values():
            assert token not in str(models.requests())


def test_what_an_agent_of_another_server_asks_is_answered_here(two, models, box):
    here, there = two
    models.script("main", asks("partner", "write to bob"), {"text": "Done."})
    models.script("deep", {"calls": [{"name": "send", "args": {"to": "bob"}}]}, {"text": "I did."})
    chat = here.chat("lead")
    chat.say("write to bob")
    [question] = chat.interrupts()
    assert question["value"]["asked_by"] == "partner"
    assert question["value"]["action_requests"][0]["args"] == {"to": "bob"}
    chat.resume({"decisions": []})  # refused there, and asked for again
    [question] = chat.interrupts()
    assert "HTTP 4" in question["value"]["error"]
    assert box.called() == []
    assert results(chat.resume(APPROVE)) == ["I did."]
    assert [args for _, args, _ in box.calls] == [{"to": "bob"}]
    there_too = there.client().threads.search(limit=1)[0]
    assert there_too["status"] == "idle"
    assert len(there.client().runs.list(there_too["thread_id"])) == 2


def test_a_cancelled_run_cancels_the_one_on_the_other_server(two, models):
    here, there = two
    models.script("main", asks("partner", "wait"), {"text": "Done."})
    models.script("deep", {"hold": True})
    chat = here.chat("asker")
    run = chat.client.runs.create(chat.thread, "asker", input={"messages": [
        {"type": "human", "content": "go"}]})
    theirs = there.client().threads
    until(lambda: theirs.search(status="busy"))
    [busy] = theirs.search(status="busy")
    chat.client.runs.cancel(chat.thread, run["run_id"], wait=True)
    until(lambda: not theirs.search(status="busy"))
    assert there.client().runs.list(busy["thread_id"])[0]["status"] == "interrupted"


def test_servers_that_ask_each_other_in_a_circle_come_to_an_end(two, models):
    models.script("round", rules=[{"result": "", "text": "{result}"},
                                  {"user": "", **asks("partner", "and you?")}])
    messages = two[0].chat("ring").say("who knows?")
    assert "too many servers ask each other" in results(messages)[0]
    assert len(models.requests("round")) == 18  # nine of each


def test_assistants_of_other_servers_are_looked_for(two, models):
    for name in ("main", "deep", "round"):
        models.script(name, {"text": "yes"})
    done = run("validate", "behalf.yaml", "--online", "--as", "alice", "--data", "data",
               folder=two[0].server.folder)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    as_whom = f", as alice of {two[0].server.url}/dev"
    assert f"partner: stock ok has this assistant{as_whom}" in lines, done.stdout + done.stderr
    assert f"partner: nobody FAILED it has no assistant 'nobody': HTTP 404{as_whom}" in lines
    assert "a2a: a2a not asked an agent that is asked by A2A" in lines
    asked = "called at once; asked about once strangers' words and private data were read"
    assert f"partner.ask_partner {asked}" in lines
    assert f"a2a.ask_a2a {asked}" in lines
    assert done.returncode == 1


def test_an_agent_that_another_server_does_not_have_is_told_to_the_model(two, models):
    models.script("main", asks("partner", "hi"), {"text": "Done."})
    [told] = results(two[0].chat("lost").say("hi"))
    assert "'partner' could not do it: HTTP 422: Invalid assistant: 'nobody'" in told
