"""Declared agents beside `create_agent` on the reference server, both on bench/model_provider: turns a
second, what they add to the first token, CPU per token, many streams at once; see docs/benchmarks.md."""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time

from load import versions
from servers import ROOT, Measured, Server, behalf, free_port, reference, scratch
from table import Table

# How the provider answers each agent: see bench/model_provider.cpp.
MODELS = {
    "plain": "wait_0-rate_0-tokens_64",
    "tools": "wait_0-rate_0-tokens_64-tools",
    "long": "wait_0-rate_0-tokens_4000",
    "paced": "wait_0-rate_20-tokens_1200",
}
CONFIG = """\
server: {{ max_connections: 18000 }}
egress: {{ connect_timeout: 30s }}
runs: {{ slots: 10000, capacity: 10000, user_share: 1, tenant_share: 1 }}
services:
  desk: {{ type: mcp, url: "{provider}/mcp", allow_private: true, allow_http: true }}
models:
{models}
agents:
{agents}
"""
MODEL = """\
  {name}:
    {{ type: openai_chat, base_url: "{provider}/v1", model: "{model}", allow_private: true,
      allow_http: true, max_retries: 0, max_concurrent: 10000 }}
"""
AGENT = "  {name}: {{ model: {name}, prompt: You are brief.{tools} }}\n"
TOOLS = ", tools: [{ service: desk, allow: [lookup] }]"


class Program(Measured):
    """One of bench/, which says when it listens: NAME <port> <more>…"""

    def __init__(self, name: str, *more: str) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen([program(name), str(self.port), *more], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def program(name: str) -> str:
    folder = os.environ.get("BEHALF_BENCH", str(ROOT / "build/release/bench"))
    return str(pathlib.Path(folder) / name)


def ours(folder: pathlib.Path, provider: Program) -> Server:
    of = {"provider": provider.url}
    models = "".join(MODEL.format(name=n, model=m, **of) for n, m in MODELS.items())
    agents = "".join(AGENT.format(name=n, tools=TOOLS if n == "tools" else "") for n in MODELS)
    return behalf(folder, CONFIG.format(models=models, agents=agents, **of))


def theirs(folder: pathlib.Path, provider: Program) -> Server | None:
    env = {"BENCH_MODELS": provider.url + "/v1", "BENCH_AGENTS": json.dumps(MODELS)}
    return reference(folder, "reference_agents", env)


def measure(port: int, path: str, headers: dict, body: dict, clients: int, seconds: float, *more: str,
            server: Measured | None = None) -> dict:
    """What bench/stream_load says, and of `server` meanwhile the CPU and, at the end, the memory."""
    lines = [f"{k}: {v}" for k, v in headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as text:
        json.dump(body, text)
        text.flush()
        command = [program("stream_load"), port, path, clients, seconds, text.name, *lines, *more]
        load = subprocess.Popen([str(one) for one in command], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        load.stderr.readline()  # it has begun to count
        before = server.cpu_seconds() if server else 0
        time.sleep(max(0, seconds - 0.5))
        memory = server.memory_mib() if server else 0
        out, err = load.communicate(timeout=120)
    told = json.loads(out)
    if told["failed"]:
        raise SystemExit(f"{path}: {told['failed']} failed answers\n{err}")
    if server:
        told |= {"cpu": server.cpu_seconds() - before, "memory": memory}
    return told


def run(server: Server, agent: str, clients: int, seconds: float, *more: str) -> dict:
    body = {"assistant_id": agent, "stream_mode": ["messages-tuple"],
            "input": {"messages": [{"role": "user", "content": "hi"}]}}
    return measure(server.port, "/runs/stream", server.headers, body, clients, seconds, *more,
                   server=server)


def direct(to: Program, model: str, clients: int, seconds: float, *more: str) -> dict:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    return measure(to.port, "/v1/chat/completions", {}, body, clients, seconds, *more, server=to)


def rate(told: dict, what: str) -> float:
    return told[what] / told["seconds"]


def ratio(ours: float, theirs: float = 0) -> str:
    return f"{ours / theirs:,.0f}×" if theirs else ""


def turns(table: Table, servers: list[Server], seconds: float) -> None:
    for agent, what in (("plain", "model"), ("tools", "model, tool, model")):
        for clients in (1, 8, 64):
            told = [run(s, agent, clients, seconds) for s in servers]
            text = [f"{rate(t, 'answers'):,.1f}/s p50 {t['whole_p50']:.1f} p99 {t['whole_p99']:.1f} ms"
                    for t in told]
            table.add(f"turns: {what}; {clients} clients", *text,
                      ratio=ratio(*[rate(t, "answers") for t in told]))
        cost = [t["cpu"] / max(1, t["answers"]) * 1e6 for t in told]  # of the 64 clients
        table.add("CPU of one of them", *[f"{c:,.0f} µs" for c in cost], ratio=ratio(*reversed(cost)))


def first_token(table: Table, provider: Program, servers: list[Server], seconds: float) -> None:
    base = direct(provider, MODELS["plain"], 1, seconds)
    told = [run(s, "plain", 1, seconds) for s in servers]
    for part, budget in (("p50", "≤ 1 ms"), ("p99", "≤ 5 ms")):
        text = [f"{t['first_' + part] - base['first_' + part]:.2f} ms" if t["answers"] else "none came"
                for t in told]
        table.add(f"added to the first token, {part}", *text, budget=budget)


def tokens(table: Table, servers: list[Server], seconds: float) -> None:
    """Answers of 4,000 tokens, as fast as they are taken."""
    told = [run(s, "long", 8, seconds) for s in servers]
    table.add("tokens, 8 clients, all at once", *[f"{rate(t, 'tokens'):,.0f}/s" for t in told],
              ratio=ratio(*[rate(t, "tokens") for t in told]), budget="≥ 100×")
    cost = [t["cpu"] / max(1, t["tokens"]) * 1e6 for t in told]
    table.add("CPU of one of them", *[f"{c:.1f} µs" for c in cost], ratio=ratio(*reversed(cost)))


def streams(table: Table, provider: Program, servers: list[Server], seconds: float, count: int) -> None:
    """Each of 20 tokens a second, which come one by one."""
    held = ("--hold", "--slow", 400)
    for server, many in zip(servers, (count, min(count, 100)), strict=False):
        before = server.memory_mib()
        told = run(server, "paced", many, seconds, *held)
        who = f"{many:,} streams, {server.name}"
        figures = [("tokens of 20 a second each", f"{rate(told, 'tokens'):,.0f}/s", ""),
                   ("CPU per token delivered", f"{told['cpu'] / told['tokens'] * 1e6:.1f} µs", "≤ 4 µs"),
                   ("CPU of the server", f"{told['cpu'] / told['seconds'] * 100:.0f} %", ""),
                   ("memory each", f"{(told['memory'] - before) * 1024 / many:.1f} KiB", "≤ 40 KiB")]
        for what, text, budget in figures:
            table.add(f"{who}: {what}", *(["", text] if server is not servers[0] else [text]),
                      budget=budget if server is servers[0] else "")
    relay = Program("relay", str(provider.port))
    try:
        told = direct(relay, MODELS["paced"], count, seconds, *held)
    finally:
        relay.stop()
    table.add(f"{count:,} streams through bench/relay: CPU per token delivered",
              f"{told['cpu'] / told['tokens'] * 1e6:.1f} µs")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4, help="of load per figure")
    options.add_argument("--streams", type=int, default=0, help="0: as many as files can be open")
    options.add_argument("--only", action="append", choices=["turns", "first", "tokens", "streams"])
    options.add_argument("--alone", action="store_true", help="without the reference server")
    options.add_argument("--markdown", help="also write the table to this file")
    given = options.parse_args()
    most = min(10_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 600) // 2)
    print("\n".join(versions()))
    table = Table()
    wanted = given.only or ["turns", "first", "tokens", "streams"]
    with scratch() as folder, contextlib.ExitStack() as ends:
        provider = Program("model_provider")
        ends.callback(provider.stop)
        servers = [ours(folder, provider)]
        ends.callback(servers[0].stop)
        if not given.alone and (other := theirs(folder, provider)):
            servers.append(other)
            ends.callback(other.stop)
        if "turns" in wanted:
            turns(table, servers, given.seconds)
        if "first" in wanted:
            first_token(table, provider, servers, given.seconds)
        if "tokens" in wanted:
            tokens(table, servers, given.seconds)
        if "streams" in wanted:
            streams(table, provider, servers, 2 * given.seconds, given.streams or most)
    if given.markdown:
        pathlib.Path(given.markdown).write_text("\n".join(versions()) + "\n\n" + table.markdown() + "\n")


if __name__ == "__main__":
    main()
