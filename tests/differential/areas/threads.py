"""Threads: made, read, changed, searched, copied, pruned."""

import uuid


def made_and_read(api):
    one = api.call("create", "POST", "/threads", {"metadata": {"a": 1}})["thread_id"]
    at = f"/threads/{one}"
    api.call("get", "GET", at)
    api.call("change", "PATCH", at, {"metadata": {"b": {"c": 2}}})
    api.call("change to null", "PATCH", at, {"metadata": {"a": None}})
    api.call("change nothing", "PATCH", at, {})
    api.call("change quietly", "PATCH", at, {"metadata": {"d": 1}},
             headers={"Prefer": "return=minimal"})
    api.call("get changed", "GET", at)
    api.call("state", "GET", f"{at}/state")
    api.call("history", "POST", f"{at}/history", {})
    api.call("runs", "GET", f"{at}/runs")
    api.call("delete", "DELETE", at)
    api.call("get deleted", "GET", at)
    api.call("delete again", "DELETE", at)


def with_what(api):
    given = str(uuid.uuid4())
    api.call("nothing", "POST", "/threads", {})
    api.call("own id", "POST", "/threads", {"thread_id": given})
    api.call("id twice", "POST", "/threads", {"thread_id": given})
    api.call("id twice, nothing done", "POST", "/threads", {
        "thread_id": given, "if_exists": "do_nothing", "metadata": {"a": 1}})
    api.call("id in capitals", "POST", "/threads", {"thread_id": given.upper()})
    api.call("id without dashes", "POST", "/threads", {"thread_id": uuid.uuid4().hex})
    api.call("unknown field", "POST", "/threads", {"color": "red"})
    api.call("ttl", "POST", "/threads", {"ttl": {"strategy": "delete", "ttl": 5}})
    for field, value in (("thread_id", "x"), ("thread_id", 7), ("metadata", []),
                         ("metadata", None), ("if_exists", "perhaps"), ("ttl", 7),
                         ("ttl", {"strategy": "burn", "ttl": 1}), ("ttl", {"ttl": "x"}),
                         ("supersteps", {}), ("supersteps", [1]), ("thread_id", None)):
        api.call(f"bad {field} {value}", "POST", "/threads", {field: value})


def with_steps(api):
    one = api.call("created", "POST", "/threads", {
        "metadata": {"graph_id": "inter"},
        "supersteps": [{"updates": [{"values": {"foo": ["x"]}, "as_node": "__input__"}]},
                       {"updates": [{"values": {"foo": ["y"]}, "as_node": "a"}]}]})["thread_id"]
    state = api.ask("GET", f"/threads/{one}/state")
    api.note("state", {key: state[key] for key in ("values", "next")})
    history = api.ask("POST", f"/threads/{one}/history", {"limit": 10})
    api.note("history", [{"values": at["values"], "next": at["next"],
                          "source": at["metadata"]["source"], "step": at["metadata"]["step"]}
                         for at in history])
    api.call("without a graph", "POST", "/threads", {
        "supersteps": [{"updates": [{"values": {"foo": ["x"]}, "as_node": "a"}]}]})


def missing(api):
    gone = f"/threads/{uuid.uuid4()}"
    for method, path, body in (
            ("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("GET", "/state", None),
            ("POST", "/history", {}), ("GET", "/history", None), ("POST", "/copy", None),
            ("GET", "/runs", None), ("POST", "/state", {"values": {}}),
            ("POST", "/state/checkpoint", {"checkpoint": {}}),
            ("GET", f"/runs/{uuid.uuid4()}", None), ("DELETE", f"/runs/{uuid.uuid4()}", None),
            ("GET", f"/runs/{uuid.uuid4()}/join", None),
            ("POST", f"/runs/{uuid.uuid4()}/cancel", None),
            ("POST", "/runs", {"assistant_id": "echo"}),
            ("POST", "/runs/wait", {"assistant_id": "echo"}),
            ("POST", "/runs/stream", {"assistant_id": "echo"})):
        label = f"{method} {path}".replace(path.split("/")[2] if path.count("/") > 1
                                           and len(path) > 30 else "\0", "run")
        api.call(label, method, gone + path, body)


def bad_ids(api):
    for method, path, body in (
            ("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("GET", "/state", None),
            ("POST", "/history", {}), ("POST", "/copy", None), ("GET", "/runs", None),
            ("POST", "/state", {"values": {}}), ("POST", "/runs", {"assistant_id": "echo"}),
            ("GET", "/runs/x", None)):
        api.call(f"{method} {path}", method, f"/threads/not-an-id{path}", body)
    thread = api.thread()
    api.call("run", "GET", f"/threads/{thread}/runs/not-an-id")
    api.call("capitals", "GET", f"/threads/{thread.upper()}")
    api.call("no dashes", "GET", f"/threads/{thread.replace('-', '')}")


def searched(api):
    mark = {"mark": api.prefix}
    made = [api.thread(metadata={**mark, "n": n, "deep": {"x": n, "y": 0}, "list": [1, n]})
            for n in range(4)]
    api.run(made[1], "echo", {"text": "hi"})
    api.run(made[2], "inter", {"foo": []})
    ours = lambda **body: {"metadata": mark, "sort_by": "created_at", **body}  # noqa: E731
    search = "/threads/search"
    api.call("all", "POST", search, ours())
    api.call("oldest first", "POST", search, ours(sort_order="asc"))
    api.call("page", "POST", search, ours(limit=3))
    api.call("next page", "POST", search, ours(limit=3, offset=3))
    api.call("far page", "POST", search, ours(offset=10))
    api.call("idle", "POST", search, ours(status="idle"))
    api.call("interrupted", "POST", search, ours(status="interrupted"))
    api.call("busy", "POST", search, ours(status="busy"))
    api.call("nested", "POST", search, {"metadata": {**mark, "deep": {"x": 3}}})
    api.call("list", "POST", search, {"metadata": {**mark, "list": [1, 2]}})
    api.call("ids", "POST", search, {"ids": made[:2], "sort_by": "created_at"})
    api.call("no ids", "POST", search, {**ours(), "ids": []})
    api.call("bad ids", "POST", search, {"ids": ["x"]})
    api.call("selected", "POST", search, ours(select=["thread_id", "status", "values"]))
    api.call("extracted", "POST", search, ours(
        select=["thread_id"], extract={"said": "values.said", "n": "metadata.n",
                                       "first": "metadata.list[0]", "last": "metadata.list[-1]"}))
    api.call("bad path", "POST", search, ours(extract={"x": "color.red"}))
    api.call("by status", "POST", search, ours(sort_by="status", select=["status"]))
    api.call("by values", "POST", search, ours(values={"said": "hi"}, select=["values"]))
    api.call("count", "POST", "/threads/count", {"metadata": mark})
    api.call("count idle", "POST", "/threads/count", {"metadata": mark, "status": "idle"})
    api.call("count by values", "POST", "/threads/count", {
        "metadata": mark, "values": {"said": "hi"}})
    for field, value in (("limit", 0), ("limit", 1001), ("limit", "x"), ("offset", -1),
                         ("status", "sleepy"), ("sort_by", "color"), ("sort_order", "up"),
                         ("metadata", 7), ("values", []), ("ids", "x"), ("select", ["color"]),
                         ("extract", []), ("status", None), ("metadata", None)):
        api.call(f"bad {field} {value}", "POST", search, {field: value})
    api.call("bad count", "POST", "/threads/count", {"status": "sleepy"})


def copied(api):
    one = api.thread(metadata={"a": 1})
    api.run(one, "inter", {"foo": ["x"]})
    copy = api.call("copy", "POST", f"/threads/{one}/copy")["thread_id"]
    state = api.ask("GET", f"/threads/{copy}/state")
    api.note("state", {key: state[key] for key in ("values", "next", "interrupts")})
    api.note("history", len(api.ask("POST", f"/threads/{copy}/history", {"limit": 20})))
    api.call("runs", "GET", f"/threads/{copy}/runs")
    api.call("go on", "POST", f"/threads/{copy}/runs/wait", {
        "assistant_id": "inter", "command": {"resume": "yes"}})
    state = api.ask("GET", f"/threads/{one}/state")
    api.note("the first stays", {key: state[key] for key in ("values", "next")})


def pruned(api):
    made = [api.thread() for _ in range(3)]
    api.call("two", "POST", "/threads/prune", {"thread_ids": made[:2], "strategy": "delete"})
    api.call("gone", "GET", f"/threads/{made[0]}")
    api.call("stays", "GET", f"/threads/{made[2]}")
    api.call("unknown", "POST", "/threads/prune", {"thread_ids": [str(uuid.uuid4())]})
    for name, body in (("no list", {}), ("empty", {"thread_ids": []}),
                       ("bad id", {"thread_ids": ["x"]}), ("bad list", {"thread_ids": 7}),
                       ("bad strategy", {"thread_ids": made, "strategy": "burn"})):
        api.call(name, "POST", "/threads/prune", body)


def stored(api):
    one = api.thread()
    found = api.ask("GET", f"/threads/{one}/storage")
    api.note("empty", {key: sorted(value) if isinstance(value, dict) else type(value).__name__
                       for key, value in found.items()})
    api.call("missing", "GET", f"/threads/{uuid.uuid4()}/storage")
