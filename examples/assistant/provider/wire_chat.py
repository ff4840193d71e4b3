"""OpenAI's Chat Completions, and how servers compatible with it differ."""

import json
import time

from shared import (
    Answer,
    Conversation,
    Event,
    Refused,
    check,
    check_keys,
    check_tool,
    event,
    hash_of,
    new_id,
    pieces,
    text_of,
)

KNOWN = {
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "n",
    "seed",
    "user",
    "stream",
    "stream_options",
    "reasoning_effort",
    "store",
    "metadata",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "verbosity",
    "modalities",
    "reasoning",
    "top_k",
    "thinking",
    "chat_template_kwargs",
}
ROLES = {"developer", "system", "user", "assistant", "tool"}
STOPS = {"end": "stop", "refusal": "stop", "pause": "stop"}
NAME = r"[a-zA-Z0-9_-]{1,64}"


def read(body: dict, headers: dict[str, str], requires: set[str]) -> Conversation:
    check_keys(body, KNOWN)
    messages = body.get("messages")
    check(isinstance(messages, list) and messages, "'messages' must be a non-empty list")
    tools = body.get("tools", [])
    check("tools" not in body or tools, "[] is too short - 'tools'")
    check(
        "parallel_tool_calls" not in body or tools,
        "'parallel_tool_calls' is only allowed when 'tools' are given",
    )
    if "effort_none_with_tools" in requires and tools:
        check(
            body.get("reasoning_effort") == "none",
            "Function tools with reasoning_effort are not supported for this model; use /v1/responses",
        )
    names = []
    for tool in tools:
        check(tool.get("type") == "function", "'tools[].type' must be 'function'")
        what = tool["function"]
        names.append(
            check_tool(what.get("name"), what.get("parameters", {}), NAME, what.get("strict", False))
        )
    check(len(set(names)) == len(names), "tool names must be unique")
    open_calls: dict[str, str] = {}
    said = Conversation(body["model"], tools=names, stream=bool(body.get("stream")))
    said.usage = bool((body.get("stream_options") or {}).get("include_usage"))
    for message in messages:
        take(message, said, open_calls, requires)
    check(not open_calls, unanswered(open_calls))
    said.prefix = hash_of(said.system, tools)
    return said


def take(message: dict, said: Conversation, open_calls: dict[str, str], requires: set[str]) -> None:
    role, content = message.get("role"), message.get("content")
    check(role in ROLES, f"Invalid value for 'role': {role!r}")
    if role == "tool":
        check(
            message.get("tool_call_id") in open_calls,
            "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
        )
        if isinstance(content, list):
            check(all(part.get("type") == "text" for part in content), "tool messages take text only")
        del open_calls[message["tool_call_id"]]
        said.results.append(text_of(content))
        return
    check(not open_calls, unanswered(open_calls))
    if role == "assistant":
        said.results = []
        calls = message.get("tool_calls", [])
        check("tool_calls" not in message or calls, "[] is too short - 'tool_calls'")
        check(
            calls or content is not None or message.get("refusal"),
            "an assistant message needs content or tool_calls",
        )
        for call in calls:
            check(isinstance(call["function"].get("arguments"), str), "'arguments' must be a string")
            check(call.get("id") and call["id"] not in open_calls, "tool call ids must be unique")
            open_calls[call["id"]] = call["function"]["name"]
        if "thinking" in requires and calls:
            check(
                "reasoning_content" in message,
                "The `reasoning_content` in the thinking mode must be passed back to the API.",
            )
    elif role == "user":
        check(content, "a user message needs content")
        if said.results and not isinstance(content, str) and any(part["type"] != "text" for part in content):
            return  # what tools gave beside text follows their results this way
        said.user, said.results = text_of(content), []
    else:
        said.system += text_of(content)


def unanswered(open_calls: dict[str, str]) -> str:
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        f"'tool_call_id'. These did not have response messages: {', '.join(open_calls)}"
    )


def annotations(part) -> list[dict]:
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": one.get("url", ""),
                "title": one.get("title", ""),
                "start_index": one.get("start", 0),
                "end_index": one.get("end", len(part.text)),
            },
        }
        for one in part.citations
    ]


def usage(answer: Answer) -> dict:
    used = answer.usage
    return {
        "prompt_tokens": used["input"],
        "completion_tokens": used["output"],
        "total_tokens": used["input"] + used["output"],
        "prompt_tokens_details": {"cached_tokens": used["cache_read"]},
        "completion_tokens_details": {"reasoning_tokens": used["reasoning"]},
    }


def whole(answer: Answer) -> dict:
    knobs = answer.knobs
    message: dict = {"role": "assistant", "content": answer.text("text") or None}
    refusal = answer.text("refusal")
    message["refusal"] = refusal or None
    if thought := answer.text("reasoning"):
        message[knobs.get("reasoning_key", "reasoning_content")] = thought
    if cited := [one for part in answer.of("text") for one in annotations(part)]:
        message["annotations"] = cited
    if calls := answer.of("call"):
        message["tool_calls"] = [
            {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.text}}
            for part in calls
        ]
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answer.model,
        "usage": usage(answer),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": STOPS.get(answer.stop, answer.stop),
            }
        ],
    }


def events(answer: Answer, told_usage: bool) -> list[Event]:
    knobs = answer.knobs
    head = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": answer.model,
    }

    def chunk(delta: dict, token: bool = True, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(head | {"choices": [choice], "usage": None}, token=token)

    out = []
    if knobs.get("empty_choices"):
        out.append(event(head | {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}))
    role = {"role": "assistant", "content": "" if answer.of("text") else None, "refusal": None}
    out.append(chunk(role, token=False))
    reasoning_key = knobs.get("reasoning_key", "reasoning_content")
    index = 0
    for part in answer.parts:
        if part.kind == "call":
            out += [chunk({"tool_calls": [delta]}) for delta in call_deltas(part, index, knobs)]
            index += not knobs.get("reuse_index")
        else:
            key = {"text": "content", "refusal": "refusal", "reasoning": reasoning_key}[part.kind]
            out += [chunk({key: token}) for token in part.tokens]
        if cited := annotations(part):
            out.append(chunk({"annotations": cited}, token=False))
    out.append(chunk({}, token=False, finish=STOPS.get(answer.stop, answer.stop)))
    if told_usage and not knobs.get("no_usage"):
        out.append(event(head | {"choices": [], "usage": usage(answer)}))
    return out if knobs.get("no_done") else [*out, Event("[DONE]")]


def call_deltas(part, index: int, knobs: dict) -> list[dict]:
    first = {"index": index, "id": None if knobs.get("no_ids") else part.id, "type": "function"}
    if knobs.get("arguments_object"):
        return [first | {"function": {"name": part.name, "arguments": json.loads(part.text or "{}")}}]
    if knobs.get("whole_arguments"):
        return [first | {"function": {"name": part.name, "arguments": part.text}}]
    more = [{"index": index, "function": {"arguments": piece}} for piece in pieces(part.text)]
    return [first | {"function": {"name": part.name, "arguments": ""}}, *more]


TYPES = {
    401: "authentication_error",
    402: "insufficient_credits",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    529: "server_error",
}


def error(refused: Refused) -> dict:
    kind = TYPES.get(refused.status, "invalid_request_error")
    return {"error": {"message": refused.message, "type": kind, "param": None, "code": refused.code}}


def broken(refused: Refused, so_far: int) -> list[Event]:
    """An error inside the stream, after 200."""
    return [event(error(refused))]
