"""Agents with providers that others wrote: ours is proved by the official clients, and these two by
themselves. What they say of a wire must be what we read."""

import pytest
from parts.agents import WIRES, Agents, key_file, model, neighbours, reader, text_of
from parts.gateways import Aimock, LiteLLM

LOOK = {"toolCalls": [{"name": "list_unread", "arguments": "{}"}]}
FIXTURES = [
    {"match": {"userMessage": "mail", "hasToolResult": False}, "response": LOOK},
    {"match": {"userMessage": "mail", "hasToolResult": True},
     "response": {"content": "I looked: one is new."}},
    {"match": {"userMessage": "think"},
     "response": {"content": "It is seven.", "reasoning": "three and four",
                  "reasoningSignature": "c2ln"}},
    {"match": {"userMessage": "cut"}, "response": {"content": "This answer is long enough to be cut."},
     "truncateAfterChunks": 2},
    {"match": {"userMessage": "broke"},
     "response": {"error": {"message": "Your budget is spent", "type": "insufficient_quota",
                            "code": "insufficient_quota"}, "status": 429}},
    {"match": {"userMessage": "hello"}, "response": {"content": "Hello there, how are you today?"}},
]
GATEWAY = ("openai", "openai_chat", "anthropic")  # the wires LiteLLM takes


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opinions")
    with neighbours(folder) as (inbox, provider, _):
        aimock = Aimock(folder / "aimock", FIXTURES)
        behind = {"api_base": provider.url + "/v1"}  # Chat Completions; the other two wires are LiteLLM's own
        litellm = LiteLLM(folder / "litellm", {
            "made-up": {"mock_response": "Hello from the gateway."},
            "limited": {"mock_response": "litellm.RateLimitError"}, "echo": behind, "mail": behind})
        key = key_file(folder, "litellm", "sk-lite")
        models = {f"aimock-{wire}": model(aimock, wire, max_retries=0) for wire in WIRES}
        for wire in GATEWAY:
            for name in ("echo", "mail", "made-up", "limited"):
                models[f"{name}-{wire}"] = model(litellm, wire, name, key, max_retries=0)
        server = Agents(folder, inbox, models, {name: reader(name) for name in models})
        yield server, provider
        server.server.close()
        litellm.stop()
        aimock.stop()


@pytest.mark.parametrize("wire", WIRES)
def test_aimock(agents, wire):
    chat = agents.chat(f"aimock-{wire}")
    answer = chat.say("hello")[-1]
    assert text_of(answer) == "Hello there, how are you today?"
    assert len([1 for chunk, _ in chat.chunks() if text_of(chunk)]) > 2  # it streamed
    kinds = [one["type"] for one in chat.say("my mail, please")]
    assert kinds == ["human", "ai", "human", "ai", "tool", "ai"]
    called, result, last = chat.messages()[-3:]
    assert called["tool_calls"][0]["name"] == "list_unread"
    assert result["tool_call_id"] == called["tool_calls"][0]["id"] and result["status"] == "success"
    assert text_of(last) == "I looked: one is new."
    assert text_of(chat.say("now think")[-1]) == "It is seven."
    assert text_of(chat.say("hello")[-1])  # with the thoughts as they were


@pytest.mark.parametrize("wire", WIRES)
def test_aimock_fails(agents, wire):
    for text in ("be cut", "be broke"):
        chat = agents.chat(f"aimock-{wire}")
        assert [one["type"] for one in chat.say(text)] == ["human"]
        assert chat.status() == "error" and chat.errors()


@pytest.mark.parametrize("wire", GATEWAY)
def test_litellm(agents, models, wire):
    chat = agents.chat(f"echo-{wire}")
    answer = chat.say("one two three")[-1]
    assert text_of(answer) == "one two three"
    assert answer["usage_metadata"]["output_tokens"] > 0
    models.script("mail", {"calls": [{"name": "list_unread", "args": {}}]}, {"text": "One is new."})
    chat = agents.chat(f"mail-{wire}")
    assert [one["type"] for one in chat.say("my mail")] == ["human", "ai", "tool", "ai"]
    assert chat.messages()[2]["status"] == "success" and text_of(chat.messages()[3]) == "One is new."


def test_litellm_makes_it_up(agents):
    chat = agents.chat("made-up-openai_chat")
    assert text_of(chat.say("hello")[-1]) == "Hello from the gateway."
    chat = agents.chat("limited-openai_chat")
    assert [one["type"] for one in chat.say("hello")] == ["human"]
    assert chat.status() == "error" and chat.errors()[0]["error"] == "model_rate_limited"
