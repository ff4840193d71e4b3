"""OpenAI's Responses, without state: every earlier item comes back in `input`."""

import time

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
from wire_chat import NAME, TYPES

KNOWN = {
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "max_output_tokens",
    "store",
    "include",
    "stream",
    "temperature",
    "top_p",
    "metadata",
    "user",
    "truncation",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "previous_response_id",
    "max_tool_calls",
    "background",
    "stream_options",
    "top_logprobs",
}
ROLES = {"developer", "system", "user", "assistant"}


def read(body: dict, headers: dict[str, str], requires: set[str]) -> Conversation:
    check_keys(body, KNOWN)
    said = Conversation(body["model"], system=body.get("instructions") or "", stream=bool(body.get("stream")))
    for tool in body.get("tools", []):
        check(tool.get("type") == "function", "only tools of type 'function' are scripted")
        check("function" not in tool, "Unknown parameter: 'tools[0].function'.", "unknown_parameter")
        said.tools.append(
            check_tool(tool.get("name"), tool.get("parameters", {}), NAME, tool.get("strict") is True)
        )
    given = body.get("input")
    check(given, "'input' is required")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    said.prefix = hash_of(said.system, body.get("tools", []))
    calls: dict[str, str] = {}
    thought = False  # since tools or the person last spoke
    for item in given:
        kind = item.get("type", "message")
        thought = kind == "reasoning" or (
            thought and kind != "function_call_output" and item.get("role") != "user"
        )
        check(
            kind != "function_call" or not item.get("id") or thought or "thinking" not in requires,
            f"Item '{item.get('id')}' of type 'function_call' was provided "
            "without its required 'reasoning' item.",
        )
        take(item, said, calls, requires)
    for call_id in calls:
        raise Refused(400, f"No tool output found for function call {call_id}.")
    return said


def take(item: dict, said: Conversation, calls: dict[str, str], requires: set[str]) -> None:
    kind = item.get("type", "message")
    if kind == "function_call":
        check(isinstance(item.get("arguments"), str), "'arguments' must be a string")
        check(item.get("id", "fc_").startswith("fc_"), "Expected an ID that begins with 'fc'.")
        calls[item["call_id"]] = item["name"]
        said.results = []
    elif kind == "function_call_output":
        check(item.get("call_id") in calls, "No tool call found for function call output")
        del calls[item["call_id"]]
        said.results.append(text_of(item.get("output")))
    elif kind == "reasoning":
        check(isinstance(item.get("summary"), list), "Missing required parameter: 'summary'.")
        sealed = item.get("encrypted_content")
        check(
            sealed or "thinking" not in requires,
            "a reasoning item that is not stored needs 'encrypted_content'",
        )
        summary = "".join(one["text"] for one in item["summary"])
        prefix = said.prefix if "prefix" in requires else ""
        check(
            not sealed or "thinking" not in requires or sealed == signature_of(said.model, summary, prefix),
            "The encrypted content could not be verified.",
            "invalid_encrypted_content",
        )
        said.results = []
    else:
        check(kind == "message", f"Invalid value: '{kind}' for 'type'")
        role, content = item.get("role"), item.get("content")
        check(role in ROLES, f"Invalid value for 'role': {role!r}")
        if isinstance(content, list):
            known = (
                {"output_text", "refusal"}
                if role == "assistant"
                else {"input_text", "input_image", "input_file"}
            )
            check(
                all(part.get("type") in known for part in content), f"Invalid content type for role '{role}'"
            )
        if role in ("developer", "system"):
            said.system += text_of(content)
            return
        said.results = []
        if role == "user":
            said.user = text_of(content)


def item_of(part: Part) -> dict:
    """The item as it is when done."""
    if part.kind == "reasoning":
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        return {
            "id": new_id("rs_"),
            "type": "reasoning",
            "summary": summary,
            "encrypted_content": part.signature,
        }
    if part.kind == "call":
        return {
            "id": new_id("fc_"),
            "type": "function_call",
            "status": "completed",
            "call_id": part.id,
            "name": part.name,
            "arguments": part.text,
        }
    if part.kind == "refusal":
        content = {"type": "refusal", "refusal": part.text}
    else:
        content = {"type": "output_text", "text": part.text, "annotations": annotations(part), "logprobs": []}
    return {
        "id": new_id("msg_"),
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [content],
    }


def annotations(part: Part) -> list[dict]:
    return [
        {
            "type": "url_citation",
            "url": one.get("url", ""),
            "title": one.get("title", ""),
            "start_index": one.get("start", 0),
            "end_index": one.get("end", len(part.text)),
        }
        for one in part.citations
    ]


def response(answer: Answer, identity: str, output: list[dict], status: str) -> dict:
    used = answer.usage
    reason = {"length": "max_output_tokens"}.get(answer.stop, answer.stop)
    return {
        "id": identity,
        "object": "response",
        "created_at": int(time.time()),
        "model": answer.model,
        "status": status,
        "output": output,
        "error": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "store": False,
        "text": {"format": {"type": "text"}},
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "usage": None
        if status == "in_progress" or answer.knobs.get("no_usage")
        else {
            "input_tokens": used["input"],
            "input_tokens_details": {"cached_tokens": used["cache_read"]},
            "output_tokens": used["output"],
            "output_tokens_details": {"reasoning_tokens": used["reasoning"]},
            "total_tokens": used["input"] + used["output"],
        },
    }


def whole(answer: Answer) -> dict:
    return response(answer, new_id("resp_"), [item_of(part) for part in answer.parts], status_of(answer))


def status_of(answer: Answer) -> str:
    return {"length": "incomplete", "content_filter": "incomplete", "failed": "failed"}.get(
        answer.stop, "completed"
    )


def events(answer: Answer, told_usage: bool) -> list[Event]:
    out: list[Event] = []

    def say(kind: str, token: bool = False, **fields) -> None:
        out.append(event({"type": kind, "sequence_number": len(out), **fields}, kind, token))

    identity = new_id("resp_")
    for kind in ("response.created", "response.in_progress"):
        say(kind, response=response(answer, identity, [], "in_progress"))
    items = []
    for index, part in enumerate(answer.parts):
        items.append(item_of(part))
        stream_item(part, items[-1], index, say)
    status = status_of(answer)
    last = response(answer, identity, items, status)
    if status == "failed":
        last["error"] = {
            "code": "server_error",
            "message": answer.knobs.get("error", {}).get("message", "failed"),
        }
    say(f"response.{status}", response=last)
    return out


def stream_item(part: Part, item: dict, index: int, say) -> None:
    at = {"item_id": item["id"], "output_index": index}
    empty = {"reasoning": {"summary": []}, "call": {"arguments": ""}}.get(part.kind, {"content": []})
    say(
        "response.output_item.added",
        output_index=index,
        item=item | empty | ({} if part.kind == "reasoning" else {"status": "in_progress"}),
    )
    if part.kind == "reasoning" and part.text:
        inner = at | {"summary_index": 0}
        say("response.reasoning_summary_part.added", **inner, part={"type": "summary_text", "text": ""})
        for token in part.tokens:
            say("response.reasoning_summary_text.delta", token=True, **inner, delta=token)
        say("response.reasoning_summary_text.done", **inner, text=part.text)
        say("response.reasoning_summary_part.done", **inner, part=item["summary"][0])
    elif part.kind == "call":
        for piece in pieces(part.text):
            say("response.function_call_arguments.delta", token=True, **at, delta=piece)
        say("response.function_call_arguments.done", **at, name=part.name, arguments=part.text)
    elif part.kind in ("text", "refusal"):
        inner, content = at | {"content_index": 0}, item["content"][0]
        key = "text" if part.kind == "text" else "refusal"
        kind = "response.output_text" if part.kind == "text" else "response.refusal"
        bare = {"annotations": []} if part.kind == "text" else {}
        say("response.content_part.added", **inner, part=content | {key: ""} | bare)
        more = {"logprobs": []} if part.kind == "text" else {}
        for token in part.tokens:
            say(f"{kind}.delta", token=True, **inner, delta=token, **more)
        for number, one in enumerate(content.get("annotations", [])):
            say("response.output_text.annotation.added", **inner, annotation_index=number, annotation=one)
        say(f"{kind}.done", **inner, **{key: part.text}, **more)
        say("response.content_part.done", **inner, part=content)
    say("response.output_item.done", output_index=index, item=item)


def error(refused: Refused) -> dict:
    kind = TYPES.get(refused.status, "invalid_request_error")
    return {"error": {"message": refused.message, "type": kind, "param": None, "code": refused.code}}


def broken(refused: Refused, so_far: int) -> list[Event]:
    return [
        event(
            {
                "type": "error",
                "sequence_number": so_far,
                "code": refused.code or "server_error",
                "message": refused.message,
                "param": None,
            },
            "error",
        )
    ]
