"""Declared agents on models of all four wires: tokens stream, tools are called as the user, people
are asked, what a provider does wrong hurts nobody, and keys stay where they belong."""

import json
import os
import time

import httpx
import pytest
from langgraph_sdk.errors import UnprocessableEntityError
from parts.agents import KEY_HEADERS, WIRES, Agents, key_file, model, neighbours, reader, text_of
from parts.inbox import Inbox
from parts.tools import until
from test_canary import Sinks

LOOK = {"reasoning": "I should look.", "text": "One moment. ",
        "calls": [{"name": "list_unread", "args": {"limit": 5}}, {"name": "whoami", "args": {}}]}
READER = [{"user": "mail", **LOOK}, {"result": "", "text": "You have: {result}"},
          {"user": "", "text": "Hello {user}, how are you today?"}]
OPEN = {"calls": [{"name": "get_message", "args": {"id": "1"}}]}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A mail service, a provider, and a server with an agent for every model.

    Models are called as their wires are, all m at the provider. X-once is never tried again, X-backed
    has the model n to stand in, X-own is asked with each user's own key.
    """
    folder = tmp_path_factory.mktemp("models")
    with neighbours(folder) as (inbox, provider, _):
        models = {"spare": model(provider, "openai_chat", "n")}
        for wire in WIRES:
            models[wire] = model(provider, wire)
            models[f"{wire}-once"] = model(provider, wire, max_retries=0)
            models[f"{wire}-backed"] = model(provider, wire, max_retries=0, fallback=["spare"])
            models[f"{wire}-own"] = model(provider, wire, key={"from": "secrets", "name": "model"})
        models["deepseek"] = model(provider, "openai_chat", server="deepseek")
        models["narrow"] = model(provider, "openai_chat", "narrow", limits={"concurrency": 1})
        models["rare"] = model(provider, "openai_chat", "rare", limits={"requests_per_minute": 1})
        agents = {name: reader(name, configurable={"prompt": True}) for name in models}
        agents["limited"] = reader("openai_chat", limits={"model_calls": 3})
        server = Agents(folder, inbox, models, agents)
        yield server, provider, inbox
        server.server.close()


@pytest.fixture
def inbox(parts) -> Inbox:
    parts[2].forget_calls()
    return parts[2]


@pytest.fixture(params=list(WIRES))
def wire(request) -> str:
    return request.param


def mcp_calls(inbox) -> list[str]:
    """Whose token came with each message to the mail service's MCP endpoint."""
    return [call["user"] for call in inbox.calls() if call["path"] == "/mcp" and call["method"] == "POST"]


def calls_to_list(agents, models, inbox) -> int:
    """How many those are in a run whose model calls no tool."""
    models.script("m", {"text": "hello"})
    inbox.forget_calls()
    agents.chat("openai_chat").say("hello")
    return len(mcp_calls(inbox))


def thoughtful(wire: str) -> str:
    """The model of that wire that gets its thoughts back."""
    return "deepseek" if wire == "openai_chat" else wire


def joined(chunks) -> str:
    return "".join(text_of(chunk) for chunk, _ in chunks)


@pytest.mark.parametrize("knobs", [{"delay_ms": 20}, {"bytes": 1, "crlf": True}], ids=["slow", "every byte"])
def test_tokens_stream_as_one_message(agents, models, wire, knobs):
    models.script("m", rules=[{"user": "", "text": "Grüße an alle 👋 hier und dort.",
                               "usage": {"input": 50, "cache_read": 10, "output": 9}}], knobs=knobs)
    chat = agents.chat(wire)
    messages = chat.say("hello")
    assert [one["type"] for one in messages] == ["human", "ai"]
    final, chunks = messages[-1], chat.chunks()
    assert text_of(final) == joined(chunks) == "Grüße an alle 👋 hier und dort."
    assert sum(1 for chunk, _ in chunks if text_of(chunk)) > (4 if "delay_ms" in knobs else 0)
    assert {chunk["id"] for chunk, _ in chunks} == {final["id"]}
    assert chunks[-1][0]["chunk_position"] == "last"
    told = [chunk["usage_metadata"] for chunk, _ in chunks if chunk.get("usage_metadata")]
    assert sum(one["input_tokens"] for one in told) == final["usage_metadata"]["input_tokens"] == 50
    assert sum(one["output_tokens"] for one in told) == final["usage_metadata"]["output_tokens"] == 9
    assert final["usage_metadata"]["input_token_details"]["cache_read"] == 10
    about = chunks[0][1]
    assert about["langgraph_node"] == "model"
    assert about["ls_model_name"] == "m"
    assert final["response_metadata"]["model_name"] == "m"
    assert "chunk_position" not in final and "tool_call_chunks" not in final
    values = [part.data for part in chat.parts if part.event == "values"]
    assert values[-1]["messages"][-1] == final


def test_tools_are_called_as_the_user(agents, models, inbox, wire):
    models.script("m", rules=READER, requires=["thinking"])
    said = {}
    for user in ("alice", "bob"):
        inbox.forget_calls()
        chat = agents.chat(thoughtful(wire), user)
        messages = chat.say("any mail?")
        assert [one["type"] for one in messages] == ["human", "ai", "tool", "tool", "ai"], chat.errors()
        asked = messages[1]
        assert text_of(asked).strip() == "One moment."
        assert [(call["name"], call["args"]) for call in asked["tool_calls"]] == [
            ("list_unread", {"limit": 5}), ("whoami", {})]
        ids = [call["id"] for call in asked["tool_calls"]]
        assert [one["tool_call_id"] for one in messages[2:4]] == ids
        assert {one["status"] for one in messages[2:4]} == {"success"}
        said[user] = text_of(messages[-1])
        assert user in said[user]
        assert set(mcp_calls(inbox)) == {user}
        assert chat.status() == "success"
    assert "spring fair" in said["alice"] and "Lyon" in said["bob"]
    assert "spring fair" not in said["bob"] and "Lyon" not in said["alice"]
    first, second = models.requests("m")[:2]
    assert "alice" in json.dumps(first["body"])  # the prompt
    assert first["status"] == second["status"] == 200


def test_a_second_turn_replays_the_first_as_it_was(agents, models, wire):
    models.script("m", rules=READER, requires=["thinking", "prefix"])
    chat = agents.chat(thoughtful(wire))
    chat.say("any mail?")
    messages = chat.say("and mail again?")
    assert len(messages) == 10 and chat.status() == "success", chat.errors()
    assert text_of(chat.say("thanks")[-1]).startswith("Hello thanks")
    assert {one["status"] for one in models.requests("m")} == {200}


def test_another_prompt_costs_thoughts_and_not_the_thread(agents, models, wire):
    models.script("m", rules=READER, requires=["thinking", "prefix"])
    chat = agents.chat(thoughtful(wire))
    chat.say("any mail?")
    models.forget_requests()
    changed = {"configurable": {"prompt": "You answer in verse."}}
    for text in ("and mail again?", "thanks"):
        messages = chat.run(input={"messages": [{"type": "human", "content": text}]}, config=changed)
        assert chat.status() == "success", chat.errors()
    assert len(messages) == 12 and text_of(messages[-1]).startswith("Hello thanks")
    checked = wire in ("openai", "anthropic")  # the thoughts of earlier turns
    statuses = [one["status"] for one in models.requests("m")]
    assert statuses == ([400] if checked else []) + [200] * 3  # and it is not tried with them again


@pytest.mark.parametrize("answer, status, said", [
    ({"type": "approve"}, "success", "1,200"),
    ({"type": "edit", "edited_action": {"name": "get_message", "args": {"id": "2"}}}, "success", "package"),
    ({"type": "reject", "message": "not that one"}, "error", "not that one"),
    ({"type": "respond", "message": "it is about cake"}, "success", "cake"),
], ids=lambda value: value["type"] if isinstance(value, dict) else "")
def test_people_are_asked_before_a_gated_call(agents, models, inbox, answer, status, said):
    ids = [one["id"] for one in inbox.get("/api/messages", inbox.tokens["alice"]).json()["messages"]]
    if answer["type"] == "edit":
        answer = {"type": "edit", "edited_action": {"name": "get_message", "args": {"id": ids[1]}}}
    models.script("m", rules=[{"user": "", "calls": [{"name": "get_message", "args": {"id": ids[0]}}]},
                              {"result": "", "text": "It says: {result}"}])
    chat = agents.chat("openai_chat")
    chat.say("open the first")
    waiting = chat.interrupts()
    assert len(waiting) == 1
    request = waiting[0]["value"]["action_requests"][0]
    assert (request["name"], request["args"]) == ("get_message", {"id": ids[0]})
    assert waiting[0]["value"]["review_configs"][0]["action_name"] == "get_message"
    assert not [one for one in chat.messages() if one["type"] == "tool"]
    messages = chat.resume({"decisions": [answer]})
    tool = next(one for one in messages if one["type"] == "tool")
    assert tool["status"] == status
    assert said in text_of(tool)
    assert said in text_of(messages[-1])
    assert chat.interrupts() == []


@pytest.mark.parametrize("answer", [
    {}, {"decisions": []}, {"decisions": [{"type": "approve"}, {"type": "approve"}]},
    {"decisions": [{"type": "sudo"}]}, "yes", [], None, 7, {"decisions": "approve"},
    {"decisions": [{"type": "edit"}]}, {"decisions": [{"type": "edit", "edited_action": {
        "name": "whoami", "args": {}}}]},
], ids=str)
def test_a_bad_answer_is_refused_and_can_be_given_again(agents, models, answer):
    models.script("m", rules=[{"user": "", **OPEN}, {"result": "", "text": "It says: {result}"}])
    chat = agents.chat("openai_chat")
    chat.say("open it")
    asked = chat.interrupts()
    if answer is None:  # no answer: asks again
        chat.resume(answer)
    else:
        with pytest.raises(UnprocessableEntityError):
            chat.resume(answer)
    assert chat.interrupts() == asked
    assert chat.client.threads.get(chat.thread)["status"] == "interrupted"
    messages = chat.resume({"decisions": [{"type": "reject", "message": "no"}]})
    assert text_of(messages[-1]).startswith("It says:")


def test_of_two_answers_at_once_the_second_is_to_nothing(agents, models):
    slow = {"result": "", **OPEN, "knobs": {"first_ms": 300}}  # the second comes before the next question
    models.script("m", rules=[{"user": "", **OPEN}, slow])
    chat = agents.chat("openai_chat")
    chat.say("open it")
    for answer, came_to in (({"type": "approve"}, "error"), ({}, "error")):
        command = {"resume": {"decisions": [{"type": "approve"}]}}
        first = chat.client.runs.create(chat.thread, chat.agent, command=command)
        second = chat.client.runs.create(chat.thread, chat.agent, command={"resume": {"decisions": [answer]}})
        chat.client.runs.join(chat.thread, second["run_id"])
        ends = [chat.client.runs.get(chat.thread, one["run_id"])["status"] for one in (first, second)]
        assert ends == ["success", came_to]
        assert len(chat.interrupts()) == 1
        assert chat.client.threads.get(chat.thread)["status"] == "interrupted"
    called = [one for one in chat.messages() if one["type"] == "tool"]
    assert len(called) == 2, "one for each that was approved"


def test_one_approval_is_for_one_call(agents, models, inbox):
    models.script("m", rules=[{"user": "", **OPEN}, {"result": "", **OPEN}])
    chat = agents.chat("openai_chat")
    chat.say("open it")
    chat.resume({"decisions": [{"type": "approve"}]})
    assert len(chat.interrupts()) == 1, "the same call again is asked about again"


def test_answers_wait_for_their_turn(agents, models):
    def begun(model: str, user: str):
        chat = agents.chat(model, user)
        asked = {"messages": [{"type": "human", "content": "hello"}]}
        return chat, chat.client.runs.create(chat.thread, model, input=asked)["run_id"]

    def waiting(model: str) -> str:
        lines = agents.server.call("GET", "/metrics").text.splitlines()
        name = f'behalf_egress_waiting{{service="model-{model}"}} '
        return next((one.removeprefix(name) for one in lines if one.startswith(name)), "")

    models.script("narrow", {"text": "never", "knobs": {"hold_after_events": 0}}, {"text": "my turn"})
    models.script("rare", {"text": "there"})
    first, run = begun("narrow", "alice")
    until(lambda: models.requests("narrow"))
    second, waits = begun("narrow", "bob")
    until(lambda: waiting("narrow") == "1")
    assert len(models.requests("narrow")) == 1
    first.client.runs.cancel(first.thread, run, wait=True)
    assert text_of(second.client.runs.join(second.thread, waits)["messages"][-1]) == "my turn"

    agents.chat("rare").say("hello")
    third, run = begun("rare", "bob")
    until(lambda: waiting("rare") == "1")
    assert len(models.requests("rare")) == 1
    third.client.runs.cancel(third.thread, run, wait=True)
    until(lambda: waiting("rare") == "0")


@pytest.mark.parametrize("status", [429, 503, 529])
def test_what_may_pass_is_tried_again(agents, models, wire, status):
    models.script("m", {"status": status, "headers": {"retry-after-ms": "20"}, "times": 2}, {"text": "there"})
    messages = agents.chat(wire).say("hello")
    assert text_of(messages[-1]) == "there"
    assert [one["status"] for one in models.requests("m")] == [status, status, 200]


def test_it_waits_as_long_as_it_is_told(agents, models):
    models.script("m", {"status": 429, "headers": {"retry-after": "1"}}, {"text": "there"})
    chat = agents.chat("openai_chat")
    began = time.monotonic()
    chat.say("hello")
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("failure", [
    {"status": 400, "message": "not like this"}, {"status": 401}, {"status": 402}, {"status": 404},
    {"status": 429, "code": "insufficient_quota", "headers": {"x-should-retry": "false"}},
], ids=lambda one: str(one["status"]))
def test_what_will_not_pass_is_not_tried_again(agents, models, wire, failure):
    models.script("m", failure)
    chat = agents.chat(wire)
    chat.say("hello")
    assert len(models.requests("m")) == 1
    assert chat.status() == "error"
    assert chat.errors(), "whoever listens hears why"


def test_another_model_answers_for_one_that_fails(agents, models, wire):
    models.script("m", {"status": 401})
    models.script("n", {"text": "I stand in."})
    chat = agents.chat(f"{wire}-backed")
    final = chat.say("hello")[-1]
    assert text_of(final) == "I stand in."
    assert final["response_metadata"]["model_name"] == "n"
    assert len(models.requests("m")) == 1


def test_a_cut_answer_is_replaced_not_doubled(agents, models, wire):
    failure = {"error_after_events": 8, "error": {"status": 529, "message": "overloaded"}}
    models.script("m", {"text": "This will not be all of it, it", "knobs": failure})
    models.script("n", {"text": "All of it."})
    chat = agents.chat(f"{wire}-backed")
    messages = chat.say("hello")
    assert [one["type"] for one in messages] == ["human", "ai"]
    assert text_of(messages[-1]) == "All of it."


CUT = {"text": "So. ", "calls": [{"name": "list_unread", "args": {"limit": 5}}]}


PATHS = {"openai": "/v1/responses", "openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages",
         "gemini": "/v1beta/models/probe:streamGenerateContent?alt=sse"}


def events_of(wire: str, models) -> int:
    """How many events the wire makes of CUT."""
    models.script("probe", CUT)
    talk = [{"role": "user", "content": "x"}]
    body = {"openai": {"input": "x"}, "gemini": {"contents": [{"parts": [{"text": "x"}]}]},
            "anthropic": {"messages": talk, "max_tokens": 9}}.get(wire, {"messages": talk})
    more = {} if wire == "gemini" else {"model": "probe", "stream": True}
    answer = httpx.post(models.url + PATHS[wire], json=body | more, trust_env=False,
                        headers={"anthropic-version": "2023-06-01"})
    return answer.raise_for_status().text.count("data:")


@pytest.mark.parametrize("how", ["end", "close", "reset"])
def test_calls_of_a_cut_stream_are_never_made(agents, models, inbox, wire, how):
    # Chat Completions is whole with its finish_reason, without [DONE].
    count = events_of(wire, models) - (2 if wire == "openai_chat" else 1)
    listing = calls_to_list(agents, models, inbox)
    for after in range(1, count + 1):
        inbox.forget_calls()
        models.script("m", CUT | {"knobs": {"cut_after_events": after, "cut": how}})
        chat = agents.chat(f"{wire}-once")
        messages = chat.say("hello")
        told = [one for one in messages if one["type"] == "tool"]
        assert told == [], f"cut after {after} of {count} events"
        assert chat.status() == "error", f"cut after {after} of {count} events"
        assert chat.errors()
        assert len(mcp_calls(inbox)) == listing


def test_arguments_that_are_no_json_go_back_to_the_model(agents, models, inbox, wire):
    if wire == "gemini":
        pytest.skip("its arguments are objects")
    listing = calls_to_list(agents, models, inbox)
    inbox.forget_calls()
    models.forget_requests()
    models.script("m", {"calls": [{"name": "whoami", "arguments": '{"a": '}]}, {"text": "I see."})
    chat = agents.chat(wire)
    messages = chat.say("hello")
    assert text_of(messages[-1]) == "I see.", chat.errors()
    assert messages[1]["tool_calls"] == [] and messages[1]["invalid_tool_calls"][0]["name"] == "whoami"
    asked = models.requests("m")
    assert len(asked) == 2 and "whoami" in json.dumps(asked[1]["body"])
    assert len(mcp_calls(inbox)) == listing


@pytest.mark.parametrize("call", [
    {"name": "list_unread", "args": {"limit": "many"}}, {"name": "launch_rockets", "args": {}},
], ids=["wrong arguments", "unknown tool"])
def test_calls_that_make_no_sense_go_back_to_the_model(agents, models, call):
    models.script("m", {"calls": [call]}, {"text": "I see."})
    messages = agents.chat("openai_chat").say("hello")
    assert text_of(messages[-1]) == "I see."
    assert next(one for one in messages if one["type"] == "tool")["status"] == "error"


@pytest.mark.parametrize("knobs", [
    {"reuse_index": True}, {"whole_arguments": True}, {"arguments_object": True}, {"no_ids": True},
    {"reuse_index": True, "whole_arguments": True}, {"empty_choices": True}, {"comments": True},
    {"tight": True}, {"no_usage": True}, {"no_done": True}, {"reasoning_key": "reasoning"},
    {"bytes": [1, 2, 3, 5, 7]},
], ids=lambda knobs: "+".join(knobs))
def test_habits_of_compatible_servers(agents, models, knobs):
    models.script("m", rules=READER, knobs=knobs)
    chat = agents.chat("openai_chat")
    messages = chat.say("any mail?")
    assert [one["type"] for one in messages] == ["human", "ai", "tool", "tool", "ai"], chat.errors()
    assert [call["name"] for call in messages[1]["tool_calls"]] == ["list_unread", "whoami"]
    assert len({call["id"] for call in messages[1]["tool_calls"]}) == 2
    assert "spring fair" in text_of(messages[-1])


def test_a_model_that_calls_for_ever_is_stopped(agents, models):
    models.script("m", {"calls": [{"name": "whoami", "args": {}}]})
    chat = agents.chat("limited")
    chat.say("hello")
    assert len(models.requests("m")) == 3


def test_a_model_that_never_answers_ends_with_its_run(agents, models):
    models.script("m", {"text": "one two three four", "knobs": {"hold_after_events": 4}})
    client = agents.client()
    thread = client.threads.create()["thread_id"]
    what = {"messages": [{"type": "human", "content": "hello"}]}
    run = client.runs.create(thread, "openai_chat", input=what)
    until(lambda: models.requests("m"))
    client.runs.cancel(thread, run["run_id"], wait=True)
    until(lambda: models.requests("m")[0]["outcome"] == "client gone")
    assert client.runs.get(thread, run["run_id"])["status"] == "interrupted"


def test_each_user_brings_an_own_key(agents, models, wire):
    models.script("m", {"text": "there"}, keys=["key-of-alice", "key-of-bob"])
    for user in ("alice", "bob"):
        agents.stack.store(user, "model", f"key-of-{user}")
        assert text_of(agents.chat(f"{wire}-own", user).say("hello")[-1]) == "there"
        assert f"key-of-{user}" in models.requests("m")[-1]["headers"][KEY_HEADERS[wire]]


@pytest.fixture
def own(tmp_path, models, inbox):
    """own(models, agents, …) starts a server of this test's own."""
    started = []

    def start(of_models: dict, agents: dict, **config) -> Agents:
        started.append(Agents(tmp_path, inbox, of_models, agents, **config))
        return started[-1]

    yield start
    for one in started:
        one.server.close()


def test_who_has_no_key_is_told_so(own, models):
    models.script("m", {"text": "there"})
    users_key = {"from": "secrets", "name": "model"}
    server = own({"main": model(models, "openai_chat", key=users_key)}, {"helper": reader("main")})
    chat = server.chat("helper")
    chat.say("hello")
    told = json.dumps([part.data for part in chat.parts]) + json.dumps(chat.state())
    assert "needs_auth" in told and "model 'main'" in told and "--service model" in told
    assert models.requests("m") == []


def joined_fields(chunks: list) -> dict[str, str]:
    """What streamed in pieces, by field."""
    whole: dict[str, str] = {}
    for chunk, _ in chunks:
        content = chunk["content"]
        blocks = [{"text": content}] if isinstance(content, str) else content
        for part in [*blocks, *chunk["tool_call_chunks"]]:
            for field in ("text", "reasoning", "args"):
                if part.get(field):
                    whole[field] = whole.get(field, "") + part[field]
    return whole


def test_the_operators_keys_are_nowhere_but_at_the_provider(own, models, tmp_path, inbox):
    keys = {wire: f"canary+{wire}~{os.urandom(16).hex()}==" for wire in WIRES}
    of = {wire: model(models, wire, key=key_file(tmp_path, wire, key)) for wire, key in keys.items()}
    server = own(of, {wire: reader(wire) for wire in WIRES})
    sinks = Sinks()
    for wire, key in keys.items():
        models.forget_requests()
        models.script("m", {"status": 400, "message": f"bad key {key}"}, LOOK, {"text": f"the key: {key}"},
                      {"text": list(f"the key: {key}!"),
                       "calls": [{"name": "search_messages", "args": {"query": key}}]},
                      {"text": "done", "reasoning": {"text": list(f"So: {key}")}})
        chat = server.chat(wire)
        # refused with the key in the words, then answered with it: whole, and a character at a time
        for _ in range(3):
            chat.say("any mail?")
            sinks.keep("stream", repr(chat.parts))
            sinks.keep("stream put together", json.dumps(joined_fields(chat.chunks())))
        messages = chat.messages()
        assert text_of(messages[-1]) == "done", chat.errors()
        assert text_of(messages[-3]) == "the key: [redacted]!"
        assert messages[-3]["tool_calls"][0]["args"] == {"query": "[redacted]"}
        for path in ("", "/state", "/history", "/runs"):
            whole = f"/threads/{chat.thread}{path}"
            sinks.keep(path, server.server.call("GET", whole, server.tokens["alice"]).text)
        got = [one["headers"].get(KEY_HEADERS[wire], "") for one in models.requests("m")]
        assert len(got) == 5 and all(key in one for one in got), chat.errors()
        assert key not in json.dumps([one["body"] for one in models.requests("m")])
    for path in ("/metrics", "/info", "/openapi.json"):
        sinks.keep(path, server.server.call("GET", path).text)
    sinks.folder(server.server.folder)
    server.server.stop()
    sinks.folder(server.server.folder)
    tokens = {user: inbox.tokens[user] for user in ("alice", "bob")}
    assert sinks.hits(keys | tokens) == []


def test_an_approval_waits_through_a_crash(own, models):
    models.script("m", rules=[{"user": "", **OPEN}, {"result": "", "text": "It says: {result}"}])
    server = own({"main": model(models, "openai_chat")}, {"helper": reader("main")})
    chat = server.chat("helper")
    chat.say("open it")
    server.server.kill()
    server.server.start()
    assert len(chat.interrupts()) == 1
    messages = chat.resume({"decisions": [{"type": "reject", "message": "not now"}]})
    assert text_of(messages[-1]).startswith("It says: ") and "not now" in text_of(messages[-1])


def test_who_has_not_connected_a_service_can_still_talk(own, models):
    models.script("m", {"text": "there"})
    server = own({"main": model(models, "openai_chat")}, {"helper": reader("main")}, connected=("bob",))
    chat = server.chat("helper", "alice")
    assert text_of(chat.say("hello")[-1]) == "there"
    told = [part.data for part in chat.parts if part.event == "custom"]
    assert [(one["type"], one["service"]) for one in told] == [("tools_unavailable", "mail")]
    assert text_of(server.chat("helper", "bob").say("hello")[-1]) == "there"
