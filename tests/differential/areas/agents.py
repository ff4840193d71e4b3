"""Declared agents beside create_agent, each side with a scripted provider of its own."""

import json

MODES = ["values", "updates", "messages-tuple"]


# Of one request, in the words of one provider; the reference tells them when nobody streams.
OF_ONE_REQUEST = {"id", "token_usage", "logprobs", "system_fingerprint", "service_tier"}
# Steps: the reference has one more for its middleware in each turn, asked or not.
PLACE = {"langgraph_step", "langgraph_path", "langgraph_triggers", "checkpoint_ns",
         "langgraph_checkpoint_ns"}


def _plain(value):
    """Without what the two may differ in: details of usage that are 0, facts of one request, notes of the
    reference's middleware to itself."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    value = {key: _plain(one) for key, one in value.items() if key != "hitl_edited_tool_calls"}
    if "response_metadata" in value:
        value["response_metadata"] = {key: one for key, one in value["response_metadata"].items()
                                      if key not in OF_ONE_REQUEST}
        value.get("additional_kwargs", {}).pop("refusal", None)
    for key in ("input_token_details", "output_token_details"):
        if key in value:
            value[key] = {name: n for name, n in value[key].items() if n}
            if not value[key]:
                del value[key]
    return value


class _Message:
    """Chunks put together as clients do: where a server cuts is its own."""

    def __init__(self, about):
        self.calls = {}
        self.told = {"content": "", "usage": None, "response_metadata": {}, "last": 0,
                     "about": {k: v for k, v in about.items()
                               if not k.startswith("ls_") and k not in PLACE}}

    def add(self, chunk):
        self.told["id"] = chunk["id"]
        self.told["content"] += chunk["content"]
        self.told["usage"] = self.told["usage"] or chunk["usage_metadata"]
        self.told["response_metadata"].update(chunk["response_metadata"])
        self.told["last"] += chunk["chunk_position"] == "last"
        for part in chunk["tool_call_chunks"]:
            call = self.calls.setdefault(part["index"], {"name": "", "args": "", "id": ""})
            for key in call:
                call[key] += part[key] or ""

    def whole(self):
        return self.told | {"calls": [one | {"args": _json_or_text(one["args"])}
                                      for _, one in sorted(self.calls.items())]}


def _json_or_text(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _new(update):
    """Of an approval: without the model's message, which the reference writes again, unchanged."""
    return update | {"messages": [one for one in update["messages"] if one["type"] != "ai"]}


def _place(update):
    """Tools' by their calls' ids, behind the model's that made them."""
    return [(node, [message.get("tool_call_id") for message in (one or {}).get("messages", [])])
            if node == "tools" else (node, []) for node, one in update.items() if node == "tools"]


def _merged(frames):
    """What a client knows after a stream, by kind: models' messages, tools' by their calls' ids, updates of
    nodes that changed something, the last values, questions."""
    models, tools, updates, values, others = {}, {}, [], None, []
    for frame in frames:
        data = frame["data"]
        if frame["event"] == "messages":
            chunk, about = data
            if chunk["type"] == "AIMessageChunk":
                models.setdefault(chunk["id"], _Message(about)).add(chunk)
            else:
                tools[chunk.get("tool_call_id")] = chunk
        elif frame["event"] == "updates":
            updates += [{node: _new(one) if node.endswith(".after_model") else one}
                        for node, one in data.items() if one is not None]
        elif frame["event"] == "values":
            values = data
        elif frame["event"] != "metadata":
            others.append(frame)
    return _plain({"models": [one.whole() for one in models.values()], "tools": dict(sorted(tools.items())),
                   "updates": sorted(updates, key=_place), "values": values, "others": others})


def _run(api, name, graph, thread, **body):
    _, frames, _ = api.follow("POST", f"/threads/{thread}/runs/stream",
                              {"assistant_id": graph, "stream_mode": MODES, **body})
    api.note(name, _merged(frames))


def _say(api, name, graph, thread, text="go"):
    messages = [{"type": "human", "content": text, "id": f"h-{name}"}]
    _run(api, name, graph, thread, input={"messages": messages})


def _answer(api, name, graph, thread, *decisions):
    _run(api, name, graph, thread, command={"resume": {"decisions": list(decisions)}})


def _told(api, name, thread):
    state = api.ask("GET", f"/threads/{thread}/state")
    api.note(name, _plain({key: state[key] for key in ("values", "next", "interrupts", "tasks")}
             | {"thread": api.ask("GET", f"/threads/{thread}")["status"]}))


def _call(id, name, args):
    return {"id": id, "name": name, "args": args}


def text(api):
    thread = api.thread()
    api.script({"text": ["It ", "is ", "noon."]})
    _say(api, "said", "plain", thread)
    _told(api, "state", thread)
    _say(api, "again", "plain", thread)
    _told(api, "state after", thread)


def without_streaming(api):
    thread = api.thread()
    api.script({"text": "It is noon."})
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}], "id": "h"}]
    api.note("values", _plain(api.run(thread, "plain", {"messages": messages})))


def a_tool(api):
    thread = api.thread()
    api.script({"text": "I add.", "calls": [_call("c1", "add", {"a": 1, "b": 2})]},
               {"text": "It is 3."})
    _say(api, "said", "helper", thread)
    _told(api, "state", thread)


def tools_at_once(api):
    thread = api.thread()
    api.script({"calls": [_call("c1", "add", {"a": 1, "b": 2}), _call("c2", "add", {"a": 3, "b": 4})]},
               {"text": "3 and 7."})
    _say(api, "said", "helper", thread)
    _told(api, "state", thread)


def calls_that_cannot_be(api):
    for name, call in (("no such tool", _call("c1", "fly", {})),
                       ("a wrong argument", _call("c1", "add", {"a": "x", "b": 2})),
                       ("an argument missing", _call("c1", "add", {"a": 1}))):
        thread = api.thread()
        api.script({"calls": [call]}, {"text": "I am sorry."})
        _say(api, name, "helper", thread)
    thread = api.thread()
    api.script({"calls": [{"id": "c1", "name": "add", "arguments": '{"a": 1, "b"'}]},
               {"text": "I am sorry."})
    _say(api, "no JSON", "helper", thread)


def approval(api):
    send = _call("c1", "send", {"to": "bob", "text": "hi"})
    for name, decision in (
            ("approve", {"type": "approve"}),
            ("edit", {"type": "edit", "edited_action": {"name": "send",
                                                        "args": {"to": "carol", "text": "hi"}}}),
            ("reject", {"type": "reject", "message": "not now"}),
            ("reject without a word", {"type": "reject"}),
            ("respond", {"type": "respond", "message": "bob knows"})):
        thread = api.thread()
        api.script({"text": "I send.", "calls": [send]}, {"text": "Done."})
        _say(api, f"asked, {name}", "helper", thread)
        _told(api, f"waits, {name}", thread)
        _answer(api, name, "helper", thread, decision)
        _told(api, f"state, {name}", thread)


def approval_marked_as_resolved(api):
    """As Agent Chat UI does."""
    thread = api.thread()
    api.script({"text": "I send.", "calls": [_call("c1", "send", {"to": "bob", "text": "hi"})]},
               {"text": "Done."})
    _say(api, "asked", "helper", thread)
    _run(api, "resolved", "helper", thread, command={"goto": "__end__"})
    _told(api, "state", thread)


def approval_of_some(api):
    calls = [_call("c1", "add", {"a": 1, "b": 2}), _call("c2", "send", {"to": "bob", "text": "1"}),
             _call("c3", "send", {"to": "eve", "text": "2"})]
    thread = api.thread()
    api.script({"calls": calls}, {"text": "Done."})
    _say(api, "asked", "helper", thread)
    _told(api, "waits", thread)
    _answer(api, "answered", "helper", thread, {"type": "approve"}, {"type": "reject"})
    _told(api, "state", thread)


def limit(api):
    thread = api.thread()
    api.script({"calls": [_call("c1", "add", {"a": 1, "b": 2})]})
    _say(api, "said", "capped", thread)
    _told(api, "state", thread)


def failing(api):
    thread = api.thread()
    api.script({"status": 400, "message": "no", "code": "bad"})
    _say(api, "said", "plain", thread)


def graphs(api):
    for graph in ("plain", "helper"):
        found = api.ask("POST", "/assistants/search", {"graph_id": graph})[0]["assistant_id"]
        api.call(f"graph of {graph}", "GET", f"/assistants/{found}/graph")
