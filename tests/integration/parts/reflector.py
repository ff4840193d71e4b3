"""An upstream that says the credential back, in every encoding, wherever a reply has room."""

import json

from parts.encodings import encodings
from parts.local_server import JsonHandler, LocalServer


class Reflector(LocalServer):
    """By path:

    /json       an object with each encoding as key and as value
    /text       one encoding a line
    /headers    one encoding a header field, one of them folded
    /events     an event stream, one encoding an event
    /problem    400 and an encoding as text
    POST /mcp   an MCP server: tools/list has them in descriptions, the tool `whoami` in its
                content, `fail` in a JSON-RPC error, `refuse` in the body of a 400

    `told` counts the encodings sent.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.serve(_Handler, told=self.told)


def _json_text(encoding: str) -> str:
    """The inside of a JSON string; what is JSON escapes already goes as it is."""
    return encoding if "\\" in encoding else json.dumps(encoding)[1:-1]


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    told: list[str]

    def _encodings(self) -> dict[str, str]:
        token = self.headers.get("x-key") or self.headers.get("authorization", "").split()[-1]
        found = encodings(token)
        self.told.extend(found)
        return found

    def _say(self, content: bytes, kind: str, status: int = 200, fields: bytes = b"") -> None:
        self.wfile.write(
            b"HTTP/1.1 %d Said\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n"
            % (status, kind.encode(), len(content), fields) + content
        )

    def do_GET(self) -> None:
        found = self._encodings()
        kind = self.path.split("?")[0]
        if kind == "/json":
            pairs = (f'"{_json_text(e)}":"{_json_text(e)}"' for e in found.values())
            self._say(("{" + ",".join(pairs) + "}").encode(), "application/json")
        elif kind == "/headers":
            lines = [f"X-{n}: {e}\r\n" for n, e in enumerate(found.values()) if e.isprintable()]
            plain = found["plain"]
            lines.append(f"X-Folded: {plain[:9]}\r\n {plain[9:]}\r\n")
            self._say(b"{}", "application/json", fields="".join(lines).encode())
        elif kind == "/events":
            events = (f'data: {{"said":"{_json_text(e)}"}}\n\n' for e in found.values())
            folded = ("data: " + e.replace("\n", "\ndata: ") + "\n\n" for e in found.values()
                      if "\n" in e)
            self._say("".join([*events, *folded]).encode("latin-1"), "text/event-stream")
        elif kind == "/problem":
            self._say(found["json second"].encode(), "text/plain", 400)
        else:
            self._say("\n".join(found.values()).encode("latin-1"), "text/plain")

    def do_DELETE(self) -> None:
        self._say(b"", "text/plain")

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, params = message.get("method", ""), message.get("params", {})
        if "id" not in message:
            return self._say(b"", "application/json", 202)
        if method == "initialize":
            return self._result(message, json.dumps({
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "reflector", "version": "1"}}))
        texts = [_json_text(e) for e in self._encodings().values()]
        if method == "tools/list":
            tools = (f'{{"name":"whoami","description":"{t}","inputSchema":{{"{t}":1}}}}'
                     for t in texts)
            return self._result(message, '{"tools":[' + ",".join(tools) + "]}")
        if params.get("name") == "whoami":
            parts = (f'{{"type":"text","text":"{t}"}}' for t in texts)
            return self._result(message, '{"content":[' + ",".join(parts) + "]}")
        why = texts[int(params.get("arguments", {}).get("which", 0)) % len(texts)]
        failure = f'{{"code":-32000,"message":"{why}"}}'
        error = f'{{"jsonrpc":"2.0","id":{message["id"]},"error":{failure}}}'
        refused = params.get("name") == "refuse"
        return self._say(error.encode(), "application/json", 400 if refused else 200)

    def _result(self, message: dict, result: str) -> None:
        body = f'{{"jsonrpc":"2.0","id":{json.dumps(message["id"])},"result":{result}}}'
        kind = "application/json"
        if message["method"] == "tools/call":
            body, kind = f"data: {body}\n\n", "text/event-stream"
        self._say(body.encode(), kind, fields=b"Mcp-Session-Id: one\r\n")
