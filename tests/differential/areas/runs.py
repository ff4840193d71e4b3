"""Runs on a thread: created, waited for, read, cancelled, deleted, in batches, without a thread."""

import uuid

from api import slow


def created(api):
    thread = api.thread(metadata={"of": "thread"})
    at = f"/threads/{thread}/runs"
    run = api.call("create", "POST", at, {
        "assistant_id": "echo", "input": {"text": "hi"}, "metadata": {"of": "run", "a": 1},
        "config": {"tags": ["t"], "configurable": {"tone": "warm"}, "recursion_limit": 30},
        "stream_mode": ["values", "updates"], "multitask_strategy": "enqueue"})["run_id"]
    api.until_status(thread, run, "success")
    api.call("get", "GET", f"{at}/{run}")
    api.call("list", "GET", at)
    api.call("thread", "GET", f"/threads/{thread}")
    api.call("join", "GET", f"{at}/{run}/join")
    api.call("delete", "DELETE", f"{at}/{run}")
    api.call("deleted", "GET", f"{at}/{run}")
    api.call("delete again", "DELETE", f"{at}/{run}")
    api.call("list then", "GET", at)
    api.note("history then", api.ask("POST", f"/threads/{thread}/history", {"limit": 9}))


def waited_for(api):
    thread = api.thread()
    at = f"/threads/{thread}/runs/wait"
    api.call("echo", "POST", at, {"assistant_id": "echo", "input": {"text": "a"}})
    api.call("again", "POST", at, {"assistant_id": "echo", "input": {"text": None}})
    api.call("nothing", "POST", at, {"assistant_id": "echo", "input": None})
    api.call("empty", "POST", at, {"assistant_id": "echo", "input": {}})
    api.call("unknown key", "POST", at, {"assistant_id": "echo", "input": {"color": 1}})
    api.call("a text", "POST", at, {"assistant_id": "echo", "input": "text"})
    api.call("a list", "POST", at, {"assistant_id": "echo", "input": [1]})
    api.call("failing", "POST", at, {"assistant_id": "err", "input": {}})
    api.call("thread", "GET", f"/threads/{thread}")
    api.call("no input at all", "POST", f"/threads/{api.thread()}/runs/wait", {
        "assistant_id": "echo", "input": None})
    api.call("without the key", "POST", f"/threads/{api.thread()}/runs/wait", {
        "assistant_id": "echo"})


def listed(api):
    thread = api.thread()
    at = f"/threads/{thread}/runs"
    for text in ("a", "b", "c"):
        api.run(thread, "echo", {"text": text}, metadata={"t": text})
    names = lambda found: [one["metadata"].get("t") for one in found]  # noqa: E731
    api.note("all", names(api.ask("GET", at)))
    api.note("two", names(api.ask("GET", f"{at}?limit=2")))
    api.note("next", names(api.ask("GET", f"{at}?limit=2&offset=2")))
    api.note("success", names(api.ask("GET", f"{at}?status=success")))
    api.note("error", names(api.ask("GET", f"{at}?status=error")))
    api.call("selected", "GET", f"{at}?select=status&select=metadata")
    api.call("bad select", "GET", f"{at}?select=color")
    api.call("bad limit", "GET", f"{at}?limit=abc")
    api.call("unknown status", "GET", f"{at}?status=sleepy")


def bad_fields(api):
    thread = api.thread()
    for place, at in (("thread", f"/threads/{thread}/runs"), ("stateless", "/runs")):
        for field, value in (
                ("assistant_id", 7), ("assistant_id", "nope"), ("assistant_id", None),
                ("assistant_id", str(uuid.UUID(int=7))), ("command", 7), ("metadata", []),
                ("config", 7), ("context", 7), ("webhook", ""), ("webhook", 7),
                ("interrupt_before", 7), ("interrupt_before", [7]), ("interrupt_after", {}),
                ("stream_mode", "bogus"), ("stream_mode", ["values", "bogus"]),
                ("stream_mode", 7), ("stream_subgraphs", "x"), ("stream_resumable", 7),
                ("feedback_keys", "x"), ("multitask_strategy", "sometimes"),
                ("if_not_exists", "maybe"), ("after_seconds", "x"), ("checkpoint", 7),
                ("checkpoint_id", 7), ("durability", "never"), ("on_disconnect", "cry"),
                ("on_completion", "keepish"), ("checkpoint_during", "x"),
                ("metadata", None), ("config", None), ("command", None)):
            answer = api.request("POST", at, {"assistant_id": "echo", "input": {"text": "x"},
                                              "after_seconds": 3600, field: value})
            noted = {"status": answer.status_code}
            if answer.status_code not in (200, 422, 500):
                noted["body"] = answer.json()
            api.note(f"{place} {field} {value}", noted)
        api.call(f"{place} no assistant", "POST", at, {"input": {}})
        api.call(f"{place} context and configurable", "POST", at, {
            "assistant_id": "echo", "context": {"a": 1}, "config": {"configurable": {"b": 1}}})
    api.request("DELETE", f"/threads/{thread}")


def if_not_exists(api):
    given = str(uuid.uuid4())
    at = f"/threads/{given}/runs/wait"
    api.call("reject", "POST", at, {"assistant_id": "echo", "if_not_exists": "reject"})
    api.call("create", "POST", at, {"assistant_id": "echo", "input": {"text": "x"},
                                    "if_not_exists": "create", "metadata": {"m": 1}})
    api.call("thread", "GET", f"/threads/{given}")


def configured(api):
    thread = api.thread()
    for name, body in (
            ("configurable", {"config": {"configurable": {"tone": "warm"}, "tags": ["a"]}}),
            ("context", {"context": {"tone": "cold"}}),
            ("user_id", {"config": {"configurable": {"user_id": "me"}}}), ("nothing", {})):
        api.note(name, api.run(thread, "cfg", {}, **body))
    for name, body in (("context", {"context": {"model": "openai"}}),
                       ("unknown key", {"context": {"model": "openai", "color": "red"}}),
                       ("by configurable", {"config": {"configurable": {"model": "anthropic"}}})):
        api.note(f"runtime {name}", api.run(api.thread(), "simple_runtime", {
            "message": "m", "other": 1}, **body))
    api.note("dynamic", api.run(api.thread(), "dynamic", {"messages": "m"}))
    api.note("dynamic named", api.run(api.thread(), "dynamic", {"messages": ["m", "n"]}, config={
        "configurable": {"nodeName": "mine"}}))


def limits(api):
    thread = api.thread()
    for limit in (1, 2, 3, 0, -1, "x"):
        api.call(f"recursion_limit {limit}", "POST", f"/threads/{thread}/runs/wait", {
            "assistant_id": "slow", "input": {"n": 2}, "config": {"recursion_limit": limit}})


def breakpoints(api):
    for name, body in (("before", {"interrupt_before": ["boom"]}),
                       ("after", {"interrupt_after": ["a"]}), ("all", {"interrupt_before": "*"}),
                       ("unknown", {"interrupt_before": ["nowhere"]})):
        thread = api.thread()
        api.call(name, "POST", f"/threads/{thread}/runs/wait", {
            "assistant_id": "err", "input": {}, **body})
        state = api.ask("GET", f"/threads/{thread}/state")
        api.note(f"{name} state", {"next": state["next"], "values": state["values"]})
        api.call(f"{name} thread", "GET", f"/threads/{thread}")


def delayed(api):
    thread = api.thread()
    at = f"/threads/{thread}/runs"
    run = api.call("create", "POST", at, {"assistant_id": "echo", "input": {"text": "x"},
                                          "after_seconds": 600})["run_id"]
    api.call("thread", "GET", f"/threads/{thread}")
    api.call("cancel", "POST", f"{at}/{run}/cancel")
    api.call("cancelled", "GET", f"{at}/{run}")
    api.call("cancel again", "POST", f"{at}/{run}/cancel")
    api.note("past", api.run(thread, "echo", {"text": "y"}, after_seconds=-5))


def cancelled(api):
    for action in ("interrupt", "rollback"):
        thread = api.thread()
        at = f"/threads/{thread}/runs"
        run = api.begin(thread, "slow", {"n": 200, "delay": 0.1})
        api.until_status(thread, run, "running")
        # The reference answers values, or nothing: no client reads them.
        api.note(action, api.request(
            "POST", f"{at}/{run}/cancel?wait=1&action={action}").status_code)
        answer = api.request("GET", f"{at}/{run}")
        api.note(f"{action} run", {"status": answer.status_code,
                                   "is": answer.json().get("status")})
        answer = api.ask("GET", f"/threads/{thread}")
        api.note(f"{action} thread", {"status": answer["status"], "error": answer.get("error")})
        api.call(f"{action} again", "POST", f"{at}/{run}/cancel?wait=1&action={action}")
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 200, "delay": 0.1})
    at = f"/threads/{thread}/runs/{run}"
    api.until_status(thread, run, "running")
    api.call("at once", "POST", f"{at}/cancel")
    api.note("ends", api.until_status(thread, run, "interrupted"))
    api.call("bad action", "POST", f"{at}/cancel?action=burn")


def cancelled_together(api):
    threads = [api.thread() for _ in range(2)]
    runs = [api.begin(one, "slow", {"n": 200, "delay": 0.1}) for one in threads]
    for thread, run in zip(threads, runs, strict=True):
        api.until_status(thread, run, "running")
    api.call("one", "POST", "/runs/cancel?action=interrupt", {
        "thread_id": threads[0], "run_ids": [runs[0]]})
    api.note("it ends", api.until_status(threads[0], runs[0], "interrupted"))
    for name, body in (("nothing", {}), ("both", {"status": "all", "thread_id": threads[0],
                                                  "run_ids": runs}),
                       ("bad status", {"status": "sleepy"}), ("bad ids", {
                           "thread_id": threads[0], "run_ids": ["x"]}),
                       ("unknown", {"thread_id": threads[0], "run_ids": [str(uuid.uuid4())]})):
        api.call(name, "POST", "/runs/cancel", body)
    api.ask("POST", f"/threads/{threads[1]}/runs/{runs[1]}/cancel?wait=1")


def joined(api):
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 3, "delay": 0.2})
    api.call("running", "GET", f"/threads/{thread}/runs/{run}/join")
    api.call("done", "GET", f"/threads/{thread}/runs/{run}/join")
    api.call("unknown", "GET", f"/threads/{thread}/runs/{uuid.uuid4()}/join")
    run = api.begin(thread, "err", {})
    api.call("failing", "GET", f"/threads/{thread}/runs/{run}/join")
    api.note("status", api.until_status(thread, run, "error", "success"))


def without_a_thread(api):
    api.call("wait", "POST", "/runs/wait", {"assistant_id": "echo", "input": {"text": "x"}})
    api.call("failing", "POST", "/runs/wait", {"assistant_id": "err", "input": {}})
    api.call("interrupted", "POST", "/runs/wait", {"assistant_id": "inter", "input": {}})
    api.call("bad assistant", "POST", "/runs/wait", {"assistant_id": "nope"})
    run = api.call("background", "POST", "/runs", {"assistant_id": "echo", "input": {"text": "x"}})
    api.until(lambda: api.request("GET", f"/threads/{run['thread_id']}").status_code == 404)
    api.call("thread then", "GET", f"/threads/{run['thread_id']}")
    run = api.ask("POST", "/runs", {"assistant_id": "echo", "input": {"text": "x"},
                                    "on_completion": "keep"})
    api.until_status(run["thread_id"], run["run_id"], "success")
    api.call("kept run", "GET", f"/threads/{run['thread_id']}/runs/{run['run_id']}")
    state = api.ask("GET", f"/threads/{run['thread_id']}/state")
    api.note("kept state", state["values"])


def batch(api):
    found = api.call("two", "POST", "/runs/batch", [
        {"assistant_id": "echo", "input": {"text": "a"}, "on_completion": "keep"},
        {"assistant_id": "echo", "input": {"text": "b"}, "metadata": {"n": 2}}])
    api.until_status(found[0]["thread_id"], found[0]["run_id"], "success")
    for name, body in (("none", []), ("an object", {}), ("bad one", [{"input": 1}]),
                       ("bad assistant", [{"assistant_id": "nope"}]), ("a text", ["x"])):
        api.call(name, "POST", "/runs/batch", body)


def webhooks(api):
    thread = api.thread()
    for url in ("http://127.0.0.1:9/x", "http://example.com/x", "ftp://example.com/x", "/relative",
                "https://localhost/x", "https://127.0.0.1/x", "https://10.0.0.1/x", "no url"):
        answer = api.request("POST", f"/threads/{thread}/runs", {
            "assistant_id": "echo", "input": {"text": "x"}, "webhook": url,
            "after_seconds": 3600})
        api.note(url, {"status": answer.status_code})
    api.request("DELETE", f"/threads/{thread}")


def delete_while_running(api):
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 200, "delay": 0.1})
    api.until_status(thread, run, "running")
    api.call("run", "DELETE", f"/threads/{thread}/runs/{run}")
    api.call("run then", "GET", f"/threads/{thread}/runs/{run}")
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 200, "delay": 0.1})
    api.until_status(thread, run, "running")
    api.call("thread", "DELETE", f"/threads/{thread}")
    api.call("thread then", "GET", f"/threads/{thread}")


@slow
def through_the_client(api):
    runs = api.sdk.runs
    thread = api.sdk.threads.create(metadata={"a": 1})["thread_id"]
    api.note("wait", runs.wait(thread, "echo", input={"text": "x"}))
    api.note("stream", [(one.event, one.data) for one in runs.stream(
        thread, "echo", input={"text": "y"}, stream_mode=["values", "updates"])])
    made = runs.create(thread, "echo", input={"text": "z"})
    api.note("join", runs.join(thread, made["run_id"]))
    api.note("get", runs.get(thread, made["run_id"])["status"])
    api.note("list", len(runs.list(thread)))
    api.note("search", len(api.sdk.threads.search(ids=[thread])))
    api.note("history", len(api.sdk.threads.get_history(thread)))
    api.note("stateless", runs.wait(None, "echo", input={"text": "x"}))
