"""An MCP service without manners: its tools, and what they answer, are what a test says they are."""

import json
import threading

from parts.local_server import JsonHandler, LocalServer


def text(said: str, **more) -> dict:
    """A result of tools/call with this text."""
    return {"content": [{"type": "text", "text": said}], **more}


def tool(name: str, schema: dict | None = None, **more) -> dict:
    """As tools/list has it."""
    return {"name": name, "inputSchema": schema or {"type": "object"}, **more}


class Toolbox(LocalServer):
    """`tools` are listed; `answers` has a result for each, or a function of the arguments, or a text.

    `calls` are (name, arguments, Authorization) in order of arrival. While `go` is not set, calls wait.
    """

    def __init__(self):
        self.tools: list[dict] = []
        self.answers: dict = {}
        self.calls: list[tuple[str, dict, str]] = []
        self.go = threading.Event()
        self.go.set()
        self.serve(_Handler, box=self)
        self.mcp_url = f"{self.url}/mcp"

    def offer(self, *tools: dict, **answers) -> None:
        """From now on these and no others; forgets calls."""
        self.tools, self.answers = list(tools), answers
        self.calls.clear()

    def called(self) -> list[str]:
        return [name for name, _, _ in self.calls]


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    box: Toolbox

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, params = message.get("method"), message.get("params", {})
        if "id" not in message:
            return self.answer(202, {})
        if method == "initialize":
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                      "serverInfo": {"name": "toolbox", "version": "1"}}
        elif method == "tools/list":
            result = {"tools": self.box.tools}
        elif method == "tools/call":
            result = self._call(params["name"], params.get("arguments", {}))
        else:
            error = {"code": -32601, "message": f"unknown method {method}"}
            return self.answer(200, {"jsonrpc": "2.0", "id": message["id"], "error": error})
        self.answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _call(self, name: str, arguments: dict) -> dict:
        self.box.calls.append((name, arguments, self.headers.get("authorization", "")))
        self.box.go.wait(60)
        said = self.box.answers.get(name, "done")
        said = said(arguments) if callable(said) else said
        return text(said) if isinstance(said, str) else said

    def do_GET(self) -> None:
        self.answer(405, {})

    do_DELETE = do_GET
