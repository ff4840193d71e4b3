"""HTTP/1.1 by hand: what a well-behaved server library would never let one do to a client."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from shared import Event

MOST_BODY = 64 << 20


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Reply:
    status: int
    body: dict | list
    headers: dict[str, str] | None = None


@dataclass
class Stream:
    """Server-sent events, or with `array` the same as one JSON array. `broken` are said at an error."""

    events: list[Event]
    knobs: dict
    array: bool = False
    broken: list[Event] | None = None


class Held:
    """No answer, ever; the connection stays open for as long as the client likes."""


class Gone(Exception):
    """The client has closed the connection."""


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """None when the client is done with the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return None
    method, target, _ = head[0].split(" ", 2)
    headers = {}
    for line in head[1:-2]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif length := int(headers.get("content-length", 0)):
        if length > MOST_BODY:
            return None
        body = await reader.readexactly(length)
    split = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(split.query).items()}
    return Request(method, split.path, query, headers, body)


def head_of(status: int, kind: str, more: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {status}",
        f"Content-Type: {kind}",
        "x-request-id: req_scripted",
        *(f"{name}: {value}" for name, value in more.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def send_reply(writer: asyncio.StreamWriter, reply: Reply) -> None:
    data = json.dumps(reply.body, ensure_ascii=False).encode()
    more = {"Content-Length": str(len(data)), **(reply.headers or {})}
    writer.write(head_of(reply.status, "application/json", more) + data)
    await writer.drain()


def encoded(one: Event, stream: Stream, at: int) -> bytes:
    """The event's bytes, as the knobs have them."""
    knobs = stream.knobs
    if stream.array:
        return (("[" if at == 0 else ",") + one.data + "\n").encode()
    end = "\r\n" if knobs.get("crlf") else "\n"
    colon = ":" if knobs.get("tight") else ": "
    text = f": keep-alive{end}{end}" if knobs.get("comments") else ""
    if one.name and not knobs.get("unnamed"):
        text += f"event{colon}{one.name}{end}"
    return (text + f"data{colon}{one.data}{end}{end}").encode()


class Sender:
    """Sends one stream, and misbehaves as its knobs say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: Stream):
        self.reader, self.writer, self.stream = reader, writer, stream
        self.knobs = stream.knobs
        self.left = self.knobs.get("cut_after_bytes", float("inf"))
        sizes = self.knobs.get("bytes", 0)
        self.sizes = sizes if isinstance(sizes, list) else [sizes]

    async def send(self) -> str:
        """What became of it: whole, cut or broken. Raises Gone, or what the socket says."""
        kind = "application/json" if self.stream.array else "text/event-stream"
        more = {"Transfer-Encoding": "chunked", "Cache-Control": "no-cache"}
        self.writer.write(head_of(200, kind, more))
        await self.pause(self.knobs.get("first_ms", 0))
        for at, one in enumerate(self.stream.events):
            if at == self.knobs.get("hold_after_events"):
                await hold(self.reader)
            if at == self.knobs.get("error_after_events"):
                for error in self.stream.broken or []:
                    await self.write(encoded(error, self.stream, at))
                await self.finish()
                return "broken"
            if at == self.knobs.get("cut_after_events"):
                return await self.cut()
            if one.token:
                await self.pause(self.knobs.get("delay_ms", 0))
            if not await self.write(encoded(one, self.stream, at)):
                return await self.cut()
        if self.stream.array:
            await self.write(b"]")
        await self.finish()
        return "whole"

    async def pause(self, ms: float) -> None:
        if self.reader.at_eof():
            raise Gone
        if ms:
            await self.writer.drain()
            await asyncio.sleep(ms / 1000)

    async def write(self, data: bytes) -> bool:
        """In pieces of the sizes asked for, over and over. False when the stream is to be cut here."""
        whole = len(data) <= self.left
        data = data[: len(data) if whole else int(self.left)]
        self.left -= len(data)
        while data:
            size = self.sizes[0] or len(data)
            self.sizes.append(self.sizes.pop(0))
            piece, data = data[:size], data[size:]
            self.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await self.writer.drain()
        return whole

    async def finish(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def cut(self) -> str:
        """`cut`: "end" (as if all were said), "close" (inside the body) or "reset"."""
        how = self.knobs.get("cut", "end")
        if how == "end":
            await self.finish()
        elif how == "reset":
            self.writer.transport.abort()
        else:
            self.writer.close()
        return "cut"


async def hold(reader: asyncio.StreamReader) -> None:
    """Until the client goes."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass
    raise Gone
