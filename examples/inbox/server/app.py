"""The mail service: MCP at /mcp, a plain HTTP API under /api, both for the caller's own mail."""

import asyncio
import json
from typing import Any

from accounts import Accounts, fingerprint
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from messages import Mailboxes
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

MOST_STREAMED = 10_000


class Verifier:
    """Tells the MCP SDK whose token was presented. Only the fingerprint stays in memory."""

    def __init__(self, accounts: Accounts):
        self._accounts = accounts

    async def verify_token(self, token: str) -> AccessToken | None:
        user = self._accounts.user_of(token)
        if user is None:
            return None
        return AccessToken(token=fingerprint(token), client_id="inbox", scopes=[], subject=user)


def build_app(accounts: Accounts, mailboxes: Mailboxes, base_url: str, json_response: bool):
    """The ASGI application. `json_response`: MCP calls are answered by JSON, not an SSE stream."""
    server = MCPServer(
        name="inbox",
        version="1.0.0",
        token_verifier=Verifier(accounts),
        auth=AuthSettings(issuer_url=base_url, resource_server_url=None),
        log_level="WARNING",
    )
    add_tools(server, mailboxes)
    add_routes(server, accounts, mailboxes)
    add_admin(server, accounts)
    return server.streamable_http_app(json_response=json_response)


def add_tools(server: MCPServer, mailboxes: Mailboxes) -> None:
    def caller(context: Context) -> str:
        """The user of this very HTTP request, not of the one that opened the session."""
        return context.request_context.request.user.access_token.subject

    @server.tool()
    def list_unread(context: Context, limit: int = 20) -> dict[str, Any]:
        """Lists the caller's unread messages, oldest first, without their text."""
        unread = mailboxes.messages(caller(context), unread_only=True)
        return {"messages": [m.summary() for m in unread[: max(limit, 0)]], "total": len(unread)}

    @server.tool()
    def get_message(context: Context, id: str) -> dict[str, Any]:
        """Reads one of the caller's messages with its text."""
        message = mailboxes.find(caller(context), id)
        if message is None:
            raise ToolError(f"there is no message {id!r}")
        return message.full()

    @server.tool()
    def search_messages(context: Context, query: str) -> dict[str, Any]:
        """Finds the caller's messages whose subject or text contains the query."""
        wanted = query.lower()
        found = [
            m.summary()
            for m in mailboxes.messages(caller(context))
            if wanted in m.subject.lower() or wanted in m.body.lower()
        ]
        return {"messages": found}

    @server.tool()
    def whoami(context: Context) -> dict[str, Any]:
        """Tells as whom the caller is known here."""
        return {"user": caller(context)}


def refuse(status: int, detail: str, challenge: str | None = None) -> JSONResponse:
    headers = {"WWW-Authenticate": challenge} if challenge else None
    return JSONResponse({"detail": detail}, status_code=status, headers=headers)


def as_user(handler):
    """Wraps a route so that it runs as the token's user, and not at all without a valid token."""

    async def guarded(request: Request) -> Response:
        if isinstance(request.user, AuthenticatedUser):
            return await handler(request, request.user.access_token)
        if "authorization" in request.headers:
            return refuse(
                401, "the token is not valid", 'Bearer realm="inbox", error="invalid_token"'
            )
        return refuse(401, "a bearer token is required", 'Bearer realm="inbox"')

    return guarded


def add_routes(server: MCPServer, accounts: Accounts, mailboxes: Mailboxes) -> None:
    def route(path: str, method: str):
        return lambda handler: server.custom_route(path, [method])(as_user(handler))

    @route("/api/whoami", "GET")
    async def whoami(request: Request, caller: AccessToken) -> Response:
        return JSONResponse({"user": caller.subject})

    @route("/api/messages", "GET")
    async def list_messages(request: Request, caller: AccessToken) -> Response:
        unread_only = request.query_params.get("unread") == "true"
        listed = mailboxes.messages(caller.subject, unread_only)
        return JSONResponse({"user": caller.subject, "messages": [m.summary() for m in listed]})

    @route("/api/messages/{id}", "GET")
    async def read_message(request: Request, caller: AccessToken) -> Response:
        message = mailboxes.find(caller.subject, request.path_params["id"])
        return JSONResponse(message.full()) if message else refuse(404, "no such message")

    @route("/api/messages/{id}/done", "POST")
    async def mark_done(request: Request, caller: AccessToken) -> Response:
        message = mailboxes.mark_done(caller.subject, request.path_params["id"])
        return JSONResponse(message.summary()) if message else refuse(404, "no such message")

    @route("/api/stream", "GET")
    async def stream(request: Request, caller: AccessToken) -> Response:
        """All messages over and over, `count` in all, one each `interval_ms`.

        SSE when the client accepts it, else one JSON document per line. Ends early when the
        token is revoked meanwhile.
        """
        try:
            count = min(int(request.query_params.get("count", 3)), MOST_STREAMED)
            pause = int(request.query_params.get("interval_ms", 0)) / 1000
        except ValueError:
            return refuse(400, "count and interval_ms are whole numbers")
        sse = "text/event-stream" in request.headers.get("accept", "")

        async def items():
            box = mailboxes.messages(caller.subject)
            for number in range(count):
                if not accounts.is_valid(caller.token):
                    return
                line = json.dumps({"number": number, **box[number % len(box)].summary()})
                yield f"event: message\nid: {number}\ndata: {line}\n\n" if sse else line + "\n"
                await asyncio.sleep(pause)

        media_type = "text/event-stream" if sse else "application/x-ndjson"
        return StreamingResponse(items(), media_type=media_type)


def add_admin(server: MCPServer, accounts: Accounts) -> None:
    """For whoever runs the service: hand out and revoke tokens."""

    @server.custom_route("/admin/tokens", ["POST"])
    @as_admin(accounts)
    async def add_token(request: Request) -> Response:
        given = await request.json()
        accounts.add(given["user"], given["token"])
        return JSONResponse({"user": given["user"]}, status_code=201)

    @server.custom_route("/admin/revoke", ["POST"])
    @as_admin(accounts)
    async def revoke(request: Request) -> Response:
        user = (await request.json())["user"]
        return JSONResponse({"user": user, "revoked": accounts.revoke(user)})


def as_admin(accounts: Accounts):
    """Wraps a route so that only `Authorization: Bearer <admin key>` passes."""

    def wrap(handler):
        async def guarded(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not accounts.is_admin(key):
                return refuse(401, "the admin key is required", 'Bearer realm="inbox admin"')
            try:
                return await handler(request)
            except (KeyError, TypeError, ValueError):
                return refuse(400, "the body is not what this route takes")

        return guarded

    return wrap
