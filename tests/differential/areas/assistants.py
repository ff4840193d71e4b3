"""Assistants: made, read, changed, searched, their versions and graphs."""

import uuid


def made_and_read(api):
    one = api.call("create", "POST", "/assistants", {
        "graph_id": "echo", "name": "first", "metadata": {"a": 1},
        "config": {"tags": ["t"], "configurable": {"tone": "warm"}}, "description": "says"})
    at = f"/assistants/{one['assistant_id']}"
    api.call("get", "GET", at)
    api.call("change nothing", "PATCH", at, {})
    api.call("change", "PATCH", at, {"name": "second", "metadata": {"b": 2}})
    api.call("change config", "PATCH", at, {"config": {"configurable": {"tone": "cold"}}})
    api.call("change context", "PATCH", at, {"context": {"tone": "mild"}})
    api.call("change graph", "PATCH", at, {"graph_id": "cfg"})
    api.call("change description", "PATCH", at, {"description": "else"})
    api.call("versions", "POST", f"{at}/versions", {})
    api.call("versions page", "POST", f"{at}/versions", {"limit": 2, "offset": 1})
    api.call("versions by metadata", "POST", f"{at}/versions", {"metadata": {"b": 2}})
    api.call("latest", "POST", f"{at}/latest", {"version": 3})
    api.call("get latest", "GET", at)
    api.call("latest unknown", "POST", f"{at}/latest", {"version": 99})
    api.call("change after going back", "PATCH", at, {"name": "third"})
    api.call("delete", "DELETE", at)
    api.call("get deleted", "GET", at)
    api.call("delete again", "DELETE", at)


def with_what(api):
    given = str(uuid.uuid4())
    api.call("graph alone", "POST", "/assistants", {"graph_id": "echo"})
    api.call("own id", "POST", "/assistants", {"graph_id": "echo", "assistant_id": given})
    api.call("id twice", "POST", "/assistants", {"graph_id": "echo", "assistant_id": given})
    api.call("id twice, nothing done", "POST", "/assistants", {
        "graph_id": "echo", "assistant_id": given, "if_exists": "do_nothing", "name": "x"})
    api.call("context", "POST", "/assistants", {"graph_id": "echo", "context": {"a": 1}})
    api.call("configurable", "POST", "/assistants", {
        "graph_id": "echo", "config": {"configurable": {"a": 1}}})
    api.call("both", "POST", "/assistants", {
        "graph_id": "echo", "config": {"configurable": {"a": 1}}, "context": {"a": 1}})
    api.call("no graph", "POST", "/assistants", {})
    api.call("unknown graph", "POST", "/assistants", {"graph_id": "nowhere"})
    api.call("bad id", "POST", "/assistants", {"graph_id": "echo", "assistant_id": "x"})
    api.call("unknown field", "POST", "/assistants", {"graph_id": "echo", "color": "red"})
    for field, value in (("config", []), ("context", 1), ("metadata", "x"), ("name", 7),
                         ("if_exists", "perhaps"), ("graph_id", 7), ("description", {}),
                         ("metadata", None), ("config", None), ("name", None)):
        api.call(f"bad {field} {value}", "POST", "/assistants", {"graph_id": "echo", field: value})


def missing(api):
    gone = f"/assistants/{uuid.uuid4()}"
    api.call("get", "GET", gone)
    api.call("change", "PATCH", gone, {"name": "x"})
    api.call("delete", "DELETE", gone)
    api.call("versions", "POST", f"{gone}/versions", {})
    api.call("latest", "POST", f"{gone}/latest", {"version": 1})
    api.call("graph", "GET", f"{gone}/graph")
    api.call("schemas", "GET", f"{gone}/schemas")
    api.call("subgraphs", "GET", f"{gone}/subgraphs")
    api.call("by name", "GET", "/assistants/echo")
    api.call("bad id", "GET", "/assistants/not-an-id")
    api.call("bad id changed", "PATCH", "/assistants/not-an-id", {"name": "x"})
    api.call("bad id deleted", "DELETE", "/assistants/not-an-id")


def searched(api):
    mark = {"mark": api.prefix}
    for name, graph in (("beta", "echo"), ("alpha", "echo"), ("gamma", "cfg")):
        api.ask("POST", "/assistants", {"graph_id": graph, "name": name, "metadata": {
            **mark, "n": {"x": 1, "y": name}}})
    found = lambda **body: {"metadata": mark, **body}  # noqa: E731
    api.call("all", "POST", "/assistants/search", found())
    api.call("by name", "POST", "/assistants/search", found(sort_by="name", sort_order="asc"))
    api.call("page", "POST", "/assistants/search", found(
        limit=2, sort_by="name", sort_order="asc"))
    api.call("next page", "POST", "/assistants/search", found(
        limit=2, offset=2, sort_by="name", sort_order="asc"))
    api.call("of a graph", "POST", "/assistants/search", found(graph_id="cfg"))
    api.call("named", "POST", "/assistants/search", found(name="ALP"))
    api.call("nested", "POST", "/assistants/search", {"metadata": {**mark, "n": {"y": "beta"}}})
    api.call("selected", "POST", "/assistants/search", found(
        select=["name", "graph_id"], sort_by="name"))
    api.call("none", "POST", "/assistants/search", {"metadata": {"mark": "no"}})
    api.call("unknown graph", "POST", "/assistants/search", found(graph_id="nowhere"))
    api.call("count", "POST", "/assistants/count", found())
    api.call("count of a graph", "POST", "/assistants/count", found(graph_id="echo"))
    api.call("count named", "POST", "/assistants/count", found(name="a"))
    for field, value in (("limit", 0), ("limit", 1001), ("limit", "x"), ("offset", -1),
                         ("sort_by", "color"), ("sort_order", "up"), ("select", ["color"]),
                         ("metadata", []), ("graph_id", 7), ("limit", -1), ("limit", 1.5)):
        api.call(f"bad {field} {value}", "POST", "/assistants/search", {field: value})


def of_the_server(api):
    found = api.ask("POST", "/assistants/search", {
        "metadata": {"created_by": "system"}, "graph_id": "agent"})
    api.note("agent", found)
    one = found[0]["assistant_id"]
    api.call("versions", "POST", f"/assistants/{one}/versions", {})
    found = api.ask("POST", "/assistants/search", {
        "metadata": {"created_by": "system"}, "graph_id": "simple_runtime"})
    api.note("with a context", found)


def drawn(api):
    for graph in ("agent", "echo", "inter", "inter2", "fan", "slow", "nested", "weather",
                  "interrupt_graph"):
        one = api.ask("POST", "/assistants/search", {"graph_id": graph})[-1]["assistant_id"]
        for name, query in (("", ""), (" with subgraphs", "?xray=true"), (" one deep", "?xray=1")):
            found = api.ask("GET", f"/assistants/{one}/graph{query}")
            # Nobody reads an order into them.
            api.note(f"{graph}{name}", {
                "nodes": {node["id"]: node for node in found["nodes"]},
                "edges": sorted(found["edges"], key=lambda edge: (edge["source"],
                                                                  edge["target"]))})
    api.call("by name", "GET", "/assistants/echo/graph")
    for bad in ("0", "-1", "x"):
        api.call(f"xray {bad}", "GET", f"/assistants/{one}/graph?xray={bad}")


def subgraphs(api):
    for graph in ("nested", "weather", "echo"):
        one = api.ask("POST", "/assistants/search", {"graph_id": graph})[-1]["assistant_id"]
        for name, path in (("children", ""), ("all", "?recurse=true"), ("unknown", "/nowhere")):
            found = api.request("GET", f"/assistants/{one}/subgraphs{path}")
            api.note(f"{graph} {name}", {"status": found.status_code, "keys": sorted(found.json())})
    api.call("by name", "GET", "/assistants/nested/subgraphs")


def schemas(api):
    for graph in ("agent", "simple_runtime", "echo", "state_schema_graph"):
        one = api.ask("POST", "/assistants/search", {"graph_id": graph})[-1]["assistant_id"]
        found = api.request("GET", f"/assistants/{one}/schemas")
        seen = found.json()
        api.note(graph, {"status": found.status_code, "keys": sorted(seen),
                         "graph": seen.get("graph_id"),
                         **{name: sorted((seen.get(name) or {}).get("properties") or {})
                            for name in
                            ("input_schema", "output_schema", "state_schema", "context_schema")}})
    api.call("by name", "GET", "/assistants/echo/schemas")


def used(api):
    one = api.ask("POST", "/assistants", {
        "graph_id": "cfg", "config": {"configurable": {"tone": "warm"}, "tags": ["a"]},
        "metadata": {"team": "x"}})["assistant_id"]
    thread = api.thread(metadata={"of": "thread"})
    api.call("run", "POST", f"/threads/{thread}/runs/wait", {"assistant_id": one, "input": {}})
    api.call("run with its own", "POST", f"/threads/{thread}/runs/wait", {
        "assistant_id": one, "input": {}, "config": {"configurable": {"tone": "cold"}}})
    run = api.begin(thread, one, {}, metadata={"of": "run"}, config={"tags": ["b"]})
    api.until_status(thread, run, "success")
    api.call("its run", "GET", f"/threads/{thread}/runs/{run}")
    api.call("its thread", "GET", f"/threads/{thread}")
    api.call("delete with threads", "DELETE", f"/assistants/{one}?delete_threads=true")
    api.call("its thread then", "GET", f"/threads/{thread}")
