"""What goes wrong around an agent: whoever chats and whoever runs the server each hear why, nothing is
half done, and the thread goes on. Of tools and their lists, answers to approvals and missing keys other
files tell: test_agent_tools.py, test_models.py."""

import pytest
from parts.agents import Agents, box_service, model, neighbours, text_of
from parts.behalf import run
from parts.toolbox import Toolbox, tool
from parts.tools import until

READ = tool("read", annotations={"readOnlyHint": True})
SEND = tool("send")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`main` asks its provider once; its tools have a second to answer."""
    folder = tmp_path_factory.mktemp("bad")
    agents = {
        "main": {
            "model": "main",
            "tools": [{"service": "box", "allow": ["*"]}],
            "safety": {"rule_of_two": "off"},
        }
    }
    with neighbours(folder) as (inbox, provider, box):
        models = {"main": model(provider, "openai_chat", max_retries=0)}
        services = {"box": box_service(box) | {"timeout": "1s"}}
        server = Agents(folder, inbox, models, agents, services=services)
        yield server, provider, box
        server.server.close()


@pytest.fixture
def box(parts) -> Toolbox:
    parts[2].go.set()
    parts[2].offer(READ, SEND)
    return parts[2]


@pytest.mark.parametrize(
    "failure, kind, words",
    [
        ({"status": 404, "code": "model_not_found"}, "model_unknown", "does not have the model"),
        ({"status": 401}, "model_refused_key", "does not take the key"),
        ({"status": 429, "code": "insufficient_quota"}, "model_quota_spent", "quota"),
        ({"status": 400, "code": "context_length_exceeded"}, "model_context_too_long", "too long"),
        (
            {"status": 400, "message": "Invalid schema for function 'read'"},
            "model_bad_request",
            "Invalid schema",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_model_that_refuses(agents, models, box, failure, kind, words):
    before = agents.server.process.output().count(kind)
    models.script("m", failure)
    chat = agents.chat("main")
    chat.say("hello")
    assert chat.status() == "error"
    (told,) = chat.errors()
    assert told["error"] == kind and words in told["message"]
    log = agents.server.process.output()
    assert log.count(kind) > before and "model_failed" in log
    models.script("m", {"text": "there"})
    messages = chat.say("again")
    assert [text_of(one) for one in messages] == ["hello", "again", "there"]


def test_a_tool_that_never_answers(agents, models, box):
    models.script(
        "m",
        rules=[
            {"user": "", "calls": [{"name": "send", "args": {}}]},
            {"result": "", "text": "I hear: {result}"},
        ],
    )
    box.go.clear()
    chat = agents.chat("main")
    messages = chat.say("send it")
    assert [one["type"] for one in messages] == ["human", "ai", "tool", "ai"]
    assert messages[2]["status"] == "error" and "in time" in text_of(messages[2])
    assert box.called() == ["send"], "it may have done it all the same"
    assert chat.status() == "success"


def test_a_grant_that_is_withdrawn_meanwhile(agents, models, box):
    """The tool was listed as bob, and cannot be called as bob any more."""
    reads = {"calls": [{"name": "read", "args": {}}], "knobs": {"first_ms": 500}}
    models.script("m", reads, {"text": "I see."})
    chat = agents.chat("main", "bob")
    given = {"messages": [{"type": "human", "content": "read"}]}
    run_id = chat.client.runs.create(chat.thread, "main", input=given)["run_id"]
    until(lambda: models.requests("m"))
    gone = run(
        "secret",
        "delete",
        "--data",
        "data",
        "--issuer",
        f"{agents.server.url}/dev",
        "--user",
        "bob",
        "--service",
        "mail",
        folder=agents.server.folder,
    )
    assert gone.returncode == 0, gone.stderr
    chat.client.runs.join(chat.thread, run_id)
    assert box.called() == []
    told = [text_of(one) for one in chat.messages()[2:]]
    assert told == ["Error: the user has not given access to 'box'.", "I see."]
