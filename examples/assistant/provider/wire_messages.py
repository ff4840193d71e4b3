"""Anthropic's Messages."""

import json

from shared import (
    Answer,
    Conversation,
    Event,
    Part,
    Refused,
    check,
    check_keys,
    check_tool,
    event,
    hash_of,
    new_id,
    pieces,
    signature_of,
    text_of,
)

KNOWN = {
    "model",
    "messages",
    "max_tokens",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "speed",
}
VERSIONS = ("2023-06-01", "2026-10-21")
REMOVED = {"temperature", "top_p", "top_k"}  # from the second version on
BLOCKS = {
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "search_result",
}
STOPS = {
    "end": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
    "pause": "pause_turn",
}


def read(body: dict, headers: dict[str, str], requires: set[str]) -> Conversation:
    version = headers.get("anthropic-version")
    check(version in VERSIONS, f"anthropic-version: {version!r} is not a valid version")
    check_keys(body, KNOWN - REMOVED if version != VERSIONS[0] else KNOWN)
    check(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    check(
        json.dumps(body).count('"cache_control"') <= 4,
        "A maximum of 4 blocks with cache_control may be provided",
    )
    check_thinking(body)
    tools = body.get("tools", [])
    names = [
        check_tool(
            tool.get("name"), tool.get("input_schema"), r"[a-zA-Z0-9_-]{1,128}", tool.get("strict", False)
        )
        for tool in tools
    ]
    check(len(set(names)) == len(names), "tools: Tool names must be unique.")
    system = body.get("system", "")
    said = Conversation(body["model"], system=text_of(system), tools=names, stream=bool(body.get("stream")))
    said.prefix = hash_of(said.system, tools)
    messages = body.get("messages")
    check(isinstance(messages, list) and messages, "messages: at least one message is required")
    check(messages[0].get("role") == "user", 'messages: first message must use the "user" role')
    calls: list[str] = []
    for at, message in enumerate(messages):
        calls = take(message, at, said, calls, requires)
    check(not calls, unanswered(calls))
    if "thinking" in requires:
        check_turn(messages)
    return said


def check_thinking(body: dict) -> None:
    thinking = body.get("thinking", {"type": "disabled"})
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens", 0)
        check(budget >= 1024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        check(budget < body["max_tokens"], "`max_tokens` must be greater than `thinking.budget_tokens`")
    if thinking.get("type") != "disabled":
        check(
            body.get("tool_choice", {}).get("type") not in ("any", "tool"),
            "Thinking may not be enabled when tool_choice forces tool use.",
        )


def take(message: dict, at: int, said: Conversation, calls: list[str], requires: set[str]) -> list[str]:
    """The ids of the tool_use blocks that the next message must answer."""
    role, content = message.get("role"), message.get("content")
    check(role in ("user", "assistant", "system"), f"messages.{at}.role: unexpected role")
    check(content, f"messages.{at}: content must be non-empty")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    results, spoken, asked = [], False, []
    for block in blocks:
        kind = block.get("type")
        check(kind in BLOCKS, f"messages.{at}.content: unknown type '{kind}'")
        if kind == "text":
            check(block["text"].strip(), f"messages.{at}: text content blocks must be non-empty")
            spoken = True
        elif kind == "tool_result":
            check(
                role == "user" and not spoken,
                f"messages.{at}: `tool_result` blocks come first in a user message",
            )
            check(
                block.get("tool_use_id") in calls,
                f"messages.{at}: unexpected `tool_use_id` found in `tool_result` "
                "blocks: each must have a corresponding `tool_use` block in the previous message.",
            )
            calls = [one for one in calls if one != block["tool_use_id"]]
            results.append(text_of(block.get("content", "")))
        elif kind == "tool_use":
            check(
                role == "assistant" and isinstance(block.get("input"), dict),
                f"messages.{at}: tool_use.input: an object",
            )
            check(block["id"] not in asked, "`tool_use` ids must be unique")
            asked.append(block["id"])
        elif kind == "thinking":
            prefix = said.prefix if "prefix" in requires else ""
            check(
                block.get("signature") == signature_of(said.model, block.get("thinking", ""), prefix),
                f"messages.{at}: Invalid `signature` in `thinking` block",
            )
    check(not calls, unanswered(calls))
    said.results = results
    if role == "user" and not results:
        said.user = text_of(blocks)
    return asked


def check_turn(messages: list[dict]) -> None:
    """Since the person last spoke, every turn with calls begins with its thinking."""
    for message in reversed(messages):
        content = message["content"]
        kinds = ["text"] if isinstance(content, str) else [block.get("type") for block in content]
        if message["role"] == "user" and "tool_result" not in kinds:
            return
        if message["role"] == "assistant" and "tool_use" in kinds:
            check(
                kinds[0] in ("thinking", "redacted_thinking"),
                "Expected `thinking` or `redacted_thinking`, but found "
                f"`{kinds[0]}`: when `thinking` is enabled, such a message must start with a thinking block",
            )


def unanswered(calls: list[str]) -> str:
    return (
        "`tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(calls)}. Each must have its `tool_result` in the next message."
    )


def block_of(part: Part) -> dict:
    if part.kind == "reasoning":
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.signature}
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if part.kind == "call":
        try:
            return {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": json.loads(part.text or "{}"),
            }
        except ValueError:  # only a stream can say what is no JSON
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
    return {"type": "text", "text": part.text, "citations": [citation(one) for one in part.citations] or None}


def citation(one: dict) -> dict:
    return {
        "type": "web_search_result_location",
        "url": one.get("url", ""),
        "title": one.get("title"),
        "cited_text": one.get("cited_text", ""),
        "encrypted_index": "e",
    }


def usage(answer: Answer) -> dict:
    """input_tokens leaves out what was cached."""
    used = answer.usage
    return {
        "input_tokens": used["input"] - used["cache_read"] - used["cache_creation"],
        "cache_creation_input_tokens": used["cache_creation"],
        "cache_read_input_tokens": used["cache_read"],
        "output_tokens": used["output"],
    }


def whole(answer: Answer) -> dict:
    stop = STOPS.get(answer.stop, answer.stop)
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block_of(part) for part in answer.parts],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": refusal_details(stop),
        "usage": usage(answer),
    }


def refusal_details(stop: str) -> dict | None:
    return {"type": "refusal", "category": None, "explanation": None} if stop == "refusal" else None


def events(answer: Answer, told_usage: bool) -> list[Event]:
    out: list[Event] = []

    def say(kind: str, token: bool = False, **fields) -> None:
        if token and answer.knobs.get("pings"):
            out.append(event({"type": "ping"}, "ping"))
        out.append(event({"type": kind, **fields}, kind, token))

    final = whole(answer)
    start = {
        "content": [],
        "stop_reason": None,
        "stop_details": None,
        "usage": usage(answer) | {"output_tokens": 1},
    }
    say("message_start", message=final | start)
    say("ping")
    for index, part in enumerate(answer.parts):
        block = block_of(part)
        empty = {
            "thinking": {"thinking": "", "signature": ""},
            "tool_use": {"input": {}},
            "text": {"text": "", "citations": None},
        }.get(block["type"], {})
        say("content_block_start", index=index, content_block=block | empty)
        for delta in deltas(part):
            say("content_block_delta", token=True, index=index, delta=delta)
        say("content_block_stop", index=index)
    stop = {key: final[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    say("message_delta", delta=stop, usage=usage(answer))
    say("message_stop")
    return out


def deltas(part: Part) -> list[dict]:
    if part.kind == "call":
        return [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(part.text)]]
    if part.kind == "reasoning":
        if part.redacted:
            return []
        return [
            *({"type": "thinking_delta", "thinking": token} for token in part.tokens),
            {"type": "signature_delta", "signature": part.signature},
        ]
    return [
        *({"type": "text_delta", "text": token} for token in part.tokens),
        *({"type": "citations_delta", "citation": citation(one)} for one in part.citations),
    ]


TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error(refused: Refused) -> dict:
    kind = refused.code or TYPES.get(refused.status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": refused.message},
        "request_id": new_id("req_"),
    }


def broken(refused: Refused, so_far: int) -> list[Event]:
    return [event(error(refused), "error")]
