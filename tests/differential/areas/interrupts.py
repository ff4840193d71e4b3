"""Questions and their answers, and commands."""


def _told(api, thread):
    state = api.ask("GET", f"/threads/{thread}/state")
    return {"values": state["values"], "next": state["next"], "interrupts": state["interrupts"],
            "thread": api.ask("GET", f"/threads/{thread}")["status"]}


def asked_and_answered(api):
    thread = api.thread()
    api.note("asked", api.run(thread, "inter", {"foo": ["x"]}))
    api.call("thread", "GET", f"/threads/{thread}")
    api.note("asks again", api.run(thread, "inter", None))
    api.note("answered", api.run(thread, "inter", command={"resume": {"any": "thing"}}))
    api.note("state", _told(api, thread))
    api.note("answered again", api.run(thread, "inter", command={"resume": "more"}))
    api.note("state after", _told(api, thread))


def answers_of_every_kind(api):
    for name, value in (("text", "x"), ("number", 1.5), ("false", False), ("list", [1]),
                        ("object", {"a": None}), ("empty", {}), ("zero", 0), ("blank", "")):
        thread = api.thread()
        api.run(thread, "inter", {})
        api.note(name, api.run(thread, "inter", command={"resume": value}))


def two_at_once(api):
    thread = api.thread()
    api.note("asked", api.run(thread, "inter2", {}))
    state = api.ask("GET", f"/threads/{thread}/state")
    asked = {one["value"]: one["id"] for one in state["interrupts"]}
    api.note("state", _told(api, thread))
    api.note("one plain answer", api.run(thread, "inter2", command={"resume": "both?"}))
    thread = api.thread()
    api.run(thread, "inter2", {})
    state = api.ask("GET", f"/threads/{thread}/state")
    asked = {one["value"]: one["id"] for one in state["interrupts"]}
    api.note("one of two", api.run(thread, "inter2", command={"resume": {asked["p"]: "P"}}))
    api.note("state between", _told(api, thread))
    api.note("the other", api.run(thread, "inter2", command={"resume": {asked["q"]: "Q"}}))
    api.note("state after", _told(api, thread))
    thread = api.thread()
    api.run(thread, "inter2", {})
    state = api.ask("GET", f"/threads/{thread}/state")
    asked = {one["value"]: one["id"] for one in state["interrupts"]}
    api.note("both", api.run(thread, "inter2", command={
        "resume": {asked["p"]: "P", asked["q"]: "Q"}}))
    thread = api.thread()
    api.run(thread, "inter2", {})
    api.note("an unknown one", api.run(thread, "inter2", command={"resume": {"0" * 32: "x"}}))


def commands(api):
    thread = api.thread()
    api.run(thread, "inter", {})
    api.note("update and resume", api.run(thread, "inter", command={
        "resume": "r", "update": {"foo": ["u"]}}))
    thread = api.thread()
    api.run(thread, "inter", {})
    api.note("update in pairs", api.run(thread, "inter", command={
        "resume": "r", "update": [["foo", ["u"]]]}))
    thread = api.thread()
    api.run(thread, "inter", {})
    api.note("goto", api.run(thread, "inter", command={"goto": "b"}))
    thread = api.thread()
    api.note("goto from nothing", api.run(thread, "inter", command={"goto": "b"}))
    thread = api.thread()
    api.run(thread, "inter", {})
    api.note("goto the end", api.run(thread, "inter", command={"goto": "__end__"}))  # "resolved"
    api.note("state at the end", _told(api, thread))
    thread = api.thread()
    api.note("send", api.run(thread, "fan", command={"goto": {"node": "w", "input": {"x": 7}}}))
    thread = api.thread()
    api.note("sends", api.run(thread, "fan", command={
        "goto": [{"node": "w", "input": {"x": 7}}, {"node": "w", "input": {"x": 8}}]}))
    thread = api.thread()
    api.run(thread, "echo", {"text": "x"})
    api.note("update of a finished thread", api.run(thread, "echo", command={
        "update": {"text": "y"}}))
    thread = api.thread()
    api.run(thread, "inter", {})
    api.note("empty", api.run(thread, "inter", command={}))
    api.note("input beside it", api.run(thread, "inter", {"foo": ["i"]},
                                        command={"resume": "r"}))


def bad_commands(api):
    thread = api.thread()
    api.run(thread, "inter", {})
    for name, command in (("list", []), ("text", "x"), ("goto number", {"goto": 7}),
                          ("send without node", {"goto": {"input": 1}}),
                          ("update text", {"update": "x"})):
        answer = api.request("POST", f"/threads/{thread}/runs/wait", {
            "assistant_id": "inter", "command": command})
        api.note(name, {"status": answer.status_code})
    api.note("resume of nothing", api.run(api.thread(), "inter", command={"resume": "x"}))


def new_input(api):
    thread = api.thread()
    api.run(thread, "inter", {"foo": ["1"]})
    api.note("asked anew", api.run(thread, "inter", {"foo": ["2"]}))
    api.note("state", _told(api, thread))


def of_an_object(api):
    thread = api.thread()
    api.note("asked", api.run(thread, "interrupt_graph", {"request": "send"}))
    api.note("answered", api.run(thread, "interrupt_graph", command={"resume": {"ok": True}}))
