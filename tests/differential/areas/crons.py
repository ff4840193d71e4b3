"""Crons: made, read, changed, searched, fired."""

import uuid

from api import slow

YEARLY = "0 0 1 1 *"


def made_and_read(api):
    one = api.call("create", "POST", "/runs/crons", {
        "assistant_id": "echo", "schedule": YEARLY, "input": {"text": "x"}, "metadata": {"a": 1}})
    at = f"/runs/crons/{one['cron_id']}"
    api.call("get", "GET", at)
    api.call("change", "PATCH", at, {"schedule": "0 0 2 1 *", "metadata": {"b": 2}})
    api.call("disable", "PATCH", at, {"enabled": False})
    api.call("end", "PATCH", at, {"end_time": "2040-01-01T00:00:00Z"})
    api.call("no end", "PATCH", at, {"end_time": None})
    api.call("zone", "PATCH", at, {"timezone": "Europe/Berlin"})
    api.call("input", "PATCH", at, {"input": {"text": "y"}})
    api.call("nothing", "PATCH", at, {})
    api.call("bad schedule", "PATCH", at, {"schedule": "bad"})
    api.call("delete", "DELETE", at)
    api.call("get deleted", "GET", at)
    api.call("delete again", "DELETE", at)
    api.call("change deleted", "PATCH", at, {"enabled": True})


def with_what(api):
    good = {"assistant_id": "echo", "schedule": YEARLY, "input": {}}
    made = []
    for name, more in (("kept", {"on_run_completed": "keep"}), ("disabled", {"enabled": False}),
                       ("zone", {"timezone": "America/New_York"}),
                       ("end", {"end_time": "2040-01-01T00:00:00Z"}),
                       ("config", {"config": {"configurable": {"tone": "warm"}}})):
        found = api.call(name, "POST", "/runs/crons", {**good, **more})
        made.append(found.get("cron_id"))
    for field, value in (("schedule", "bad"), ("schedule", "99 * * * *"), ("schedule", 7),
                         ("schedule", ""), ("timezone", "Bad/Zone"), ("timezone", 7),
                         ("assistant_id", "nope"), ("assistant_id", 7),
                         ("assistant_id", str(uuid.UUID(int=9))), ("metadata", []),
                         ("enabled", "x"), ("on_run_completed", "burn"), ("webhook", 7),
                         ("end_time", 7), ("config", 7)):
        answer = api.request("POST", "/runs/crons", {**good, field: value})
        api.note(f"bad {field} {value}", {"status": answer.status_code})
        if answer.status_code == 200:
            made.append(answer.json()["cron_id"])
    for field in ("assistant_id", "schedule"):
        answer = api.request("POST", "/runs/crons", {k: v for k, v in good.items() if k != field})
        api.note(f"no {field}", {"status": answer.status_code})
    for one in made:
        api.request("DELETE", f"/runs/crons/{one}")


def on_a_thread(api):
    thread = api.thread()
    one = api.call("create", "POST", f"/threads/{thread}/runs/crons", {
        "assistant_id": "echo", "schedule": YEARLY, "input": {"text": "x"}})
    api.call("unknown thread", "POST", f"/threads/{uuid.uuid4()}/runs/crons", {
        "assistant_id": "echo", "schedule": YEARLY})
    api.call("search", "POST", "/runs/crons/search", {"thread_id": thread})
    api.call("count", "POST", "/runs/crons/count", {"thread_id": thread})
    api.request("DELETE", f"/runs/crons/{one['cron_id']}")


def searched(api):
    mark = {"mark": api.prefix}
    made = [api.ask("POST", "/runs/crons", {
        "assistant_id": graph, "schedule": f"0 0 {n + 1} 1 *", "metadata": {**mark, "n": n},
        "enabled": n != 2})["cron_id"] for n, graph in enumerate(("echo", "cfg", "echo"))]
    search = "/runs/crons/search"
    ours = lambda **body: {"metadata": mark, "sort_by": "created_at", **body}  # noqa: E731
    api.call("all", "POST", search, ours())
    api.call("page", "POST", search, ours(limit=2))
    api.call("next page", "POST", search, ours(limit=2, offset=2))
    api.call("enabled", "POST", search, ours(enabled=True))
    api.call("selected", "POST", search, ours(select=["schedule", "enabled"]))
    api.call("by next", "POST", search, ours(sort_by="next_run_date", select=["schedule"]))
    api.call("count", "POST", "/runs/crons/count", {"metadata": mark})
    api.call("by name", "POST", search, {"assistant_id": "echo"})
    for field, value in (("limit", 0), ("limit", "x"), ("sort_by", "color"), ("offset", -1),
                         ("thread_id", "x"), ("select", ["color"])):
        api.call(f"bad {field} {value}", "POST", search, {field: value})
    for one in made:
        api.request("DELETE", f"/runs/crons/{one}")
    api.call("unknown", "GET", f"/runs/crons/{uuid.uuid4()}")
    api.call("bad id", "GET", "/runs/crons/x")


@slow
def fired(api):
    thread = api.thread()
    one = api.ask("POST", f"/threads/{thread}/runs/crons", {
        "assistant_id": "echo", "schedule": "* * * * *", "input": {"text": "fired"},
        "metadata": {"by": "cron"}})
    try:
        run = api.until(lambda: api.ask("GET", f"/threads/{thread}/runs"), 80)[0]
        api.until_status(thread, run["run_id"], "success")
        run = api.ask("GET", f"/threads/{thread}/runs/{run['run_id']}")
        api.note("metadata", run["metadata"])
        api.note("configurable", dict.fromkeys(run["kwargs"]["config"]["configurable"], True))
        api.note("values", api.ask("GET", f"/threads/{thread}/state")["values"])
    finally:
        api.request("DELETE", f"/runs/crons/{one['cron_id']}")
