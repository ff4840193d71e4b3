"""What two servers may differ in (ids, times, versions) taken out, and what is left compared."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

# Facts about a server, not about what it does, and what the reference keeps for itself.
VOLATILE = {
    "langgraph_version", "langgraph_api_version", "langgraph_plan", "langgraph_host",
    "langgraph_api_url", "langgraph_request_id", "langgraph_py_version",
    "__request_start_time_ms__", "__after_seconds__", "__request_start_time__",
    "lc_versions", "ls_provider", "ls_model_type", "ls_integration",
    "ls_model_name",
}
TIMES = {"created_at", "updated_at", "state_updated_at", "timestamp", "next_run_date", "ts",
         "expires_at", "run_started_at", "run_ended_at", "webhook_sent_at"}
GRAPHS = ("agent agent_simple agent_with_tools delay dynamic error interrupt_graph nested "
          "simple_runtime state_schema_graph stategraph_text weather cfg custom echo err fan inter "
          "inter2 slow plain helper capped").split()
NAMESPACE = uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
SYSTEM = {str(uuid.uuid5(NAMESPACE, name)): name for name in GRAPHS}

MODEL = re.compile(r"lc_run--([0-9a-f-]{36})(-0)?")  # one message, by the name of its library
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")
EVENT = re.compile(r"^\d{13}-\d+$")
HELP = re.compile(r"\nFor troubleshooting, visit: \S+| Docs: \S+")  # on the web, of the library
SERVER = re.compile(r"https?://(127\.0\.0\.1|localhost):\d+")


def plain(value: Any) -> Any:
    """The value with ids numbered as they appear (a system assistant's by its graph)."""
    seen: dict[str, str] = {}

    def numbered(found: re.Match) -> str:
        text = found.group(0)
        if text in SYSTEM:
            return f"<assistant {SYSTEM[text]}>"
        return seen.setdefault(text, f"<id {len(seen) + 1}>")

    def walk(what: Any, key: str = "") -> Any:
        if isinstance(what, dict):
            # By name, so that ids have the same number whatever the order of members.
            return {IDS.sub(numbered, MODEL.sub(r"\1", k)): walk(what[k], k) for k in sorted(what)
                    if not (k in VOLATILE or k.startswith("__pregel_")
                            or (k == "version" and isinstance(what[k], str)))}
        if isinstance(what, (list, tuple)):
            return [walk(one) for one in what]
        if key in TIMES and isinstance(what, (str, int, float)) and what:
            return "<time>"
        if isinstance(what, str):
            if EVENT.match(what):
                return "<event>"
            what = SERVER.sub("<server>", HELP.sub("", MODEL.sub(r"\1", what)))
            return ISO.sub("<time>", IDS.sub(numbered, what))
        return what

    return walk(value)


def differences(theirs: Any, ours: Any, at: str = "") -> Iterator[tuple[str, str, Any, Any]]:
    """(path, "different" | "missing" | "more", theirs, ours) for each place where they differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs.get("status") == ours.get("status") == 422 and not at:
            # A validator's words: clients show them, nobody reads them.
            theirs, ours = ({**one, "body": "<refused>"} if reason(one.get("body")) else one
                            for one in (theirs, ours))
        if not at and theirs.get("status") != ours.get("status"):
            # One difference, whatever else the two answers hold.
            yield "status", "different", theirs, ours
            return
        for key in sorted({*theirs, *ours}):
            place = f"{at}.{key}" if at else key
            if key not in ours:
                yield place, "missing", theirs[key], None
            elif key not in theirs:
                yield place, "more", None, ours[key]
            else:
                yield from differences(theirs[key], ours[key], place)
    elif isinstance(theirs, list) and isinstance(ours, list):
        for n in range(max(len(theirs), len(ours))):
            place = f"{at}[{n}]"
            if n >= len(ours):
                yield place, "missing", theirs[n], None
            elif n >= len(theirs):
                yield place, "different", None, ours[n]
            else:
                yield from differences(theirs[n], ours[n], place)
    elif type(theirs) is not type(ours) and not (
            isinstance(theirs, (int, float)) and isinstance(ours, (int, float))
            and not isinstance(theirs, bool) and not isinstance(ours, bool)):
        yield at, "different", theirs, ours
    elif theirs != ours:
        yield at, "different", theirs, ours


def reason(body: Any) -> bool:
    """Whether a body says why, in whichever of the forms there are."""
    if isinstance(body, dict):
        return isinstance(body.get("detail", body.get("error")), str)
    return isinstance(body, str) and bool(body)


def failed(noted: Any) -> bool:
    """Whether a note is of an answer that no request deserves."""
    return isinstance(noted, dict) and isinstance(noted.get("status"), int) \
        and noted["status"] >= 500
