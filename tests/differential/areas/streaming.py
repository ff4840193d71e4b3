"""Streams: every mode, several at once, joined, resumed."""

from api import slow

MODES = ("values", "updates", "messages", "messages-tuple", "debug", "tasks", "checkpoints",
         "custom")


def _stream(api, name, graph, input=None, thread=None, **body):
    thread = thread or api.thread()
    api.stream(name, f"/threads/{thread}/runs/stream", {
        "assistant_id": graph, "input": input, **body})
    return thread


def modes(api):
    for mode in MODES:
        for graph, value in (("echo", {"text": "x"}), ("custom", {}), ("stategraph_text", {
                "messages": [{"role": "human", "content": "hi", "id": "h"}]})):
            _stream(api, f"{graph} {mode}", graph, value, stream_mode=mode)


@slow
def modes_of_more(api):
    for mode in MODES:
        for graph, value in (("inter", {"foo": []}), ("err", {}), ("agent_with_tools", {
                "messages": [{"role": "human", "content": "hi", "id": "h"}]})):
            _stream(api, f"{graph} {mode}", graph, value, stream_mode=mode)


def default(api):
    _stream(api, "nothing said", "echo", {"text": "x"})
    _stream(api, "empty list", "echo", {"text": "x"}, stream_mode=[])
    _stream(api, "twice", "echo", {"text": "x"}, stream_mode=["values", "values"])


def several(api):
    _stream(api, "two", "echo", {"text": "x"}, stream_mode=["values", "updates"])
    _stream(api, "four", "inter", {"foo": []},
            stream_mode=["values", "updates", "tasks", "checkpoints"])
    _stream(api, "both messages", "stategraph_text", {
        "messages": [{"role": "human", "content": "hi", "id": "h"}]},
        stream_mode=["messages", "messages-tuple"])


def in_parallel(api):
    thread = api.thread()
    _, found, _ = api.follow("POST", f"/threads/{thread}/runs/stream", {
        "assistant_id": "fan", "input": {}, "stream_mode": ["updates", "values"]})
    api.note("fan", sorted(str((one["event"], one["data"])) for one in found
                           if one["event"] == "updates"))
    api.note("last", found[-1])
    api.note("count", len(found))


def interrupted(api):
    thread = _stream(api, "asked", "inter", {"foo": []}, stream_mode=["values", "updates"])
    _stream(api, "answered", "inter", None, thread, command={"resume": "r"},
            stream_mode=["values", "updates"])
    _stream(api, "static", "err", {}, interrupt_before=["boom"],
            stream_mode=["values", "updates"])
    _stream(api, "debug", "inter", {"foo": []}, stream_mode=["debug"])


def failing(api):
    _stream(api, "a node", "err", {}, stream_mode=["values", "updates"])
    _stream(api, "no input", "echo", None)
    _stream(api, "wrong input", "echo", "text")
    _stream(api, "too many steps", "slow", {"n": 5}, config={"recursion_limit": 2})
    api.stream("unknown assistant", f"/threads/{api.thread()}/runs/stream", {
        "assistant_id": "nope"})


def resumable(api):
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 3, "delay": 0.1}, stream_resumable=True,
                    stream_mode=["values", "updates"])
    at = f"/threads/{thread}/runs/{run}/stream"
    api.until_status(thread, run, "success")
    api.stream("from the beginning", at, method="GET", headers={"Last-Event-ID": "-1"})
    api.stream("from zero", at, method="GET", headers={"Last-Event-ID": "0"})
    api.stream("without a place", at, method="GET")
    _, found, _ = api.follow("GET", at, headers={"Last-Event-ID": "-1"})
    api.note("ids", all("id" in one for one in found))
    # The reference gives several events of a millisecond one id.
    _, rest, _ = api.follow("GET", at, headers={"Last-Event-ID": found[1]["id"]})
    api.note("rest", 0 < len(rest) < len(found) and rest == found[-len(rest):])
    api.stream("filtered", f"{at}?stream_mode=updates", method="GET",
               headers={"Last-Event-ID": "-1"})
    api.stream("filtered by what is not there", f"{at}?stream_mode=custom", method="GET",
               headers={"Last-Event-ID": "-1"})


def joined(api):
    thread = api.thread()
    run = api.begin(thread, "slow", {"n": 6, "delay": 0.3})
    api.until_status(thread, run, "running")
    at = f"/threads/{thread}/runs/{run}/stream"
    _, found, _ = api.follow("GET", at)
    api.note("live", [one["event"] for one in found][-1])
    api.note("the last", found[-1]["data"])
    api.stream("finished", at, method="GET")
    import uuid
    api.stream("unknown", f"/threads/{thread}/runs/{uuid.uuid4()}/stream", method="GET")


def without_a_thread(api):
    api.stream("values", "/runs/stream", {"assistant_id": "echo", "input": {"text": "x"}})
    api.stream("updates", "/runs/stream", {"assistant_id": "custom", "input": {},
                                           "stream_mode": ["updates", "custom"]})
    api.stream("failing", "/runs/stream", {"assistant_id": "err", "input": {}})
    api.stream("unknown assistant", "/runs/stream", {"assistant_id": "nope"})
    api.stream("checkpoints", "/runs/stream", {"assistant_id": "echo", "input": {"text": "x"},
                                               "stream_mode": ["checkpoints", "tasks"]})


def head(api):
    thread = api.thread()
    with api.http.stream("POST", f"/threads/{thread}/runs/stream", json={
            "assistant_id": "echo", "input": {"text": "x"}}) as answer:
        raw = answer.read()
        api.note("fields", {key: answer.headers.get(key) for key in (
            "content-type", "cache-control", "x-accel-buffering")})
        api.note("lines end", b"\r\n\r\n" in raw)


def cancelled(api):
    thread = api.thread()
    done = api.beside(lambda: api.follow("POST", f"/threads/{thread}/runs/stream", {
        "assistant_id": "slow", "input": {"n": 200, "delay": 0.1}}))
    run = api.until(lambda: api.ask("GET", f"/threads/{thread}/runs"))[0]["run_id"]
    api.until_status(thread, run, "running")
    api.ask("POST", f"/threads/{thread}/runs/{run}/cancel?wait=1")
    _, found, _ = done.result()
    api.note("events", sorted({one["event"] for one in found}))


def _chain(api, name, thread, graph, value, **more):
    """Mode events: what began, said something and ended, and who began it."""
    _, found, _ = api.follow("POST", f"/threads/{thread}/runs/stream", {
        "assistant_id": graph, "input": value, "stream_mode": ["events"], **more})
    told = [one["data"] for one in found if one["event"] == "events"]
    api.note(name, [{
        # A model is named after its class there.
        "name": None if one["event"].startswith("on_chat_model") else one["name"],
        **{key: one[key] for key in ("event", "run_id", "parent_ids", "tags", "data")},
        "step": one["metadata"].get("langgraph_step"),
        "node": one["metadata"].get("langgraph_node")} for one in told])
    api.note(f"{name} others", [one["event"] for one in found if one["event"] != "events"])
    return told


def chains(api):
    told = _chain(api, "a node", api.thread(), "echo", {"text": "x"})
    api.note("members", [sorted(one) for one in told])
    _chain(api, "failing", api.thread(), "err", {"foo": []})
    _chain(api, "a model", api.thread(), "stategraph_text", {
        "messages": [{"role": "human", "content": "hi", "id": "h"}]})
    thread = api.thread()
    _chain(api, "asking", thread, "inter", {"foo": ["x"]})
    _chain(api, "answered", thread, "inter", None, command={"resume": "yes"})
    _chain(api, "inside", api.thread(), "nested", {"messages": []})
    _, found, _ = api.follow("POST", f"/threads/{api.thread()}/runs/stream", {
        "assistant_id": "fan", "input": {"foo": []}, "stream_mode": ["events"]})
    api.note("several at once", sorted((one["data"]["event"], one["data"]["name"])
                                       for one in found if one["event"] == "events"))


@slow
def of_an_agent(api):
    human = {"messages": [{"role": "human", "content": "foo", "id": "h"}]}
    for mode in ("messages-tuple", "messages", "updates"):
        _stream(api, mode, "agent", human, stream_mode=mode)
    _stream(api, "sleeping", "agent", {**human, "sleep": {"steps": 2, "ms": 10}},
            stream_mode=["custom"])
