"""Two users, their scopes, and everything that is another's."""

import uuid

ROUTES = (
    ("POST", "/assistants/search", {}), ("POST", "/assistants/count", {}),
    ("POST", "/assistants", {"graph_id": "echo"}), ("POST", "/threads", {}),
    ("POST", "/threads/search", {}), ("POST", "/threads/count", {}), ("POST", "/runs", {}),
    ("POST", "/runs/wait", {}), ("POST", "/runs/stream", {}), ("POST", "/runs/batch", []),
    ("POST", "/runs/cancel", {}), ("POST", "/runs/crons", {}), ("POST", "/runs/crons/search", {}),
    ("POST", "/store/items/search", {}), ("PUT", "/store/items", {}), ("GET", "/store/items", None),
    ("POST", "/store/namespaces", {}), ("GET", "/threads/x", None), ("GET", "/nowhere", None),
    ("POST", "/mcp", {}), ("POST", "/threads/prune", {}))


def without_a_token(api):
    nobody = api.with_token(None)
    for method, path, body in ROUTES:
        answer = nobody.request(method, path, body)
        api.note(f"{method} {path}", {"status": answer.status_code, "body": answer.json()})
    for path in ("/ok", "/info", "/docs", "/openapi.json"):
        api.note(path, nobody.request("GET", path).status_code)
    for name, token in (("word", "x"), ("three words", "a.b.c"), ("empty", " ")):
        api.note(f"token {name}", api.with_token(token).request("POST", "/threads", {}).status_code)
    api.note("an unknown user", api.login("wfh").request("POST", "/threads", {}).status_code)
    api.note("a token of the past", api.login("alice", exp=1).request(
        "POST", "/threads", {}).status_code)


def scopes(api):
    none = api.login("alice", ())
    api.note("no scope, thread", none.request("POST", "/threads", {}).status_code)
    api.note("no scope, search", none.request("POST", "/threads/search", {}).status_code)
    api.note("no scope, assistant", none.request(
        "POST", "/assistants", {"graph_id": "echo"}).status_code)
    reader = api.login("alice", ("read",))
    api.note("read, thread", reader.request("POST", "/threads", {}).status_code)
    api.note("read, assistant", reader.request(
        "POST", "/assistants", {"graph_id": "echo"}).status_code)
    api.note("read, run", reader.request("POST", "/runs/wait", {
        "assistant_id": "echo", "input": {"text": "x"}}).status_code)
    api.note("read, cron", reader.request("POST", "/runs/crons/search", {}).status_code)
    api.note("none, cron", none.request("POST", "/runs/crons/search", {}).status_code)


def threads_of_others(api):
    alice, bob = api.login("alice"), api.login("johndoe")
    one = alice.call("create", "POST", "/threads", {"metadata": {"a": 1, "owner": "johndoe"}})
    thread = one["thread_id"]
    run = alice.begin(thread, "echo", {"text": "x"})
    alice.until_status(thread, run, "success")
    at = f"/threads/{thread}"
    for method, path, body in (
            ("GET", "", None), ("PATCH", "", {"metadata": {"owner": "johndoe"}}),
            ("GET", "/state", None), ("POST", "/state", {"values": {"text": "y"}}),
            ("POST", "/history", {}), ("GET", "/runs", None), ("GET", "/run", None),
            ("GET", "/run/join", None), ("POST", "/run/cancel", None), ("DELETE", "/run", None),
            ("POST", "/runs", {"assistant_id": "echo"}), ("POST", "/copy", None),
            ("POST", "/runs/wait", {"assistant_id": "echo", "if_not_exists": "create"}),
            ("DELETE", "", None)):
        place = path.replace("/run/", f"/runs/{run}/") if path.startswith("/run/") \
            else path.replace("/run", f"/runs/{run}") if path == "/run" else path
        bob.call(f"{method} {path}", method, at + place, body)
    bob.stream("GET /run/stream", f"{at}/runs/{run}/stream", method="GET")
    bob.call("create with its id", "POST", "/threads", {"thread_id": thread})
    bob.call("search", "POST", "/threads/search", {"metadata": {"a": 1}})
    bob.call("count", "POST", "/threads/count", {"metadata": {"a": 1}})
    bob.call("prune", "POST", "/threads/prune", {"thread_ids": [thread]})
    alice.call("hers still", "GET", at)
    alice.call("her change", "PATCH", at, {"metadata": {"owner": "johndoe", "b": 2}})
    alice.note("her runs", len(alice.ask("GET", f"{at}/runs")))
    alice.call("her run", "GET", f"{at}/runs/{run}")


def assistants_of_others(api):
    alice, bob = api.login("alice"), api.login("johndoe")
    one = alice.call("create", "POST", "/assistants", {"graph_id": "echo", "name": "hers"})
    at = f"/assistants/{one['assistant_id']}"
    alice.call("hers", "GET", at)
    for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "his"}),
                               ("GET", "/graph", None), ("GET", "/schemas", None),
                               ("POST", "/versions", {}), ("POST", "/latest", {"version": 1}),
                               ("DELETE", "", None)):
        bob.call(f"{method} {path}", method, at + path, body)
    bob.call("run of it", "POST", "/runs/wait", {"assistant_id": one["assistant_id"], "input": {}})
    bob.note("his search", len(bob.ask("POST", "/assistants/search", {"metadata": {
        "owner": "alice"}})))
    alice.call("search", "POST", "/assistants/search", {})
    alice.call("of the server", "POST", "/assistants/search", {"metadata": {
        "created_by": "system"}})
    alice.call("delete", "DELETE", at)


def items_of_others(api):
    alice, bob = api.login("alice"), api.login("johndoe")
    item = {"namespace": ["alice", "notes"], "key": "k", "value": {"a": 1}}
    alice.call("put", "PUT", "/store/items", item)
    alice.call("get", "GET", "/store/items", params={"namespace": "alice.notes", "key": "k"})
    bob.call("his put", "PUT", "/store/items", item)
    bob.call("his get", "GET", "/store/items", params={"namespace": "alice.notes", "key": "k"})
    bob.call("his delete", "DELETE", "/store/items", {"namespace": ["alice", "notes"], "key": "k"})
    bob.call("his search", "POST", "/store/items/search", {"namespace_prefix": ["alice"]})
    bob.call("his list", "POST", "/store/namespaces", {"prefix": ["alice"]})
    alice.call("search", "POST", "/store/items/search", {"namespace_prefix": ["alice"]})


def who_a_run_is_for(api):
    alice = api.login("alice")
    thread = alice.thread()
    alice.note("cfg", alice.run(thread, "cfg", {}))
    run = alice.begin(thread, "echo", {"text": "x"}, config={
        "configurable": {"langgraph_auth_user_id": "bob", "tone": "warm"}})
    alice.until_status(thread, run, "success")
    given = alice.ask("GET", f"/threads/{thread}/runs/{run}")["kwargs"]["config"]["configurable"]
    alice.note("user", given["langgraph_auth_user"])
    alice.note("id", given["langgraph_auth_user_id"])
    alice.note("permissions", given["langgraph_auth_permissions"])
    alice.note("her own", given["tone"])
    alice.call("unknown thread", "POST", f"/threads/{uuid.uuid4()}/runs", {
        "assistant_id": "echo"})


def crons(api):
    alice = api.login("alice")
    one = alice.call("create", "POST", "/runs/crons", {
        "assistant_id": "echo", "schedule": "0 0 1 1 *", "input": {}})
    at = f"/runs/crons/{one['cron_id']}"
    alice.note("hers", alice.request("GET", at).status_code)
    alice.request("DELETE", at)
