"""What the four wires share: refusals, what a conversation comes to, an answer before its wording."""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field


class Refused(Exception):
    """The request is answered with this status; each wire words the body its own way."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
    ):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = headers or {}


@dataclass
class Conversation:
    """What a model goes by. `results` are those of tools that nothing has been said on yet."""

    model: str
    system: str = ""
    user: str = ""
    results: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    stream: bool = False
    usage: bool = True  # the client asked to hear of it
    prefix: str = ""  # a hash of system and tools, see `bind_prefix`

    @property
    def last(self) -> str:
        """What was said last: by tools, or by the person."""
        return "\n".join(self.results) if self.results else self.user


@dataclass
class Part:
    """`kind` is text, reasoning, refusal or call; a call has a name, and its arguments as text."""

    kind: str
    tokens: list[str]
    signature: str = ""
    redacted: bool = False
    citations: list[dict] = field(default_factory=list)
    name: str = ""
    id: str = ""

    @property
    def text(self) -> str:
        return "".join(self.tokens)


@dataclass
class Answer:
    """`stop`: end, tool_calls, length, content_filter, refusal, pause, or a wire's own word."""

    model: str
    parts: list[Part]
    usage: dict[str, int]
    stop: str
    knobs: dict

    def of(self, *kinds: str) -> list[Part]:
        return [part for part in self.parts if part.kind in kinds]

    def text(self, *kinds: str) -> str:
        return "".join(part.text for part in self.of(*kinds))


@dataclass
class Event:
    """One of a stream. `token`: a model took its time for it."""

    data: str
    name: str | None = None
    token: bool = False


def event(data: dict, name: str | None = None, token: bool = False) -> Event:
    return Event(json.dumps(data, ensure_ascii=False, separators=(",", ":")), name, token)


def new_id(prefix: str) -> str:
    return prefix + secrets.token_hex(12)


def signature_of(model: str, text: str, prefix: str) -> str:
    """What must come back with a thought: of this model, with this text, after this prefix."""
    digest = hashlib.sha256("\0".join((model, text, prefix)).encode()).digest()
    return base64.b64encode(digest + digest).decode()


def hash_of(*values) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def text_of(content) -> str:
    """The text in any wire's content: a string, a part, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text for part in content if (text := text_of(part)))
    if isinstance(content, dict):
        return text_of(content.get("text", content.get("content", "")))
    return ""


def check(holds, message: str, code: str | None = None) -> None:
    if not holds:
        raise Refused(400, message, code)


def check_keys(body: dict, known: set[str]) -> None:
    for key in body:
        check(key in known, f"Unknown parameter: '{key}'.", "unknown_parameter")


def check_tool(name, schema, pattern: str, strict: bool) -> str:
    check(
        isinstance(name, str) and re.fullmatch(pattern, name),
        f"Invalid tool name {name!r}: expected {pattern}",
    )
    check(
        isinstance(schema, dict) and schema.get("type", "object") == "object",
        f"Invalid schema for function '{name}': expected an object",
    )
    if strict:
        check_strict(schema, name)
    return name


def check_strict(schema, where: str) -> None:
    """Strict schemas close every object and require all of its properties."""
    if isinstance(schema, list):
        for one in schema:
            check_strict(one, where)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        check(
            schema.get("additionalProperties") is False,
            f"Invalid schema for '{where}': 'additionalProperties' is required to be false",
        )
        check(
            set(schema.get("required", [])) == set(schema.get("properties", {})),
            f"Invalid schema for '{where}': 'required' must name every property",
        )
    for key, value in schema.items():
        check_strict(list(value.values()) if key in ("properties", "$defs") else value, where)


def pieces(text: str, size: int = 6) -> list[str]:
    """A text in fragments, as arguments arrive; one empty one for an empty text."""
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]
