"""The A2A endpoint: assistants as agents."""

import uuid


def _agent(api, graph="agent_with_tools"):
    return api.ask("POST", "/assistants/search", {"graph_id": graph})[-1]["assistant_id"]


def _rpc(api, agent, method, params, **more):
    return api.ask("POST", f"/a2a/{agent}", {"jsonrpc": "2.0", "id": "1", "method": method,
                                             "params": params, **more},
                   headers={"Accept": "application/json"})


def _message(text="hi", **more):
    return {"message": {"role": "user", "messageId": str(uuid.uuid4()),
                        "parts": [{"kind": "text", "text": text}], **more}}


def card(api):
    agent = _agent(api)
    for name, path in (("by query", f"/.well-known/agent-card.json?assistant_id={agent}"),
                       ("by path", f"/a2a/{agent}/.well-known/agent-card.json")):
        found = api.request("GET", path)
        seen = found.json()
        api.note(name, {"status": found.status_code, "members": [
            key in seen for key in ("name", "description", "url", "version", "skills",
                                    "capabilities", "defaultInputModes", "defaultOutputModes",
                                    "protocolVersion")],
            "streaming": seen.get("capabilities", {}).get("streaming")})
    api.note("no agent", api.request("GET", "/.well-known/agent-card.json").status_code)
    api.note("unknown", api.request(
        "GET", f"/.well-known/agent-card.json?assistant_id={uuid.uuid4()}").status_code)


def sent(api):
    agent = _agent(api)
    found = _rpc(api, agent, "message/send", _message())["result"]
    api.note("task", {"kind": found["kind"], "state": found["status"]["state"],
                      "id": found["id"].count(":"), "members": sorted(
                          set(found) & {"id", "contextId", "status", "kind", "artifacts"}),
                      "said": found["artifacts"][0]["parts"][0].get("text")})
    again = _rpc(api, agent, "tasks/get", {"id": found["id"], "contextId": found["contextId"]})
    api.note("get", again["result"]["status"]["state"])
    more = _rpc(api, agent, "message/send", _message(contextId=found["contextId"]))["result"]
    api.note("same context", more["contextId"] == found["contextId"])


def streamed(api):
    agent = _agent(api)
    _, found, _ = api.follow("POST", f"/a2a/{agent}", {
        "jsonrpc": "2.0", "id": "1", "method": "message/stream", "params": _message()},
        headers={"Accept": "text/event-stream"})
    kinds = [one["data"].get("result", {}).get("kind") for one in found]
    api.note("kinds", sorted(set(kinds)))
    api.note("last", {"kind": kinds[-1], "state": found[-1]["data"]["result"]["status"]["state"],
                      "final": found[-1]["data"]["result"]["final"]})


def listed(api):
    agent = _agent(api, "stategraph_text")
    first = _rpc(api, agent, "message/send", _message())["result"]
    context = {"contextId": first["contextId"]}
    second = _rpc(api, agent, "message/send", _message(**context))["result"]

    def page(**more):
        return _rpc(api, agent, "ListTasks", {**context, **more})["result"]

    api.note("newest first", [one["id"] for one in page()["tasks"]] == [second["id"], first["id"]])
    api.note("all", {"total": page()["totalSize"], "next": page()["nextPageToken"],
                     "states": [one["status"]["state"] for one in page()["tasks"]],
                     "history": [len(one["history"]) for one in page()["tasks"]]})
    api.note("no history", ["history" in one for one in page(historyLength=0)["tasks"]])
    one = page(pageSize=1)
    rest = page(pageSize=1, pageToken=one["nextPageToken"])
    api.note("pages", {"first": one["tasks"][0]["id"] == second["id"], "total": one["totalSize"],
                       "second": [it["id"] for it in rest["tasks"]] == [first["id"]],
                       "next": rest["nextPageToken"]})
    api.note("by status", {state: page(status=state)["totalSize"] for state in (
        "TASK_STATE_COMPLETED", "completed", "TASK_STATE_WORKING")})
    api.note("since", [page(statusTimestampAfter=at)["totalSize"] for at in (
        "2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z")])
    api.note("nowhere", [page(contextId=at)["totalSize"] for at in (str(uuid.uuid4()), "x")])
    for wrong in ({"pageSize": 0}, {"pageSize": 101}, {"pageSize": "x"}, {"pageToken": "x"},
                  {"status": "bogus"}, {"historyLength": -1}, {"statusTimestampAfter": "x"}):
        answer = _rpc(api, agent, "ListTasks", {**context, **wrong})
        api.note(f"bad {wrong}", answer.get("error", {}).get("code"))


def bad(api):
    agent = _agent(api)
    code = lambda answer: answer.get("error", {}).get("code")  # noqa: E731
    api.note("unknown method", code(_rpc(api, agent, "nowhere", {})))
    api.note("no message", code(_rpc(api, agent, "message/send", {})))
    api.note("unknown task", code(_rpc(api, agent, "tasks/get", {
        "id": f"{uuid.uuid4()}:{uuid.uuid4()}", "contextId": str(uuid.uuid4())})))
    api.note("no version", code(api.ask("POST", f"/a2a/{agent}", {
        "id": 1, "method": "message/send", "params": _message()},
        headers={"Accept": "application/json"})))
    api.note("unknown agent", code(_rpc(api, str(uuid.uuid4()), "message/send", _message())))
    answer = api.request("POST", f"/a2a/{agent}", raw="{", headers={"Accept": "application/json"})
    api.note("not json", answer.status_code)
