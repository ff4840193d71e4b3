"""Starts the scripted model provider: python examples/assistant/provider [--port N] [--scripts FILE].

Prints one JSON line {"url", "pid"} once the port is open. README.md says what it can do.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys

import embeddings
import wire_chat
import wire_gemini
import wire_messages
import wire_responses
from server import Gone, Held, Reply, Request, Sender, Stream, hold, read_request, send_reply
from shared import Refused

from scripts import BUILT_IN, Script, answer_of

WIRES = {
    "chat/completions": wire_chat,
    "responses": wire_responses,
    "messages": wire_messages,
    "gemini": wire_gemini,
}
GEMINI = re.compile(r"/v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent)")
OPENAI = re.compile(r"/v1/(chat/completions|responses|messages|embeddings)")


class Provider:
    """All scripts, and with `record` all requests that came, newest last."""

    def __init__(self, scripts: dict[str, dict], record: bool):
        self.scripts = {name: Script(given) for name, given in (BUILT_IN | scripts).items()}
        self.record = record
        self.requests: list[dict] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
            while not writer.is_closing() and (request := await read_request(reader, writer)):
                if request.path.startswith("/control/"):
                    await send_reply(writer, self.control(request))
                    continue
                kept = self.keep(request)
                try:
                    kept["outcome"] = await self.answer(request, kept, reader, writer)
                except (Gone, ConnectionError):
                    kept["outcome"] = "client gone"
                    break
        writer.close()

    def keep(self, request: Request) -> dict:
        """`outcome`: open, whole, refused (with `status`), cut, broken (by an error inside), client gone."""
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        kept = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": body,
            "wire": None,
            "model": None,
            "status": None,
            "outcome": "open",
        }
        if self.record:
            self.requests.append(kept)
        return kept

    async def answer(self, request: Request, kept: dict, reader, writer) -> str:
        what = self.reply(request, kept)
        if isinstance(what, Held):
            await hold(reader)
        if isinstance(what, Stream):
            kept["status"] = 200
            return await Sender(reader, writer, what).send()
        kept["status"] = what.status
        await send_reply(writer, what)
        return "whole" if what.status == 200 else "refused"

    def reply(self, request: Request, kept: dict) -> Reply | Stream | Held:
        wire, body = wire_chat, kept["body"]
        try:
            gemini, openai = GEMINI.fullmatch(request.path), OPENAI.fullmatch(request.path)
            if request.method != "POST" or not (gemini or openai):
                raise Refused(404, f"Invalid URL ({request.method} {request.path})")
            kept["wire"] = "gemini" if gemini else openai[1]
            wire = WIRES.get(kept["wire"], wire_chat)
            if not isinstance(body, dict):
                raise Refused(400, "We could not parse the JSON body of your request.")
            if gemini:
                body = body | {"model": gemini[1], "stream": gemini[2].startswith("stream")}
            kept["model"] = body.get("model")
            return self.say(request, kept["wire"], wire, body)
        except Refused as refused:
            return Reply(refused.status, wire.error(refused), refused.headers)
        except (KeyError, TypeError, AttributeError, IndexError) as wrong:
            malformed = Refused(400, f"malformed request: {wrong!r}")
            return Reply(400, wire.error(malformed))

    def say(self, request: Request, name: str, wire, body: dict) -> Reply | Stream | Held:
        script = self.scripts.get(body.get("model"))
        if script is None:
            raise Refused(
                404,
                f"The model `{body.get('model')}` does not exist",
                "model_not_found" if wire is not wire_messages and wire is not wire_gemini else None,
            )
        if script.keys is not None and key_of(request) not in script.keys:
            raise Refused(
                401, "Incorrect API key provided.", "invalid_api_key" if wire is wire_chat else None
            )
        if name == "embeddings":
            if script.first or script.steps:
                answer_of(
                    (script.first or script.steps).pop(0), script, wire_chat.Conversation(body["model"])
                )
            return Reply(200, embeddings.embed(body))
        said = wire.read(body, request.headers, script.requires)
        step = script.next(said)
        if step.get("hold"):
            return Held()
        answer = answer_of(step, script, said)
        if not said.stream:
            return Reply(200, wire.whole(answer))
        broken = wire.broken(
            Refused(**({"status": 500, "message": "failed"} | answer.knobs.get("error", {}))),
            answer.knobs.get("error_after_events", 0),
        )
        array = name == "gemini" and request.query.get("alt") != "sse"
        return Stream(wire.events(answer, said.usage), answer.knobs, array, broken)

    def control(self, request: Request) -> Reply:
        """For tests: PUT /control/models/NAME {script}; GET, DELETE /control/requests."""
        name = request.path.removeprefix("/control/models/")
        if request.method == "PUT" and name != request.path:
            try:
                self.scripts[name] = Script(json.loads(request.body))
            except (ValueError, TypeError, AttributeError) as wrong:
                return Reply(400, {"error": str(wrong)})
            return Reply(200, {})
        if request.path == "/control/requests" and request.method == "DELETE":
            self.requests.clear()
        elif request.path != "/control/requests" or request.method != "GET":
            return Reply(404, {})
        return Reply(200, {"requests": self.requests})


def key_of(request: Request) -> str:
    """By whichever header a wire has for it."""
    given = request.headers
    return (
        given.get("x-api-key")
        or given.get("x-goog-api-key")
        or given.get("api-key")
        or given.get("authorization", "").removeprefix("Bearer ")
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="provider", description="A scripted model provider.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scripts", help="JSON file: {model: script}")
    parser.add_argument("--record", action="store_true", help="for tests: keep requests, keys and all")
    return parser.parse_args()


async def run(arguments: argparse.Namespace, scripts: dict[str, dict]) -> None:
    provider = Provider(scripts, arguments.record)
    server = await asyncio.start_server(provider.serve, arguments.host, arguments.port, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://{arguments.host}:{port}", "pid": os.getpid()}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> int:
    arguments = parse_arguments()
    scripts = {}
    if arguments.scripts:
        try:
            with open(arguments.scripts) as file:
                scripts = json.load(file)
        except (OSError, ValueError) as error:
            print(f"provider: scripts: {error}", file=sys.stderr)
            return 2
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments, scripts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
