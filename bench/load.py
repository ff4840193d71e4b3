"""Load on one server: throughput by wrk, latency of first events, idle streams held open."""

import asyncio
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from servers import Server

LUA = """\
wrk.method = "{method}"
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
{headers}
local failed = 0
function response(status) if status ~= 200 then failed = failed + 1 end end
"""


def _lua(server: Server, method: str, body) -> str:
    lines = "".join(f'wrk.headers["{k}"] = "{v}"\n' for k, v in server.headers.items())
    text = "nil" if body is None else "[[" + json.dumps(body) + "]]"
    return LUA.format(method=method, body=text, headers=lines)


def throughput(server: Server, method: str, path: str, clients: int, seconds: int, body=None):
    """Requests per second, and p50 and p99 in milliseconds. Stops the run on any failed answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_lua(server, method, body))
        script.flush()
        out = subprocess.run(
            ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s",
             script.name, server.url + path],
            capture_output=True, text=True, check=True,
        ).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        raise SystemExit(f"{server.name} {path}: {bad[1]} failed answers\n{out}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}

    def latency(percent: str) -> float:
        found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", out)
        return float(found[1]) * unit[found[2]]

    return rate, latency("50"), latency("99")


async def _open_stream(server: Server, body: dict):
    host = urllib.parse.urlparse(server.url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port)
    text = json.dumps(body).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in server.headers.items())
    writer.write(
        f"POST /runs/stream HTTP/1.1\r\nHost: localhost\r\n{head}Content-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n\r\n".encode() + text
    )
    await writer.drain()
    return reader, writer


def first_event(server: Server, rounds: int) -> tuple[float, float]:
    """Milliseconds from sending runs/stream to the first event's bytes: p50 and p99."""

    async def measure() -> list[float]:
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            reader, writer = await _open_stream(server, RUN | {"stream_mode": ["values"]})
            await reader.readuntil(b"event: metadata")
            times.append((time.perf_counter() - began) * 1000)
            writer.close()
        return times

    times = sorted(asyncio.run(measure()))
    return statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]


def idle_streams(server: Server, count: int, body: dict) -> float:
    """KiB of server memory per open stream on which nothing happens."""

    async def hold() -> float:
        before = server.memory_mib()
        streams = []
        for _ in range(count):
            reader, writer = await _open_stream(server, body)
            await reader.readuntil(b"\r\n\r\n")
            streams.append(writer)
        await asyncio.sleep(2)
        grown = server.memory_mib() - before
        for writer in streams:
            writer.close()
        return grown * 1024 / count

    return asyncio.run(hold())


RUN = {"assistant_id": "hello", "input": {"messages": [{"role": "user", "content": "hi"}]}}


def versions() -> list[str]:
    lines = []
    for command in (["uname", "-srm"], ["g++", "--version"], ["openssl", "version"]):
        lines.append(subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0])
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    lines.append(model[1] if model else "unknown CPU")
    return lines
