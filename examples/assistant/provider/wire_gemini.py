"""Google's generateContent."""

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
    signature_of,
    text_of,
)

KNOWN = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "labels",
}
PARTS = {
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "functionResponse",
    "inlineData",
    "fileData",
    "videoMetadata",
    "mediaResolution",
}
STOPS = {
    "end": "STOP",
    "tool_calls": "STOP",
    "refusal": "STOP",
    "pause": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
SUBSET = {
    "additionalProperties",
    "$ref",
    "$schema",
    "$defs",
    "allOf",
    "oneOf",
    "not",
}  # what `parameters` lacks


def read(body: dict, headers: dict[str, str], requires: set[str]) -> Conversation:
    check_keys(body, KNOWN | {"model", "stream"})
    said = Conversation(
        body["model"],
        system=text_of(body.get("systemInstruction", {}).get("parts", "")),
        stream=body["stream"],
    )
    for tool in body.get("tools", []):
        for what in tool.get("functionDeclarations", []):
            check(
                not ("parameters" in what and "parametersJsonSchema" in what), "give one of the two schemas"
            )
            check_subset(what.get("parameters"))
            schema = what.get("parametersJsonSchema") or {}
            said.tools.append(check_tool(what.get("name"), schema, r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", False))
    said.prefix = hash_of(said.system, body.get("tools", []))
    contents = body.get("contents")
    check(contents, "contents is not specified")
    calls: list[str] = []
    for content in contents:
        calls = take(content, said, calls)
    check(not calls, UNEQUAL)
    if "thinking" in requires:
        check_turn(contents, said, requires)
    return said


UNEQUAL = (
    "Please ensure that the number of function response parts is equal to the number of function call parts "
    "of the function call turn."
)


def take(content: dict, said: Conversation, calls: list[str]) -> list[str]:
    """The names of the calls that the next content must answer, all of them."""
    role, parts = content.get("role", "user"), content.get("parts")
    check(role in ("user", "model"), "Please use a valid role: user, model.")
    check(parts, "contents.parts must not be empty")
    for part in parts:
        check(set(part) <= PARTS, f"Unknown name \"{', '.join(set(part) - PARTS)}\" at 'contents.parts'")
        check(
            set(part) - {"thought", "thoughtSignature"},
            "contents.parts: required oneof field 'data' must be set",
        )
    answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
    check(sorted(one["name"] for one in answers) == sorted(calls), UNEQUAL)
    check(
        all(isinstance(one.get("response"), dict) for one in answers), "functionResponse.response: an object"
    )
    if role == "user":
        said.results = [result_text(one["response"]) for one in answers]
        if not answers:
            said.user = text_of(parts)
        return []
    said.results = []
    return [part["functionCall"]["name"] for part in parts if "functionCall" in part]


def result_text(response: dict) -> str:
    value = response.get("output", response.get("error", response))
    return value if isinstance(value, str) else json.dumps(value)


def check_subset(schema) -> None:
    if isinstance(schema, list):
        for one in schema:
            check_subset(one)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            check(key not in SUBSET, f"Unknown name \"{key}\" at 'tools.function_declarations.parameters'")
            check(key != "type" or isinstance(value, str), "Proto field is not repeating: 'type'")
            check_subset(list(value.values()) if key == "properties" else value)


def check_turn(contents: list[dict], said: Conversation, requires: set[str]) -> None:
    """Since the person last spoke, the first call of every step has its signature."""
    prefix = said.prefix if "prefix" in requires else ""
    for content in reversed(contents):
        parts = content["parts"]
        if content.get("role", "user") == "user":
            if not any("functionResponse" in part for part in parts):
                return
            continue
        first = next((part for part in parts if "functionCall" in part), None)
        if first is None:
            continue
        name, sign = first["functionCall"]["name"], first.get("thoughtSignature")
        check(sign, f"Function call `{name}` in the contents is missing a `thought_signature`.")
        check(sign == signature_of(said.model, name, prefix), "Corrupted thought signature.")


def wire_parts(answer: Answer) -> list[dict]:
    """One a token; a call is whole. The first call of a step has the signature."""
    out, signed = [], False
    for part in answer.parts:
        if part.kind == "call" and not is_json(part.text):
            answer.stop = "MALFORMED_FUNCTION_CALL"  # then there is no call
        elif part.kind == "call":
            out.append(call_part(part, answer.knobs, not signed))
            signed = True
        elif part.kind == "reasoning":
            out += [{"text": token, "thought": True} for token in part.tokens]
        else:
            out += [{"text": token} for token in part.tokens]
    thoughts = answer.of("reasoning")
    if thoughts and not signed:
        out.append({"text": "", "thoughtSignature": thoughts[-1].signature})
    return out


def is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        return False


def call_part(part: Part, knobs: dict, signed: bool) -> dict:
    call = {"name": part.name, "args": json.loads(part.text or "{}")}
    if not knobs.get("no_ids"):
        call = {"id": part.id, **call}
    return {"functionCall": call} | ({"thoughtSignature": part.signature} if signed else {})


def joined(parts: list[dict]) -> list[dict]:
    """Texts of a kind that follow each other become one."""
    out: list[dict] = []
    for part in parts:
        both_text = out and "text" in part and "text" in out[-1] and "thoughtSignature" not in part
        if both_text and part.get("thought") == out[-1].get("thought"):
            out[-1] = out[-1] | {"text": out[-1]["text"] + part["text"]}
        else:
            out.append(part)
    return out


def chunk(answer: Answer, identity: str, parts: list[dict], output: int, last: bool) -> dict:
    used = answer.usage
    thoughts = min(output, used["reasoning"])
    reply: dict = {"modelVersion": answer.model, "responseId": identity}
    if not answer.knobs.get("no_usage"):
        reply["usageMetadata"] = {
            "promptTokenCount": used["input"],
            "cachedContentTokenCount": used["cache_read"],
            "candidatesTokenCount": output - thoughts,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": used["input"] + output,
        }
    if answer.stop == "blocked":
        return reply | {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    candidate: dict = {"index": 0, "content": {"role": "model", "parts": parts}}
    if last:
        candidate["finishReason"] = STOPS.get(answer.stop, answer.stop)
        if cited := grounding(answer):
            candidate["groundingMetadata"] = cited
    return reply | {"candidates": [candidate]}


def grounding(answer: Answer) -> dict | None:
    """Where texts come from, as the search tool says it."""
    chunks, supports = [], []
    for part in answer.of("text"):
        for one in part.citations:
            supports.append(
                {
                    "segment": {
                        "startIndex": one.get("start", 0),
                        "endIndex": one.get("end", len(part.text)),
                        "text": one.get("cited_text", ""),
                    },
                    "groundingChunkIndices": [len(chunks)],
                }
            )
            chunks.append({"web": {"uri": one.get("url", ""), "title": one.get("title", "")}})
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else None


def whole(answer: Answer) -> dict:
    parts = joined(wire_parts(answer))
    return chunk(answer, new_id("r"), parts, answer.usage["output"], True)


def events(answer: Answer, told_usage: bool) -> list[Event]:
    """Usage is cumulative, and there is no terminal event but the reason to finish."""
    identity, parts = new_id("r"), wire_parts(answer)
    out = [
        event(chunk(answer, identity, [part], min(at + 1, answer.usage["output"]), False), token=True)
        for at, part in enumerate(parts)
    ]
    return [*out, event(chunk(answer, identity, [{"text": ""}], answer.usage["output"], True))]


STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error(refused: Refused) -> dict:
    what: dict = {
        "code": refused.status,
        "message": refused.message,
        "status": refused.code or STATUSES.get(refused.status, "UNKNOWN"),
    }
    if wait := refused.headers.get("retry-after"):
        what["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}]
    return {"error": what}


def broken(refused: Refused, so_far: int) -> list[Event]:
    return [event(error(refused))]
