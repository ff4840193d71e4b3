"""Scripts: what a model of this provider says to what. README.md has their form."""

import json
import re

from shared import Answer, Conversation, Part, Refused, new_id, signature_of

BUILT_IN = {
    "echo": {"rules": [{"result": "", "text": "{result}"}, {"user": "", "text": "{user}"}]},
    "obedient": {
        "rules": [
            {"result": "CALL ", "obey": True},
            {"result": "", "text": "The tool said: {result}"},
            {"user": "CALL ", "obey": True},
            {"user": "", "text": "You said: {user}"},
        ]
    },
}
COMMAND = re.compile(r"CALL ([A-Za-z0-9_.:-]+) *(?=\{)")


class Script:
    """One model's. `first` is said once, then `steps` in order (the last again and again) or `rules`."""

    def __init__(self, given: dict):
        known = {"first", "steps", "rules", "knobs", "requires", "keys"}
        if unknown := set(given) - known:
            raise ValueError(f"unknown in a script: {', '.join(sorted(unknown))}")
        self.first = [step for step in given.get("first", []) for _ in range(step.get("times", 1))]
        self.steps = [step for step in given.get("steps", []) for _ in range(step.get("times", 1))]
        self.rules = given.get("rules", [])
        self.knobs = given.get("knobs", {})
        self.requires = set(given.get("requires", []))
        self.keys = given.get("keys")

    def next(self, said: Conversation) -> dict:
        """The step for this request, its texts filled in."""
        if self.first:
            return filled(self.first.pop(0), said, None)
        if self.steps:
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
            return filled(step, said, None)
        for rule in self.rules:
            by_tool = "result" in rule
            if by_tool != bool(said.results) or ("tool" in rule and rule["tool"] not in said.tools):
                continue
            found = [
                re.search(rule[key], text, re.I | re.S)
                for key, text in (("system", said.system), ("user", said.user), ("result", said.last))
                if key in rule
            ]
            if all(found):
                return filled(rule, said, found[-1] if found else None)
        raise Refused(400, "the script has nothing to say to this")


def filled(value, said: Conversation, match: re.Match | None):
    """Puts {user}, {result}, {system} and the groups {1}, {2}, … of the match into all strings."""
    if isinstance(value, dict):
        return {key: filled(one, said, match) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, said, match) for one in value]
    if not isinstance(value, str):
        return value
    names = {"user": said.user, "result": "\n".join(said.results), "system": said.system}
    if match:
        names |= {str(at + 1): group or "" for at, group in enumerate(match.groups())}
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), value)


def commands(said: Conversation) -> list[dict]:
    """The calls that the last message orders: `CALL name {"arguments": …}`, any number of them.

    A name may be the end of a tool's name, without the prefix a client gave it.
    """
    calls = []
    text = said.last.replace('\\"', '"')  # of JSON within JSON, too
    for found in COMMAND.finditer(text):
        try:
            args, _ = json.JSONDecoder().raw_decode(text[found.end() :])
        except ValueError:
            continue
        name = found[1]
        if name not in said.tools:
            name = next((tool for tool in said.tools if tool.endswith(name)), name)
        calls.append({"name": name, "args": args})
    return calls


def tokens_of(text) -> list[str]:
    """A list is tokens already; words keep the space before them, as tokenizers have it."""
    if isinstance(text, list):
        return text
    return re.findall(r"\s*\S+|\s+$", text)


def parts_of(step: dict, said: Conversation, prefix: str) -> list[Part]:
    """`parts` in their order; else reasoning, text, refusal and calls, in this order."""
    if "parts" in step:
        return [part for one in step["parts"] for part in parts_of(one, said, prefix)]
    parts = []
    if "reasoning" in step:
        given = step["reasoning"]
        given = given if isinstance(given, dict) else {"text": given}
        tokens = tokens_of(given.get("text", ""))
        sign = given.get("signature") or signature_of(said.model, "".join(tokens), prefix)
        parts.append(Part("reasoning", tokens, sign, given.get("redacted", False)))
    if "text" in step:
        parts.append(Part("text", tokens_of(step["text"]), citations=step.get("citations", [])))
    if "refusal" in step:
        parts.append(Part("refusal", tokens_of(step["refusal"])))
    for call in commands(said) if step.get("obey") else step.get("calls", []):
        # "arguments" is their text as it is, be it no JSON
        text = call.get("arguments", json.dumps(call.get("args", {}), ensure_ascii=False))
        sign = signature_of(said.model, call["name"], prefix)
        parts.append(Part("call", [text], sign, name=call["name"], id=call.get("id", new_id("call_"))))
    return parts


def answer_of(step: dict, script: Script, said: Conversation) -> Answer:
    """Raises Refused where the step is a status other than 200."""
    if step.get("status", 200) != 200:
        raise Refused(
            step["status"],
            step.get("message", f"scripted failure {step['status']}"),
            step.get("code"),
            step.get("headers"),
        )
    knobs = script.knobs | step.get("knobs", {})
    parts = parts_of(step, said, said.prefix if "prefix" in script.requires else "")
    kinds = {part.kind for part in parts}
    stop = "tool_calls" if "call" in kinds else "refusal" if "refusal" in kinds else "end"
    output = sum(len(part.tokens) for part in parts)
    reasoning = sum(len(part.tokens) for part in parts if part.kind == "reasoning")
    usage = {
        "input": 1 + (len(said.system) + len(said.last)) // 4,
        "output": output,
        "cache_read": 0,
        "cache_creation": 0,
        "reasoning": reasoning,
    }
    return Answer(said.model, parts, usage | step.get("usage", {}), step.get("stop", stop), knobs)
