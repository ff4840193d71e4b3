"""Health, description, routes that are not there, the door for web pages."""


def health(api):
    api.call("ok", "GET", "/ok")
    api.call("root", "GET", "/")
    answer = api.request("GET", "/ok?check_db=1")
    api.note("with the database", {"status": answer.status_code, "ok": answer.json().get("ok")})
    info = api.ask("GET", "/info")
    api.note("info", {"flags": {k: info["flags"].get(k) for k in ("assistants", "crons")},
                      "host": dict.fromkeys(info["host"], True),
                      "version": isinstance(info["version"], str)})


def metrics(api):
    answer = api.request("GET", "/metrics")
    api.note("text", {"status": answer.status_code,
                      "type": answer.headers["content-type"].split(";")[0]})
    found = api.ask("GET", "/metrics?format=json")
    api.note("queue", dict.fromkeys(found.get("queue", {}), True))
    api.note("workers", dict.fromkeys(found.get("workers", {}), True))


def description(api):
    for path in ("/docs", "/openapi.json"):
        answer = api.request("GET", path)
        api.note(path, {"status": answer.status_code,
                        "type": answer.headers["content-type"].split(";")[0]})


def unknown_routes(api):
    api.call("unknown", "GET", "/nowhere")
    api.call("deep", "GET", "/threads/a/b/c/d")
    for method, path in (("DELETE", "/ok"), ("GET", "/runs"), ("PUT", "/threads"),
                         ("PATCH", "/store/items"), ("GET", "/assistants"),
                         ("GET", "/runs/wait"), ("GET", "/threads")):
        answer = api.request(method, path)
        api.note(f"{method} {path}", {"status": answer.status_code, "body": answer.json()})
    answer = api.request("GET", "/ok/")
    api.note("slash", {"status": answer.status_code,
                       "location": answer.headers.get("location", "").rpartition("/")[2]})
    answer = api.request("HEAD", "/ok")
    api.note("head", {"status": answer.status_code, "length": len(answer.content)})


def preflight(api):
    answer = api.request("OPTIONS", "/threads", headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key"})
    api.note("asked", {"status": answer.status_code,
                       "origin": bool(answer.headers.get("access-control-allow-origin")),
                       "headers": bool(answer.headers.get("access-control-allow-headers")),
                       "post": "POST" in answer.headers.get("access-control-allow-methods", "")})
    answer = api.request("GET", "/ok", headers={"Origin": "http://localhost:3000"})
    exposed = answer.headers.get("access-control-expose-headers", "").lower()
    api.note("exposed", [name in exposed for name in
                         ("x-pagination-total", "x-pagination-next", "content-location")])


def bodies(api):
    for name, raw in (("empty", ""), ("cut", '{"metadata":'), ("nan", '{"metadata":{"a":NaN}}'),
                      ("text", '"text"'), ("list", "[]"), ("null", "null"),
                      ("number", "7"), ("surrogate", '{"metadata":{"a":"\\ud800"}}'),
                      ("latin", b'{"metadata":{"a":"\xe9"}}')):
        api.call(name, "POST", "/threads", raw=raw)
    api.call("another type", "POST", "/threads", raw='{"metadata":{"a":1}}',
             headers={"Content-Type": "text/plain"})
    big = api.ask("POST", "/threads", {"metadata": {"n": 2**53 + 1, "f": 1.0, "u": "ü\u2028"}})
    api.note("numbers", big["metadata"])
    api.call("duplicate keys", "POST", "/threads", raw='{"metadata":{"a":1,"a":2}}')


def operations(api):
    document = api.ask("GET", "/openapi.json")
    schemas = document["components"]["schemas"]

    def fields(schema):
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        inner = [one for kind in ("anyOf", "oneOf", "allOf") for one in schema.get(kind, [])]
        return {*schema.get("properties", {}), *(name for one in inner for name in fields(one))}

    for path, methods in document["paths"].items():
        for method, said in methods.items():
            if not path.startswith("/dev/"):
                # Text and events differ in what they say of themselves; JSON is what is read.
                body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
                query = [one["name"] for one in said.get("parameters", [])
                         if one["in"] == "query"]
                api.note(f"{method.upper()} {path.rstrip('/') or '/'}", {
                    "takes": dict.fromkeys(sorted(fields(body.get("schema", {}))), True),
                    "query": dict.fromkeys(sorted(query), True)})
