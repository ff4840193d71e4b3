"""What declared agents keep and give beyond a turn: answers in a form, memories, long conversations."""

import json

import pytest
from parts.agents import WIRES, Agents, model, neighbours, text_of
from parts.embedder import DIMS, Embedder

PERSON = {"title": "person", "type": "object", "additionalProperties": False,
          "required": ["name", "age"],
          "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
ANN = {"name": "Ann", "age": 7}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("context")
    held = {f"held-{wire}": {"model": wire, "response": {"schema": PERSON}} for wire in WIRES}
    told = {"by-tool": {"model": "openai", "response": {"schema": PERSON, "strategy": "tool"}},
            "keeper": {"model": "openai_chat", "memory": {"remember": True}},
            "asker": {"model": "openai_chat", "tools": [{"builtin": ["ask_user", "todo", "now"]}]},
            "brief": {"model": "anthropic", "memory": {"summarise_above": "1000 tokens"}}}
    words = Embedder()
    with neighbours(folder) as (inbox, provider, _):
        models = {wire: model(provider, wire, f"context-{wire}") for wire in WIRES}
        models["openai_chat"]["server"] = "openai"
        models["words"] = model(provider, "openai_chat", type="openai_embeddings", base_url=words.url)
        index = {"dims": DIMS, "embed": "words", "fields": ["text"]}
        agents = Agents(folder, inbox, models, held | told, connected=(), store={"index": index})
        yield agents, provider, words
        agents.server.close()
    words.stop()


def says(text: str, **more) -> dict:
    return {"text": text, **more}


def calls(tool: str, /, **args) -> dict:
    return {"calls": [{"name": tool, "args": args}]}


@pytest.mark.parametrize("wire", WIRES)
def test_each_provider_is_held_to_a_schema(agents, models, wire):
    models.script(f"context-{wire}", says('{"name": "Ann", "age": 7}'))
    chat = agents.chat(f"held-{wire}")
    chat.say("who?")
    assert not chat.errors(), chat.errors()
    assert chat.state()["values"]["structured_response"] == ANN
    body = models.requests(f"context-{wire}")[0]["body"]
    sent = {"openai": lambda: body["text"]["format"]["schema"],
            "openai_chat": lambda: body["response_format"]["json_schema"]["schema"],
            "anthropic": lambda: body["output_config"]["format"]["schema"],
            "gemini": lambda: body["generationConfig"]["responseJsonSchema"]}[wire]()
    assert sent["required"] == ["name", "age"]


def test_an_answer_by_tool_is_corrected(agents, models):
    models.script("context-openai", calls("person", name="Ann"), calls("person", **ANN))
    chat = agents.chat("by-tool")
    messages = chat.say("who?")
    assert chat.state()["values"]["structured_response"] == ANN
    assert messages[2]["status"] == "error" and "age" in messages[2]["content"]
    assert messages[-1]["content"].startswith("Returning structured response: ")
    assistants = agents.client().assistants
    schemas = assistants.get_schemas(assistants.search(graph_id="by-tool")[0]["assistant_id"])
    assert "structured_response" in schemas["output_schema"]["properties"]
    assert "structured_response" not in schemas["input_schema"]["properties"]


def test_memories_are_each_users_own(agents, models):
    models.script("context-openai_chat", calls("remember", text="Likes green tea"), says("ok"))
    assert agents.chat("keeper").say("keep it")[2]["content"].startswith("Remembered")
    models.script("context-openai_chat", says("ok"))
    for user, known in (("alice", True), ("bob", False)):
        models.forget_requests()
        agents.chat("keeper", user).say("tea?")
        asked = str(models.requests("context-openai_chat")[0]["body"]["messages"])
        assert ("Likes green tea" in asked) == known


def test_memories_are_found_by_meaning_where_the_store_has_an_index(agents, models):
    kept = ["He is up at 5", "Owns three bicycles"]
    query = "is he up at 6"  # no word is long enough to be looked for as such
    models.script("context-openai_chat", calls("remember", text=kept[0]),
                  calls("remember", text=kept[1]), calls("recall", query=query), says("ok"))
    results = [m for m in agents.chat("keeper").say("keep it") if m["type"] == "tool"]
    found = [one["text"] for one in json.loads(results[-1]["content"])]
    assert found[0] == kept[0] and kept[1] in found


def test_an_agent_asks_and_plans(agents, models):
    todos = [{"content": "ask", "status": "in_progress"}]
    models.script("context-openai_chat", calls("write_todos", todos=todos),
                  calls("ask_user", question="Which?", choices=["a", "b"]), says("ok"))
    chat = agents.chat("asker")
    chat.say("go")
    assert chat.state()["values"]["todos"] == todos
    question = chat.interrupts()[0]["value"]
    assert question["action_requests"][0]["description"] == "Which?\n- a\n- b"
    messages = chat.resume({"decisions": [{"type": "respond", "message": "b"}]})
    assert [text_of(m) for m in messages[-2:]] == ["b", "ok"]


def test_a_long_conversation_is_summarised_for_the_model_alone(agents, models):
    long = says("first", usage={"input": 1500, "output": 5})
    models.script("context-anthropic", long, says("THE SUMMARY"), says("second"))
    chat = agents.chat("brief")
    chat.say("x" * 6000)
    messages = chat.say("and now?")
    assert [text_of(m) for m in messages] == ["x" * 6000, "first", "and now?", "second"]
    asked = [one["body"] for one in models.requests("context-anthropic")]
    assert len(asked) == 3 and "THE SUMMARY" in str(asked[2]["messages"][0])
    assert "xxx" not in str(asked[2])
    assert not any("THE SUMMARY" in str(chunk) for chunk, _ in chat.chunks())


def test_memories_are_kept_and_found_while_nothing_can_be_found_by_meaning(agents, models, parts):
    parts[2].control["status"] = 500
    models.script("context-openai_chat", calls("remember", text="Plays the violin"),
                  calls("remember", text="Lives in Oslo"), calls("recall", query="which violin?"),
                  calls("recall", query="any allergies?"), says("ok"))
    told = [m for m in agents.chat("keeper", "bob").say("keep it") if m["type"] == "tool"]
    assert [m.get("status") for m in told] == ["success"] * 4, told
    found = [m["content"].split("\n") for m in told[2:]]
    assert [[one["text"] for one in json.loads(texts)] for texts, _ in found] == [
        ["Plays the violin"], ["Lives in Oslo", "Plays the violin"]]
    assert all("meaning does not work" in why for _, why in found)
    parts[2].control["status"] = 200
