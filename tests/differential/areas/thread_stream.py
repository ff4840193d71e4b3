"""The stream of a thread, and protocol v2: events and commands."""

import time
import uuid


def _done(n=1):
    return lambda found: sum(one["data"].get("status") == "run_done" for one in found
                             if isinstance(one["data"], dict)) >= n


def run_modes(api):
    thread = api.thread()
    got = api.beside(lambda: api.follow("GET", f"/threads/{thread}/stream", until=_done(2)))
    time.sleep(0.7)
    api.run(thread, "echo", {"text": "x"})
    api.run(thread, "err", {}, stream_mode=["updates"])
    _, found, _ = got.result()
    api.note("events", [one["event"] for one in found])
    api.note("ids", all("id" in one for one in found))
    api.note("last", found[-1]["data"])


def lifecycle(api):
    thread = api.thread()
    got = api.beside(lambda: api.follow(
        "GET", f"/threads/{thread}/stream?stream_modes=lifecycle", until=_done()))
    time.sleep(0.7)
    api.run(thread, "echo", {"text": "x"})
    _, found, _ = got.result()
    api.note("events", [(one["event"], sorted(one["data"])) for one in found])


def state_updates(api):
    thread = api.thread(metadata={"graph_id": "echo"})
    api.run(thread, "echo", {"text": "x"})
    got = api.beside(lambda: api.follow(
        "GET", f"/threads/{thread}/stream?stream_modes=state_update",
        until=lambda found: bool(found)))
    time.sleep(0.7)
    api.ask("POST", f"/threads/{thread}/state", {"values": {"text": "hand"}})
    _, found, _ = got.result()
    api.note("event", (found[0]["event"], sorted(found[0]["data"])))
    api.note("values", found[0]["data"]["state"]["values"])


def bad_streams(api):
    thread = api.thread()
    api.note("bad mode", api.status("GET", f"/threads/{thread}/stream?stream_modes=bogus"))
    api.note("bad id", api.status("GET", "/threads/x/stream"))
    at = f"/threads/{thread}/stream/events"
    for name, body in (("no channels", {}), ("empty", {"channels": []}),
                       ("unknown", {"channels": ["bogus"]}), ("a text", {"channels": "values"}),
                       ("bad since", {"channels": ["values"], "since": -1}),
                       ("bad depth", {"channels": ["values"], "depth": "x"})):
        api.note(name, api.status("POST", at, body))


def _ended(method="lifecycle"):
    return lambda found: any(
        one["event"] == method and one["data"]["params"]["data"].get("event")
        in ("completed", "failed", "interrupted") for one in found)


def _plain(found):
    return [(one["event"], one["data"]["params"]["namespace"],
             one["data"]["params"]["data"].get("event")
             if one["event"] in ("lifecycle", "messages") else one["data"]["params"]["data"])
            for one in found]


def _start(api, thread, graph, value):
    return api.ask("POST", f"/threads/{thread}/commands", {
        "id": 1, "method": "run.start", "params": {"assistant_id": graph, "input": value}})


def events(api):
    for graph, value in (("echo", {"text": "x"}), ("err", {}), ("inter", {"foo": []})):
        thread = api.thread()
        _start(api, thread, graph, value)
        _, found, _ = api.follow("POST", f"/threads/{thread}/stream/events", {
            "channels": ["lifecycle", "values", "input"]}, until=_ended())
        api.note(graph, _plain(found))
        api.note(f"{graph} envelope", sorted(found[0]["data"]))
        api.note(f"{graph} numbers", [one["data"]["seq"] for one in found]
                 == sorted(one["data"]["seq"] for one in found))


def messages(api):
    thread = api.thread()
    _start(api, thread, "stategraph_text", {
        "messages": [{"role": "human", "content": "hi", "id": "h"}]})
    _, found, _ = api.follow("POST", f"/threads/{thread}/stream/events", {
        "channels": ["lifecycle", "messages"]}, until=_ended())
    api.note("events", _plain(found))


def commands(api):
    thread = str(uuid.uuid4())
    at = f"/threads/{thread}/commands"
    found = api.ask("POST", at, {"id": 1, "method": "run.start", "params": {
        "assistant_id": "inter", "input": {"foo": []}}})
    api.note("started", {"type": found["type"], "id": found["id"], "run": "run_id"
                         in found["result"], "meta": sorted(found.get("meta", {}))})
    api.until(lambda: api.request("GET", f"/threads/{thread}").json().get("status")
              == "interrupted")
    asked = api.ask("GET", f"/threads/{thread}/state")["interrupts"][0]["id"]
    wrong = api.ask("POST", at, {"id": 2, "method": "input.respond", "params": {
        "namespace": [], "interrupt_id": "0" * 32, "response": 1}})
    api.note("wrong", {key: wrong.get(key) for key in ("type", "id", "error")})
    found = api.ask("POST", at, {"id": 3, "method": "input.respond", "params": {
        "namespace": [], "interrupt_id": asked, "response": "yes"}})
    api.note("answered", found["type"])
    api.until(lambda: api.ask("GET", f"/threads/{thread}")["status"] == "idle")
    api.note("values", api.ask("GET", f"/threads/{thread}/state")["values"])


def bad_commands(api):
    at = f"/threads/{api.thread()}/commands"
    for name, body in (("unknown", {"id": 1, "method": "nowhere", "params": {}}),
                       ("no method", {"id": 1, "params": {}}), ("no id", {"method": "x"}),
                       ("a list", []), ("no assistant", {"id": 1, "method": "run.start",
                                                         "params": {}}),
                       ("bad id", {"id": -1, "method": "run.start", "params": {}}),
                       ("unknown subscription", {"id": 1, "method": "subscription.unsubscribe",
                                                 "params": {"subscription_id": "x"}})):
        answer = api.request("POST", at, body)
        seen = answer.json()
        api.note(name, {"status": answer.status_code, "error": seen.get("error")})
    api.note("not json", api.request("POST", at, raw="{").status_code)
