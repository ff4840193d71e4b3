"""An MCP service without manners: its tools, and what they answer, are what a test says they are."""

import json
import threading
import time

from parts.local_server import JsonHandler, LocalServer


def text(said: str, **more) -> dict:
    """A result of tools/call with this text."""
    return {"content": [{"type": "text", "text": said}], **more}


def reporting(result: dict, *reports: dict, drips: bool = False) -> dict:
    """A result that comes as an event stream, after these notifications of progress: their params
    without the token. `drips`: before the result there are comments without end."""
    return {"reports": reports, "drips": drips, "result": result}


def tool(name: str, schema: dict | None = None, **more) -> dict:
    """As tools/list has it."""
    return {"name": name, "inputSchema": schema or {"type": "object"}, **more}


class Toolbox(LocalServer):
    """`tools` are listed; `answers` has a result for each, or a function of the arguments, or a text.

    `calls` are (name, arguments, Authorization) in order of arrival, `ids` those of their requests,
    `cancelled` the ids that clients have cancelled. While `go` is not set, calls wait.
    """

    def __init__(self):
        self.tools: list[dict] = []
        self.answers: dict = {}
        self.calls: list[tuple[str, dict, str]] = []
        self.ids: list = []
        self.cancelled: list = []
        self.go = threading.Event()
        self.go.set()
        self.serve(_Handler, box=self)
        self.mcp_url = f"{self.url}/mcp"

    def offer(self, *tools: dict, **answers) -> None:
        """From now on these and no others; forgets calls."""
        self.tools, self.answers = list(tools), answers
        for seen in (self.calls, self.ids, self.cancelled):
            seen.clear()

    def called(self) -> list[str]:
        return [name for name, _, _ in self.calls]


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    box: Toolbox

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, params = message.get("method"), message.get("params", {})
        if method == "notifications/cancelled":
            self.box.cancelled.append(params["requestId"])
        if "id" not in message:
            return self.answer(202, {})
        if method == "initialize":
            result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                      "serverInfo": {"name": "toolbox", "version": "1"}}
        elif method == "tools/list":
            result = {"tools": self.box.tools}
        elif method == "tools/call":
            self.box.ids.append(message["id"])
            result = self._call(params["name"], params.get("arguments", {}))
            if "reports" in result:
                return self._stream(message, **result)
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

    def _stream(self, message: dict, reports, drips: bool, result: dict) -> None:
        token = message["params"]["_meta"]["progressToken"]
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for report in reports:
                params = {"progressToken": token, **report}
                self._event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
            while drips:
                self.wfile.write(b": \n\n")
                time.sleep(0.02)
            self._event({"jsonrpc": "2.0", "id": message["id"], "result": result})
        except OSError:  # nobody listens any more
            self.close_connection = True

    def _event(self, message: dict) -> None:
        self.wfile.write(f"data: {json.dumps(message)}\n\n".encode())

    def do_GET(self) -> None:
        self.answer(405, {})

    do_DELETE = do_GET
