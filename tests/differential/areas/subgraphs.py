"""Graphs within graphs: run, streamed, stopped inside, read and changed."""


def _told(state):
    return {"values": state["values"], "next": state["next"],
            "tasks": [{"name": one["name"], "interrupts": one["interrupts"],
                       "checkpoint": one["checkpoint"] and sorted(one["checkpoint"]),
                       "state": one["state"] and _told(one["state"])}
                      for one in state["tasks"]]}


def nested(api):
    thread = api.thread()
    api.note("values", api.run(thread, "nested", {"messages": []}))
    api.note("state", _told(api.ask("GET", f"/threads/{thread}/state")))
    found = api.ask("POST", f"/threads/{thread}/history", {"limit": 20})
    api.note("history", [(one["next"], one["metadata"]["source"]) for one in found])


def streamed(api):
    for flag in (True, False):
        for modes in (["values"], ["updates"], ["tasks"], ["values", "updates"]):
            thread = api.thread()
            api.stream(f"{'+'.join(modes)} {flag}", f"/threads/{thread}/runs/stream", {
                "assistant_id": "nested", "input": {"messages": []}, "stream_mode": modes,
                "stream_subgraphs": flag})


def stopped_inside(api):
    human = {"messages": [{"role": "human", "content": "foo", "id": "h"}]}
    thread = api.thread()
    api.note("values", api.run(thread, "weather", human))
    at = f"/threads/{thread}"
    api.note("state", _told(api.ask("GET", f"{at}/state")))
    api.note("with subgraphs", _told(api.ask("GET", f"{at}/state?subgraphs=true")))
    api.call("thread", "GET", at)
    inner = api.ask("GET", f"{at}/state")["tasks"][0]["checkpoint"]
    api.note("inner", _told(api.ask("POST", f"{at}/state/checkpoint", {"checkpoint": inner})))
    answer = api.ask("POST", f"{at}/state", {"values": {"city": "Rome"}, "checkpoint": inner})
    api.note("changed", sorted(answer["checkpoint"]))
    api.note("with the change", _told(api.ask("GET", f"{at}/state?subgraphs=true")))
    api.stream("goes on", f"{at}/runs/stream", {
        "assistant_id": "weather", "input": None, "stream_subgraphs": True,
        "stream_mode": ["values", "updates"]})
    api.note("done", _told(api.ask("GET", f"{at}/state")))


def streamed_to_the_stop(api):
    human = {"messages": [{"role": "human", "content": "foo", "id": "h"}]}
    for flag in (True, False):
        api.stream(f"values and updates {flag}", f"/threads/{api.thread()}/runs/stream", {
            "assistant_id": "weather", "input": human, "stream_mode": ["values", "updates"],
            "stream_subgraphs": flag})


def history_of_the_inner(api):
    human = {"messages": [{"role": "human", "content": "foo", "id": "h"}]}
    thread = api.thread()
    api.run(thread, "weather", human)
    at = f"/threads/{thread}"
    inner = api.ask("GET", f"{at}/state")["tasks"][0]["checkpoint"]
    found = api.ask("POST", f"{at}/history", {"limit": 20, "checkpoint": inner})
    api.note("inner", [(one["next"], one["metadata"]["source"]) for one in found])
    found = api.ask("POST", f"{at}/history", {"limit": 20})
    api.note("outer", [(one["next"], one["metadata"]["source"]) for one in found])
