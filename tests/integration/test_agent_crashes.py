"""kill -9 in the middle of a declared agent's turn: the run goes on after the restart, the thread tells what
happened, and no call with effects is made twice. Calls of tools that only read: test_agent_tools.py."""

import contextlib
import json
import random
import sqlite3
import threading
import warnings

import httpx
import pytest
from parts.agents import Agents, Chat, box_service, model, neighbours, text_of
from parts.behalf import run
from parts.toolbox import Toolbox, tool
from parts.tools import until

TO = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
READ = tool("read", annotations={"readOnlyHint": True})
SEND = {"calls": [{"name": "send", "args": {"to": "bob"}}]}
APPROVE = {"decisions": [{"type": "approve"}]}
PRICES = {"input": 1000, "output": 1000}
TOLD = {"usage": {"input": 100, "output": 50}}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`clerk` asks before it sends; `sender` does not ask, and may use 400 tokens in a run."""
    folder = tmp_path_factory.mktemp("crashes")
    off = {"safety": {"rule_of_two": "off"}}
    box_tools = {"service": "box", "allow": ["read"]}
    agents = {
        "clerk": {"model": "main", "tools": [box_tools | {"ask": ["send"]}], **off},
        "sender": {
            "model": "main",
            "tools": [{"service": "box", "allow": ["*"]}],
            "limits": {"tokens_per_run": 400, "model_calls": 4, "tool_calls": 2},
            **off,
        },
    }
    with neighbours(folder) as (inbox, provider, box):
        models = {"main": model(provider, "openai_chat", prices=PRICES)}
        server = Agents(folder, inbox, models, agents, services={"box": box_service(box)})
        yield server, provider, box
        server.server.close()


@pytest.fixture
def box(parts) -> Toolbox:
    parts[2].go.set()
    parts[2].offer(READ, tool("send", TO))
    return parts[2]


def begin(chat: Chat, text: str = "send it") -> str:
    """A run of its own accord; its id."""
    given = {"messages": [{"type": "human", "content": text}]}
    return chat.client.runs.create(chat.thread, chat.agent, input=given)["run_id"]


def ended(chat: Chat, run_id: str) -> dict:
    """The run when it is over."""
    until(lambda: chat.client.runs.get(chat.thread, run_id)["status"] not in ("pending", "running"))
    return chat.client.runs.get(chat.thread, run_id)


def consistent(chat: Chat) -> list[dict]:
    """The thread's messages: every call has one answer, no message is there twice, nothing is left to do."""
    state = chat.state()
    messages = state["values"]["messages"]
    calls = [call["id"] for one in messages for call in one.get("tool_calls") or []]
    assert [one["tool_call_id"] for one in messages if one["type"] == "tool"] == calls
    ids = [one["id"] for one in messages]
    assert len(set(ids)) == len(ids)
    assert state["next"] == [] and chat.client.threads.get(chat.thread)["status"] == "idle"
    return messages


def receipts(agents: Agents, run_id: str) -> int:
    """How many requests to the service the audit log has of the run; it must be whole."""
    log = next(agents.server.folder.rglob("audit.jsonl"))
    good = run("audit", "verify", str(log), folder=agents.server.folder)
    assert good.returncode == 0, good.stderr
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return sum(1 for one in entries if one["run_id"] == run_id and one["service"] == "box")


def crash(agents: Agents, box: Toolbox) -> None:
    agents.server.kill()
    box.go.set()
    agents.server.start()


def test_in_the_middle_of_an_answer(agents, models, box):
    words = ["one ", "two ", "three ", "four"]
    models.script("m", {"text": words, "knobs": {"hold_after_events": 3}})
    chat = agents.chat("sender")
    seen = threading.Event()

    def watch() -> None:
        with contextlib.suppress(httpx.HTTPError), warnings.catch_warnings(action="ignore"):
            for part in chat.client.runs.join_stream(chat.thread, run_id, stream_mode="messages-tuple"):
                if part.event == "messages" and part.data[0]["content"]:
                    seen.set()

    run_id = chat.client.runs.create(
        chat.thread,
        "sender",
        stream_mode=["messages-tuple"],
        input={"messages": [{"type": "human", "content": "count"}]},
    )["run_id"]
    watcher = threading.Thread(target=watch)
    watcher.start()
    assert seen.wait(10)
    models.script("m", {"text": words} | TOLD)
    crash(agents, box)
    watcher.join()
    assert ended(chat, run_id)["status"] == "success"
    messages = consistent(chat)
    assert [text_of(one) for one in messages] == ["count", "one two three four"]
    assert len(models.requests("m")) == 2
    assert text_of(chat.say("again")[-1]) == "one two three four"


def test_in_the_middle_of_a_call_that_was_approved(agents, models, box):
    models.script("m", rules=[{"user": "", **SEND}, {"result": "", "text": "I hear: {result}"}])
    chat = agents.chat("clerk")
    chat.say("send it")
    box.go.clear()
    run_id = chat.client.runs.create(chat.thread, "clerk", command={"resume": APPROVE})["run_id"]
    until(lambda: box.called() == ["send"])
    assert receipts(agents, run_id) > 0, "before it leaves"
    crash(agents, box)
    assert ended(chat, run_id)["status"] == "success"
    messages = consistent(chat)
    assert box.called() == ["send"]
    assert [one["type"] for one in messages] == ["human", "ai", "tool", "ai"]
    assert messages[2]["status"] == "error" and "unknown" in text_of(messages[2])
    assert chat.interrupts() == []


def test_at_any_time_after_the_approval(agents, models, box):
    models.script("m", rules=[{"user": "", **SEND}, {"result": "", "text": "I hear: {result}"}])
    dice = random.Random(9)
    for _ in range(3):
        box.calls.clear()
        chat = agents.chat("clerk")
        chat.say("send it")
        killer = threading.Timer(dice.uniform(0, 0.06), agents.server.process.kill)
        killer.start()
        with contextlib.suppress(httpx.HTTPError):
            chat.client.runs.create(chat.thread, "clerk", command={"resume": APPROVE})
        killer.join()
        crash(agents, box)
        until(lambda chat=chat: chat.client.threads.get(chat.thread)["status"] in ("idle", "interrupted"))
        if chat.interrupts():  # the answer was not taken: the question is still there
            assert box.called() == []
            chat.resume(APPROVE)
        messages = consistent(chat)
        assert box.called() == ["send"] or (box.called() == [] and "unknown" in text_of(messages[2]))
        assert "unknown" in text_of(messages[2]) or text_of(messages[2]) == "done"


def test_after_the_call_before_the_end(agents, models, box):
    models.script("m", SEND | TOLD, {"hold": True})
    chat = agents.chat("sender")
    run_id = begin(chat)
    until(lambda: len(models.requests("m")) == 2)
    models.script("m", {"text": "sent"} | TOLD)
    crash(agents, box)
    told = ended(chat, run_id)
    assert told["status"] == "success"
    messages = consistent(chat)
    assert [one["type"] for one in messages] == ["human", "ai", "tool", "ai"]
    assert text_of(messages[2]) == "done" and box.called() == ["send"]
    # Both answers count, though another process got the first.
    used = told["metadata"]["usage"]
    assert used["models"]["main"]["requests"] == used["agents"]["sender"]["requests"] == 2
    assert used["models"]["main"]["total_tokens"] == 300
    assert used["cost"] == pytest.approx(0.3)


@pytest.mark.parametrize("used, told", [(390, "budget of one run"), (10, "Tool call limit")])
def test_limits_of_a_run_are_no_others_after_a_crash(agents, models, box, used, told):
    step = {"usage": {"input": used - 5, "output": 5}}
    calls = [{"name": "read", "args": {}}] * (1 if used > 100 else 2)
    models.script("m", {"calls": calls} | step, {"hold": True})
    chat = agents.chat("sender")
    run_id = begin(chat)
    until(lambda: len(models.requests("m")) == 2 or (used > 100 and box.called()))
    models.script("m", rules=[{"result": "limit exceeded", "text": "{result}"}, {"result": "", **SEND}])
    crash(agents, box)
    assert ended(chat, run_id)["status"] == "success"
    assert told in text_of(consistent(chat)[-1])
    assert "send" not in box.called()


def test_no_call_leaves_before_what_led_to_it_is_stored(agents, models, box):
    models.script("m", SEND | {"knobs": {"first_ms": 200}}, {"text": "sent"})
    chat = agents.chat("sender")
    run_id = begin(chat)
    until(lambda: models.requests("m"))
    database = sqlite3.connect(next(agents.server.folder.rglob("behalf.db")), isolation_level=None)
    database.execute("BEGIN IMMEDIATE")  # nobody else writes until this is over
    with contextlib.suppress(AssertionError):
        until(box.called, 0.8)
    agents.server.kill()
    database.close()
    models.script("m", rules=[{"user": "", **SEND}, {"result": "", "text": "I hear: {result}"}])
    agents.server.start()
    assert ended(chat, run_id)["status"] == "success"
    assert text_of(consistent(chat)[-1]) == "I hear: done"
    assert box.called() == ["send"]


def test_without_a_thread_too(agents, models, box):
    models.script("m", rules=[{"user": "", **SEND}, {"result": "", "text": "I hear: {result}"}])
    box.go.clear()
    made = agents.server.call(
        "POST",
        "/runs",
        agents.tokens["alice"],
        json={"assistant_id": "sender", "input": {"messages": [{"type": "human", "content": "send it"}]}},
    )
    assert made.status_code == 200, made.text
    until(lambda: box.called() == ["send"])
    crash(agents, box)
    until(lambda: len(models.requests("m")) == 3)
    assert "unknown" in json.dumps(models.requests("m")[-1]["body"])
    assert box.called() == ["send"]
