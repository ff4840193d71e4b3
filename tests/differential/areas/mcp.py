"""The MCP endpoint: assistants as tools."""

from normal import GRAPHS


def _call(api, name, body, **options):
    options.setdefault("headers", {"Accept": "application/json, text/event-stream"})
    answer = api.request("POST", "/mcp", body, **options)
    noted = {"status": answer.status_code}
    if answer.content:
        try:
            noted["body"] = answer.json()
        except ValueError:
            noted["body"] = answer.text
    return noted


def _request(method, params=None, id=1):
    return {"jsonrpc": "2.0", "id": id, "method": method, **({"params": params} if params else {})}


def handshake(api):
    for version in ("2025-03-26", "2025-06-18"):
        found = _call(api, version, _request("initialize", {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}}))
        result = found["body"]["result"]
        api.note(version, {"status": found["status"], "version": result["protocolVersion"],
                           "tools": "tools" in result["capabilities"],
                           "name": isinstance(result["serverInfo"]["name"], str)})
    api.note("initialized", _call(api, "", {"jsonrpc": "2.0",
                                            "method": "notifications/initialized"}))
    api.note("ping", _call(api, "", _request("ping")))


def tools(api):
    found = _call(api, "", _request("tools/list"))["body"]["result"]["tools"]
    by_name = {one["name"]: one for one in found}
    api.note("names", sorted({*by_name} & {*GRAPHS}))  # what both serve
    for name in ("echo", "agent_with_tools"):
        one = by_name[name]
        api.note(name, {"members": sorted(set(one) & {"name", "description", "inputSchema"}),
                        "type": one["inputSchema"].get("type"),
                        "inputs": sorted(one["inputSchema"].get("properties", {}))})


def called(api):
    found = _call(api, "", _request("tools/call", {"name": "echo", "arguments": {"text": "hi"}}))
    result = found["body"]["result"]
    api.note("echo", {"error": bool(result.get("isError")), "types": [
        one["type"] for one in result["content"]],
        "said": "hi" in result["content"][0]["text"]})
    found = _call(api, "", _request("tools/call", {"name": "err", "arguments": {}}))
    api.note("err", {"error": found["body"]["result"].get("isError")})
    found = _call(api, "", _request("tools/call", {"name": "nowhere", "arguments": {}}))
    api.note("unknown tool", found["body"].get("error", {}).get("code"))
    found = _call(api, "", _request("nowhere"))
    api.note("unknown method", found["body"].get("error", {}).get("code"))


def bad(api):
    api.note("not json", _call(api, "", None, raw="{")["status"])
    api.note("a list", _call(api, "", [_request("ping")])["status"])
    api.note("no version", _call(api, "", {"id": 1, "method": "ping"})["status"])
    api.note("no accept", _call(api, "", _request("ping"), headers={"Accept": "*/*"})["status"])
    api.note("a response", _call(api, "", {"jsonrpc": "2.0", "id": 1, "result": {}})["status"])
    api.note("get", api.request("GET", "/mcp").status_code)
    api.note("slash", api.request("POST", "/mcp/", {}).status_code)
