"""The scripted model provider speaks the wires: the official client libraries take it for the real one."""

import json

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from parts.model_provider import ModelProvider

ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
TWO_CALLS = {
    "reasoning": "I shall add twice.",
    "text": "Adding. ",
    "calls": [{"name": "add", "args": {"a": 1, "b": 2}}, {"name": "add", "args": {"a": 3, "b": 4}}],
    "usage": {"input": 100, "cache_read": 40, "output": 20, "reasoning": 5},
}
SUM = {"text": "3 and 7, from {result}"}
EVERY_BYTE = {"bytes": 1, "crlf": True, "comments": True}


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    server = ModelProvider(tmp_path_factory.mktemp("models"))
    yield server
    server.stop()


@pytest.fixture
def models(provider):
    provider.forget_requests()
    return provider


@pytest.fixture
def gpt(models):
    with openai.OpenAI(base_url=f"{models.url}/v1", api_key="k-openai", max_retries=2) as client:
        yield client


@pytest.fixture
def claude(models):
    with anthropic.Anthropic(base_url=models.url, api_key="k-anthropic", max_retries=2) as client:
        yield client


@pytest.fixture
def gemini(models):
    return genai.Client(api_key="k-google", http_options=types.HttpOptions(base_url=models.url))


def chat_tools(name="add"):
    return [{"type": "function", "function": {"name": name, "parameters": ADD, "strict": True}}]


def flat_tools():
    return [{"type": "function", "name": "add", "parameters": ADD, "strict": True}]


def asked(models, model):
    """The last request for the model."""
    return models.requests(model)[-1]


class Wire:
    """One official client: `start` asks with tools, `go_on` sends the results 3 and 7 and gives the text.

    Both stream or not; `start` gives (text, [(name, arguments)], usage as input, cached, output).
    """

    key: tuple[str, str]

    def __init__(self, client, stream: bool):
        self.client, self.stream = client, stream


class Chat(Wire):
    key = ("authorization", "Bearer k-openai")

    def ask(self, model):
        given = {"model": model, "messages": self.messages, "tools": chat_tools()}
        if not self.stream:
            done = self.client.chat.completions.create(**given)
        else:
            options = {"include_usage": True}
            with self.client.chat.completions.stream(**given, stream_options=options) as stream:
                done = stream.get_final_completion()
        self.messages.append(done.choices[0].message.to_dict())
        return done

    def start(self, model):
        self.messages = [
            {"role": "system", "content": "You add."},
            {"role": "user", "content": "1+2, 3+4?"},
        ]
        done = self.ask(model)
        assert done.choices[0].finish_reason == "tool_calls"
        message, used = done.choices[0].message, done.usage
        calls = [
            (call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls
        ]
        assert message.to_dict()["reasoning_content"] == "I shall add twice."
        return (
            message.content,
            calls,
            (used.prompt_tokens, used.prompt_tokens_details.cached_tokens, used.completion_tokens),
        )

    def go_on(self, model):
        for call, result in zip(self.messages[-1]["tool_calls"], ("3", "7"), strict=True):
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        return self.ask(model).choices[0].message.content


class Responses(Wire):
    key = ("authorization", "Bearer k-openai")

    def ask(self, model):
        given = {
            "model": model,
            "input": self.input,
            "tools": flat_tools(),
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if not self.stream:
            done = self.client.responses.create(**given)
        else:
            with self.client.responses.stream(**given) as stream:
                done = stream.get_final_response()
        self.input += [item.to_dict() for item in done.output]
        for item in self.input:
            if item.get("type") == "function_call":
                item.pop("parsed_arguments", None)
        return done

    def start(self, model):
        self.input = [{"role": "user", "content": "1+2, 3+4?"}]
        done = self.ask(model)
        calls = [
            (item.name, json.loads(item.arguments))
            for item in done.output
            if item.type == "function_call"
        ]
        thought = next(item for item in done.output if item.type == "reasoning")
        assert thought.summary[0].text == "I shall add twice."
        assert thought.encrypted_content
        used = done.usage
        return (
            done.output_text,
            calls,
            (used.input_tokens, used.input_tokens_details.cached_tokens, used.output_tokens),
        )

    def go_on(self, model):
        asked = [item["call_id"] for item in self.input if item.get("type") == "function_call"]
        self.input += [
            {"type": "function_call_output", "call_id": one, "output": result}
            for one, result in zip(asked, ("3", "7"), strict=True)
        ]
        return self.ask(model).output_text


class Messages(Wire):
    key = ("authorization", "Bearer k-anthropic")

    def ask(self, model):
        given = {
            "model": model,
            "max_tokens": 4096,
            "messages": self.messages,
            "system": "You add.",
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "add", "input_schema": ADD}],
        }
        if not self.stream:
            done = self.client.messages.create(**given)
        else:
            with self.client.messages.stream(**given) as stream:
                done = stream.get_final_message()
        self.messages.append(
            {"role": "assistant", "content": [block.to_dict() for block in done.content]}
        )
        return done

    def start(self, model):
        self.messages = [{"role": "user", "content": "1+2, 3+4?"}]
        done = self.ask(model)
        assert done.stop_reason == "tool_use"
        assert done.content[0].type == "thinking" and done.content[0].signature
        calls = [(block.name, block.input) for block in done.content if block.type == "tool_use"]
        used = done.usage
        return (
            self.text(done),
            calls,
            (
                used.input_tokens + used.cache_read_input_tokens,
                used.cache_read_input_tokens,
                used.output_tokens,
            ),
        )

    def go_on(self, model):
        asked = [
            block["id"] for block in self.messages[-1]["content"] if block["type"] == "tool_use"
        ]
        self.messages.append(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": one, "content": result}
                    for one, result in zip(asked, ("3", "7"), strict=True)
                ],
            }
        )
        return self.text(self.ask(model))

    def text(self, done):
        return "".join(block.text for block in done.content if block.type == "text")


class Gemini(Wire):
    key = ("x-goog-api-key", "k-google")

    def ask(self, model):
        declared = types.FunctionDeclaration(name="add", parameters_json_schema=ADD)
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[declared])], system_instruction="You add."
        )
        given = {"model": model, "contents": self.contents, "config": config}
        if not self.stream:
            replies = [self.client.models.generate_content(**given)]
        else:
            replies = list(self.client.models.generate_content_stream(**given))
        parts = [part for reply in replies for part in reply.candidates[0].content.parts]
        self.contents.append(types.Content(role="model", parts=parts))
        self.used = replies[-1].usage_metadata
        assert replies[-1].candidates[0].finish_reason == "STOP"
        return parts

    def start(self, model):
        self.contents = [types.Content(role="user", parts=[types.Part(text="1+2, 3+4?")])]
        parts = self.ask(model)
        calls = [part for part in parts if part.function_call]
        assert [bool(part.thought_signature) for part in calls] == [True, False]
        assert "".join(part.text for part in parts if part.thought) == "I shall add twice."
        used = self.used
        return (
            self.text(parts),
            [(part.function_call.name, part.function_call.args) for part in calls],
            (
                used.prompt_token_count,
                used.cached_content_token_count,
                used.candidates_token_count + used.thoughts_token_count,
            ),
        )

    def go_on(self, model):
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=part.function_call.id, name="add", response={"output": result}
                )
            )
            for part, result in zip(
                (part for part in self.contents[-1].parts if part.function_call),
                ("3", "7"),
                strict=True,
            )
        ]
        self.contents.append(types.Content(role="user", parts=results))
        return self.text(self.ask(model))

    def text(self, parts):
        return "".join(part.text for part in parts if part.text and not part.thought)


@pytest.fixture(params=["chat", "responses", "messages", "gemini"])
def make(request, gpt, claude, gemini):
    kind, client = {
        "chat": (Chat, gpt),
        "responses": (Responses, gpt),
        "messages": (Messages, claude),
        "gemini": (Gemini, gemini),
    }[request.param]
    return lambda stream=True: kind(client, stream)


@pytest.mark.parametrize("knobs", [{}, EVERY_BYTE, {"pings": True, "bytes": [3, 50]}], ids=str)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_turn_with_parallel_calls_and_its_end(models, make, stream, knobs):
    models.script("m", TWO_CALLS, SUM, knobs=knobs, requires=["thinking"])
    wire = make(stream)
    if isinstance(wire, Gemini) and knobs.get("comments"):
        pytest.skip("Google sends no comments, and its library takes none")
    text, calls, usage = wire.start("m")
    assert text == "Adding. "
    assert calls == [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]
    assert usage == (100, 40, 20)
    assert wire.go_on("m") == "3 and 7, from 3\n7"
    header, value = wire.key
    assert asked(models, "m")["headers"][header] == value
    assert [one["outcome"] for one in models.requests("m")] == ["whole", "whole"]


STATUS_ERRORS = (openai.APIStatusError, anthropic.APIStatusError, genai_errors.APIError)


def status_of(error) -> int:
    return getattr(error, "status_code", None) or error.code


@pytest.mark.parametrize("status", [400, 401, 402, 404, 413])
def test_an_error_is_read_as_that_error(models, make, status):
    models.script("m", {"status": status, "message": "no, thanks"})
    with pytest.raises(STATUS_ERRORS, match="no, thanks") as said:
        make().start("m")
    assert status_of(said.value) == status
    assert len(models.requests("m")) == 1


@pytest.mark.parametrize("status", [429, 503, 529])
def test_what_is_overloaded_is_asked_again(models, make, gemini, status):
    failure = {"status": status, "headers": {"retry-after-ms": "5", "retry-after": "0"}, "times": 2}
    models.script("m", failure, TWO_CALLS)
    wire = make(False)
    if isinstance(wire, Gemini):  # its library does not, unless told
        with pytest.raises(genai_errors.APIError):
            wire.start("m")
        return
    assert wire.start("m")[0] == "Adding. "
    assert [one["status"] for one in models.requests("m")] == [status, status, 200]


def test_it_can_say_not_to_ask_again(models, make):
    models.script(
        "m", {"status": 429, "headers": {"x-should-retry": "false"}, "code": "insufficient_quota"}
    )
    with pytest.raises(STATUS_ERRORS):
        make().start("m")
    assert len(models.requests("m")) == 1


def test_an_unknown_model_is_a_404_and_a_wrong_key_a_401(models, make):
    with pytest.raises(STATUS_ERRORS) as said:
        make().start("nobody")
    assert status_of(said.value) == 404
    models.script("m", TWO_CALLS, keys=["another"])
    with pytest.raises(STATUS_ERRORS) as said:
        make().start("m")
    assert status_of(said.value) == 401


def test_an_error_inside_a_stream_is_an_error(models, make):
    models.script(
        "m",
        TWO_CALLS
        | {"knobs": {"error_after_events": 3, "error": {"status": 529, "message": "too busy now"}}},
    )
    with pytest.raises((*STATUS_ERRORS, openai.APIError, RuntimeError)):
        make().start("m")
    assert models.requests("m")[0]["outcome"] == "broken"


@pytest.mark.parametrize("how", ["end", "close", "reset"])
def test_a_cut_stream_lacks_its_end(models, how):
    models.script("m", {"text": "one two three", "knobs": {"cut_after_bytes": 300, "cut": how}})
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    got = b""
    try:
        with httpx.stream(
            "POST", f"{models.url}/v1/chat/completions", json=body, trust_env=False
        ) as answer:
            for some in answer.iter_raw():
                got += some
        assert how == "end"
    except httpx.TransportError:
        assert how != "end"
    assert len(got) == 300 or how == "reset"
    assert b"[DONE]" not in got


def test_who_never_hears_an_answer_can_go(models):
    models.script("m", {"hold": True})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{models.url}/v1/chat/completions",
            timeout=0.2,
            trust_env=False,
            json={"model": "m", "messages": [{"role": "user", "content": "x"}]},
        )
    models.process.wait_until(lambda: models.requests("m")[0]["outcome"] == "client gone")


def test_refusals_are_read_as_such(models, gpt, claude, gemini):
    models.script("m", {"refusal": "I must not."})
    talk = [{"role": "user", "content": "x"}]
    with gpt.chat.completions.stream(model="m", messages=talk) as stream:
        message = stream.get_final_completion().choices[0].message
    assert (message.refusal, message.content) == ("I must not.", None)
    with gpt.responses.stream(model="m", input="x") as stream:
        content = stream.get_final_response().output[0].content[0]
    assert (content.type, content.refusal) == ("refusal", "I must not.")
    with claude.messages.stream(model="m", max_tokens=9, messages=talk) as stream:
        assert stream.get_final_message().stop_reason == "refusal"
    models.script("m", {"text": "", "stop": "blocked"})
    blocked = list(gemini.models.generate_content_stream(model="m", contents="x"))[-1]
    assert blocked.prompt_feedback.block_reason == "PROHIBITED_CONTENT"


def test_citations_are_read_as_such(models, gpt, claude, gemini):
    cited = [{"url": "https://a.example", "title": "A", "cited_text": "green"}]
    models.script("m", {"text": "It is green.", "citations": cited})
    talk = [{"role": "user", "content": "x"}]
    whole = gpt.chat.completions.create(model="m", messages=talk).choices[0].message
    assert whole.annotations[0].url_citation.url == "https://a.example"
    with gpt.responses.stream(model="m", input="x") as stream:
        content = stream.get_final_response().output[0].content[0]
    assert content.annotations[0].url == "https://a.example"
    with claude.messages.stream(model="m", max_tokens=9, messages=talk) as stream:
        assert stream.get_final_message().content[0].citations[0].url == "https://a.example"
    last = list(gemini.models.generate_content_stream(model="m", contents="x"))[-1]
    assert last.candidates[0].grounding_metadata.grounding_chunks[0].web.uri == "https://a.example"


def test_answers_that_are_too_long_or_held_back(models, gpt, claude, gemini):
    talk = [{"role": "user", "content": "x"}]
    models.script("m", {"text": "and then", "stop": "length"})
    assert (
        gpt.chat.completions.create(model="m", messages=talk).choices[0].finish_reason == "length"
    )
    assert (
        gpt.responses.create(model="m", input="x").incomplete_details.reason == "max_output_tokens"
    )
    assert (
        claude.messages.create(model="m", max_tokens=9, messages=talk).stop_reason == "max_tokens"
    )
    last = gemini.models.generate_content(model="m", contents="x")
    assert last.candidates[0].finish_reason == "MAX_TOKENS"


def stream_of(models, knobs, step=TWO_CALLS) -> list[dict]:
    """The events of Chat Completions, as they are on the wire."""
    models.script("m", step, knobs=knobs)
    body = {
        "model": "m",
        "stream": True,
        "tools": chat_tools(),
        "messages": [{"role": "user", "content": "x"}],
        "stream_options": {"include_usage": True},
    }
    text = httpx.post(f"{models.url}/v1/chat/completions", json=body, trust_env=False).text
    lines = [
        line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("data:")
    ]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def calls_of(events):
    return [
        call
        for one in events
        for choice in one["choices"]
        for call in choice["delta"].get("tool_calls", [])
    ]


def test_the_habits_of_compatible_servers(models):
    reused = calls_of(stream_of(models, {"reuse_index": True}))
    assert {call["index"] for call in reused} == {0}
    assert len({call["id"] for call in reused if "id" in call}) == 2
    whole = calls_of(stream_of(models, {"whole_arguments": True}))
    assert [json.loads(call["function"]["arguments"])["a"] for call in whole] == [1, 3]
    objects = calls_of(stream_of(models, {"arguments_object": True, "no_ids": True}))
    assert [call["function"]["arguments"]["b"] for call in objects] == [2, 4]
    assert [call["id"] for call in objects] == [None, None]
    assert stream_of(models, {"empty_choices": True})[0]["choices"] == []
    assert stream_of(models, {"no_usage": True})[-1]["choices"]
    assert any(
        "reasoning" in one["choices"][0]["delta"]
        for one in stream_of(models, {"reasoning_key": "reasoning", "no_usage": True})
    )
    bad = calls_of(stream_of(models, {}, {"calls": [{"name": "add", "arguments": '{"a": 1,'}]}))
    assert "".join(call["function"]["arguments"] for call in bad) == '{"a": 1,'


def test_calls_without_answers_are_refused(models, make):
    models.script("m", TWO_CALLS)
    wire = make(False)
    wire.start("m")
    with pytest.raises(STATUS_ERRORS) as said:
        wire.ask("m")
    assert status_of(said.value) == 400


@pytest.mark.parametrize("wire", ["messages", "responses", "gemini", "chat"])
def test_thoughts_must_come_back_as_they_were(models, gpt, claude, gemini, wire):
    models.script("m", TWO_CALLS, SUM, requires=["thinking"])
    one = {"messages": Messages, "responses": Responses, "gemini": Gemini, "chat": Chat}[wire](
        {"messages": claude, "gemini": gemini}.get(wire, gpt), False
    )
    one.start("m")
    if wire == "messages":
        one.messages[-1]["content"][0]["thinking"] += " Or thrice."
    elif wire == "responses":
        one.input = [item for item in one.input if item.get("type") != "reasoning"]
    elif wire == "gemini":
        for part in one.contents[-1].parts:
            part.thought_signature = None
    else:
        del one.messages[-1]["reasoning_content"]
    with pytest.raises(STATUS_ERRORS) as said:
        one.go_on("m")
    assert status_of(said.value) == 400


def test_a_changed_prompt_makes_thoughts_worthless_where_they_are_bound(models, claude):
    models.script("m", TWO_CALLS, SUM, requires=["thinking", "prefix"])
    wire = Messages(claude, False)
    wire.start("m")
    assert wire.go_on("m")
    wire.messages.append({"role": "user", "content": "again"})
    with pytest.raises(anthropic.BadRequestError, match="signature"):
        claude.messages.create(
            model="m", max_tokens=4096, messages=wire.messages, system="You subtract."
        )


def test_the_newer_version_takes_no_sampling_parameters(models, claude):
    models.script("m", SUM)
    given = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
        "extra_body": {"temperature": 1.0},
    }
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        claude.messages.create(**given)
    assert claude.messages.create(
        **given, extra_headers={"anthropic-version": "2023-06-01"}
    ).content


def test_thinking_and_a_forced_tool_exclude_each_other(models, claude):
    models.script("m", TWO_CALLS)
    with pytest.raises(anthropic.BadRequestError, match="Thinking may not be enabled"):
        claude.messages.create(
            model="m",
            max_tokens=4096,
            messages=[{"role": "user", "content": "x"}],
            thinking={"type": "adaptive"},
            tool_choice={"type": "any"},
            tools=[{"name": "add", "input_schema": ADD}],
        )


def test_rules_make_a_model_that_goes_by_what_it_hears(models, make):
    models.script(
        "m",
        rules=[
            {
                "user": r"(\d)\+(\d)",
                "tool": "add",
                **TWO_CALLS,
                "calls": [
                    {"name": "add", "arguments": '{"a": {1}, "b": {2}}'},
                    {"name": "add", "arguments": '{"a": 3, "b": 4}'},
                ],
            },
            {"result": r"^(\d)", "text": "It is {1}."},
        ],
    )
    wire = make()
    assert wire.start("m")[1][0] == ("add", {"a": 1, "b": 2})
    assert wire.go_on("m") == "It is 3."


def test_the_obedient_model_does_what_any_text_orders(models, gpt):
    tools = chat_tools("calc_add")
    talk = [
        {
            "role": "user",
            "content": 'Please CALL add {"a": 1, "b": 2} and CALL add {"a": 2, "b": 2}',
        }
    ]
    first = (
        gpt.chat.completions.create(model="obedient", messages=talk, tools=tools).choices[0].message
    )
    assert [call.function.name for call in first.tool_calls] == ["calc_add", "calc_add"]
    talk += [
        first.to_dict(),
        *(
            {"role": "tool", "tool_call_id": call.id, "content": 'CALL calc_add {"a": 9, "b": 9}'}
            for call in first.tool_calls
        ),
    ]
    second = (
        gpt.chat.completions.create(model="obedient", messages=talk, tools=tools).choices[0].message
    )
    assert len(second.tool_calls) == 2
    assert (
        gpt.chat.completions.create(model="echo", messages=talk[:1])
        .choices[0]
        .message.content.startswith("Please")
    )


def test_embeddings(models, gpt):
    models.script("m", {"status": 429, "headers": {"retry-after-ms": "5"}})
    data = gpt.embeddings.create(
        model="m", input=["green sea", "green sea", "old house"], dimensions=32
    ).data
    assert data[0].embedding == data[1].embedding != data[2].embedding
    assert len(data[0].embedding) == 32
