"""An MCP server of the official SDK whose tool asks its client, on the session's own stream."""

import asyncio
import socket
import threading

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError


class Asker:
    """`calls`: (method, session id, credential) of every request, in the order of their answers'
    heads. The tool `ask` waits for the session's stream, then asks on it."""

    def __init__(self, json_response: bool = False):
        self.calls: list[tuple[str, str, str]] = []
        server = MCPServer(name="asker", log_level="WARNING")
        self._add_tool(server)
        self._app = server.streamable_http_app(json_response=json_response)
        listener = socket.create_server(("127.0.0.1", 0))
        self.mcp_url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        config = uvicorn.Config(
            self._record, interface="asgi3", log_level="warning", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def sessions(self, method: str) -> list[str]:
        """The sessions that calls with this method were for."""
        return [session for made, session, _ in self.calls if made == method]

    def _add_tool(self, server: MCPServer) -> None:
        @server.tool()
        async def ask(context: Context) -> dict:
            """Pings the client, lists its roots and asks for what it never offered."""
            here = context.request_context.request.headers["mcp-session-id"]
            while here not in self.sessions("GET"):
                await asyncio.sleep(0.01)
            session = context.session
            await session.send_ping()
            roots = await session.list_roots()
            try:
                await session.create_message([], max_tokens=1)
                refusal = None
            except MCPError as error:
                refusal = error.error.code
            return {"roots": len(roots.roots), "refusal": refusal}

    async def _record(self, scope, receive, send):
        async def note_answer(message):
            if message["type"] == "http.response.start":
                headers = {n.decode(): v.decode("latin-1") for n, v in scope["headers"]}
                session = headers.get("mcp-session-id", "")
                credential = headers.get("authorization", "")
                self.calls.append((scope["method"], session, credential))
            await send(message)

        await self._app(scope, receive, note_answer if scope["type"] == "http" else send)
