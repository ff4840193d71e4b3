"""States and histories: read, changed by hand, forked, travelled through."""

import uuid

from api import slow


def _told(state):
    """What of a state does not depend on how the server writes checkpoints."""
    return {"values": state["values"], "next": state["next"],
            "source": (state["metadata"] or {}).get("source"),
            "step": (state["metadata"] or {}).get("step"),
            "tasks": [{"name": one["name"], "interrupts": one["interrupts"],
                       "error": one["error"], "result": one.get("result")}
                      for one in state["tasks"]]}


def whole(api):
    thread = api.thread()
    api.run(thread, "inter", {"foo": []})
    api.call("interrupted", "GET", f"/threads/{thread}/state")
    api.run(thread, "inter", command={"resume": 1})
    api.call("done", "GET", f"/threads/{thread}/state")
    api.call("history", "POST", f"/threads/{thread}/history", {"limit": 20})


def of_graphs(api):
    for graph, value in (("echo", {"text": "x"}), ("fan", {}), ("inter2", {}), ("custom", {}),
                         ("slow", {"n": 2}), ("agent_with_tools", {"messages": "hi"})):
        thread = api.thread()
        api.run(thread, graph, value)
        api.note(graph, _told(api.ask("GET", f"/threads/{thread}/state")))
        found = api.ask("POST", f"/threads/{thread}/history", {"limit": 20})
        api.note(f"{graph} history", [_told(one) for one in found])
        api.note(f"{graph} parents", [
            one["parent_checkpoint_id"] == (found[n + 1]["checkpoint_id"]
                                            if n + 1 < len(found) else None)
            for n, one in enumerate(found)])


def after_a_failure(api):
    thread = api.thread()
    api.run(thread, "err", {})
    state = api.ask("GET", f"/threads/{thread}/state")
    api.note("state", _told(state))
    api.call("thread", "GET", f"/threads/{thread}")
    api.note("history", [_told(one) for one in
                         api.ask("POST", f"/threads/{thread}/history", {"limit": 9})])


def pages(api):
    thread = api.thread()
    api.run(thread, "slow", {"n": 4})
    at = f"/threads/{thread}/history"
    found = api.ask("POST", at, {"limit": 20})
    ids = [one["checkpoint_id"] for one in found]
    named = lambda answer: [ids.index(one["checkpoint_id"]) for one in answer]  # noqa: E731
    api.note("all", named(found))
    api.note("default", named(api.ask("POST", at, {})))
    api.note("two", named(api.ask("POST", at, {"limit": 2})))
    api.note("before", named(api.ask("POST", at, {
        "limit": 20, "before": {"configurable": {"checkpoint_id": ids[2]}}})))
    api.note("by query", named(api.ask("GET", f"{at}?limit=3")))
    api.note("before by query", named(api.ask("GET", f"{at}?limit=3&before={ids[1]}")))
    api.note("by metadata", named(api.ask("POST", at, {"limit": 9, "metadata": {"step": 1}})))
    api.note("by source", named(api.ask("POST", at, {"limit": 9, "metadata": {"source": "input"}})))
    for field, value in (("limit", 0), ("limit", 1001), ("limit", "x"), ("metadata", 7)):
        api.call(f"bad {field} {value}", "POST", at, {field: value})
    api.call("bad query", "GET", f"{at}?limit=x")
    state = lambda answer: ids.index(answer["checkpoint_id"])  # noqa: E731
    api.note("at", state(api.ask("GET", f"/threads/{thread}/state/{ids[3]}")))
    api.note("at by body", state(api.ask("POST", f"/threads/{thread}/state/checkpoint", {
        "checkpoint": {"checkpoint_id": ids[3]}})))
    api.call("no checkpoint", "POST", f"/threads/{thread}/state/checkpoint", {})
    api.call("bad checkpoint", "POST", f"/threads/{thread}/state/checkpoint", {"checkpoint": 7})


def unknown_checkpoint(api):
    thread = api.thread()
    api.run(thread, "echo", {"text": "x"})
    other = str(uuid.uuid4())
    answer = api.request("GET", f"/threads/{thread}/state/{other}")
    api.note("state", {"status": answer.status_code, "values": answer.json().get("values"),
                       "next": answer.json().get("next")})


def changed_by_hand(api):
    thread = api.thread()
    at = f"/threads/{thread}/state"
    api.call("without a graph", "POST", at, {"values": {"foo": ["x"]}})
    api.run(thread, "inter", {"foo": []})
    api.call("changed", "POST", at, {"values": {"foo": ["hand"]}})
    api.note("state", _told(api.ask("GET", at)))
    api.call("as a node", "POST", at, {"values": {"ans": "mine"}, "as_node": "ask"})
    api.note("state after ask", _told(api.ask("GET", at)))
    api.call("unknown node", "POST", at, {"values": {}, "as_node": "nowhere"})
    api.call("wrong values", "POST", at, {"values": "text"})
    api.call("a list", "POST", at, {"values": [1]})
    api.call("no values", "POST", at, {})
    api.call("null", "POST", at, {"values": None, "as_node": "b"})
    api.note("state after null", _told(api.ask("GET", at)))
    api.call("as start", "POST", at, {"values": {"foo": ["new"]}, "as_node": "__start__"})
    api.note("state after start", _told(api.ask("GET", at)))
    api.call("unknown channel", "POST", at, {"values": {"color": 1}, "as_node": "a"})
    api.note("state after unknown", _told(api.ask("GET", at)))
    api.note("history", [_told(one) for one in
                         api.ask("POST", f"/threads/{thread}/history", {"limit": 20})])
    api.call("thread", "GET", f"/threads/{thread}")
    for field, value in (("as_node", 7), ("checkpoint", "x"), ("checkpoint_id", 7)):
        api.call(f"bad {field}", "POST", at, {"values": {}, field: value})


def forked(api):
    thread = api.thread()
    api.run(thread, "inter", {"foo": []})
    api.run(thread, "inter", command={"resume": "first"})
    at = f"/threads/{thread}"
    found = api.ask("POST", f"{at}/history", {"limit": 20})
    asked = next(one for one in found if one["next"] == ["ask"])
    answer = api.ask("POST", f"{at}/state", {
        "values": {"foo": ["fork"]}, "checkpoint_id": asked["checkpoint_id"]})
    api.note("forked", sorted(answer))
    api.note("state", _told(api.ask("GET", f"{at}/state")))
    api.note("goes on", api.run(thread, "inter", command={"resume": "second"}))
    api.note("lengths", len(api.ask("POST", f"{at}/history", {"limit": 50})))


def replayed(api):
    thread = api.thread()
    api.run(thread, "slow", {"n": 3})
    at = f"/threads/{thread}"
    found = api.ask("POST", f"{at}/history", {"limit": 20})
    api.note("from the middle", api.run(thread, "slow",
                                        checkpoint_id=found[2]["checkpoint_id"]))
    api.note("by checkpoint", api.run(thread, "slow", checkpoint={
        "checkpoint_id": found[2]["checkpoint_id"], "checkpoint_ns": ""}))
    api.note("with input", api.run(thread, "slow", {"n": 1},
                                   checkpoint_id=found[-1]["checkpoint_id"]))
    api.note("sources", [(one["metadata"]["source"], one["metadata"]["step"]) for one in
                         api.ask("POST", f"{at}/history", {"limit": 50})])
    for value in ("x", 7):
        api.call(f"bad id {value}", "POST", f"{at}/runs/wait", {
            "assistant_id": "slow", "checkpoint_id": value})


def durability(api):
    for how in ("sync", "async", "exit"):
        thread = api.thread()
        api.run(thread, "slow", {"n": 2}, durability=how)
        found = api.ask("POST", f"/threads/{thread}/history", {"limit": 20})
        api.note(how, [_told(one) for one in found])
    thread = api.thread()
    api.run(thread, "slow", {"n": 2}, checkpoint_during=False)
    api.note("checkpoint_during", len(api.ask("POST", f"/threads/{thread}/history",
                                              {"limit": 20})))


def of_messages(api):
    thread = api.thread()
    api.note("first", api.run(thread, "state_schema_graph", {"messages": [
        {"role": "user", "content": "a"}, ["ai", "b"], {"type": "system", "content": "c"}]}))
    api.note("text", api.run(thread, "state_schema_graph", {"messages": "one text"}))
    api.note("one", api.run(thread, "state_schema_graph", {
        "messages": {"role": "human", "content": "d", "id": "m1"}}))
    api.note("replaced", api.run(thread, "state_schema_graph", {
        "messages": {"role": "human", "content": "e", "id": "m1"}}))
    api.call("removed", "POST", f"/threads/{thread}/state", {
        "values": {"messages": [{"type": "remove", "id": "m1", "content": ""}]}})
    state = api.ask("GET", f"/threads/{thread}/state")
    api.note("contents", [one["content"] for one in state["values"]["messages"]])


@slow
def of_an_agent(api):
    thread = api.thread()
    human = {"messages": [{"role": "human", "content": "foo", "id": "h"}]}
    api.note("values", api.run(thread, "agent", human))
    api.note("history", [_told(one) for one in
                         api.ask("POST", f"/threads/{thread}/history", {"limit": 20})])
    api.note("interrupted", api.run(thread, "agent", {**human, "interrupt": True}))
    api.note("resumed", api.run(thread, "agent", command={"resume": 1}))
    thread = api.thread()
    api.note("simple", api.run(thread, "agent_simple", human))
