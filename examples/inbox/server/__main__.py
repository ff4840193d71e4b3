"""Starts the mail service: python examples/inbox/server --accounts FILE [--port N].

Prints one JSON line {"url", "mcp_url", "pid"} once the port is open.
"""

import argparse
import json
import os
import socket
import sys

import uvicorn
from accounts import Accounts
from app import as_admin, build_app
from calls import CallRecorder
from messages import Mailboxes
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="inbox", description="A small mail service.")
    parser.add_argument("--accounts", help="JSON file of users; default: $INBOX_ACCOUNTS")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--json-response", action="store_true", help="MCP answers JSON, not SSE")
    parser.add_argument(
        "--record-calls", action="store_true", help="for tests: GET, DELETE /admin/calls"
    )
    return parser.parse_args()


def record_calls(app, accounts: Accounts) -> CallRecorder:
    """Remembers calls from now on and adds the routes that show and clear them."""
    recorder = CallRecorder(app)

    @as_admin(accounts)
    async def calls(request: Request) -> JSONResponse:
        if request.method == "DELETE":
            recorder.clear()
        return JSONResponse({"calls": recorder.calls()})

    app.router.routes.append(Route("/admin/calls", calls, methods=["GET", "DELETE"]))
    return recorder


def main() -> int:
    arguments = parse_arguments()
    try:
        accounts = Accounts.load(arguments.accounts)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        print(f"inbox: accounts: {error}", file=sys.stderr)
        return 2

    listener = socket.create_server((arguments.host, arguments.port))
    url = f"http://{arguments.host}:{listener.getsockname()[1]}"
    app = build_app(accounts, Mailboxes(), url, arguments.json_response)
    if arguments.record_calls:
        app = record_calls(app, accounts)
    print(json.dumps({"url": url, "mcp_url": f"{url}/mcp", "pid": os.getpid()}), flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
