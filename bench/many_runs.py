"""Many runs at once on one server: 1,000 concurrent ones, 100 readers joined to one, 1,000 queued
on one thread. Each count is bounded; prints one line each.

bench/many_runs.py [--runs N] [--readers N] [--queued N]
"""

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from servers import behalf, scratch

BODY = {"assistant_id": "hello", "input": {"messages": "hi"}}
MOST = 2_000  # of anything
STATE = threading.local()


def call(server, method: str, path: str, body=None):
    """One request on this thread's own connection."""
    host = urllib.parse.urlparse(server.url)
    if getattr(STATE, "port", None) != host.port:
        STATE.line = http.client.HTTPConnection(host.hostname, host.port, timeout=120)
        STATE.port = host.port
    STATE.line.request(method, path, json.dumps(body) if body is not None else None,
                       {**server.headers, "Content-Type": "application/json"})
    answer = STATE.line.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:200]!r}")
    return json.loads(text) if text else None


def percentiles(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    return f"p50 {1000 * cut[49]:.0f} ms, p99 {1000 * cut[98]:.0f} ms"


def new_thread(server) -> str:
    return call(server, "POST", "/threads", {})["thread_id"]


def concurrent(server, count: int) -> str:
    """All are created at the same time, each on a thread of its own, and awaited."""
    threads = [new_thread(server) for _ in range(count)]
    gate = threading.Barrier(count)

    def one(thread: str) -> float:
        gate.wait()
        begun = time.monotonic()
        call(server, "POST", f"/threads/{thread}/runs/wait", BODY)
        return time.monotonic() - begun

    with ThreadPoolExecutor(count) as pool:
        begun = time.monotonic()
        took = list(pool.map(one, threads))
    return f"{count} concurrent runs: all in {time.monotonic() - begun:.1f} s, {percentiles(took)}"


def joined(server, readers: int) -> str:
    """Every reader sees every event of one run that has not begun when they come."""
    thread = new_thread(server)
    run = call(server, "POST", f"/threads/{thread}/runs", {
        **BODY, "after_seconds": 4, "stream_resumable": True,
        "stream_mode": ["values", "updates", "messages"]})["run_id"]
    host = urllib.parse.urlparse(server.url)

    def one(_) -> tuple[str, float]:
        line = http.client.HTTPConnection(host.hostname, host.port, 60)
        line.request("GET", f"/threads/{thread}/runs/{run}/stream",
                     headers={**server.headers, "Last-Event-ID": "-1"})
        text = line.getresponse().read().decode()
        frames = [one for one in text.split("\n\n") if one.startswith("event:")]
        return "\n".join(frames), time.monotonic()

    with ThreadPoolExecutor(readers) as pool:
        seen = list(pool.map(one, range(readers)))
    if len({text for text, _ in seen}) != 1:
        raise SystemExit("readers saw different events")
    ends = [at for _, at in seen]
    return (f"{readers} readers of one run: the same {seen[0][0].count('event:')} events each, "
            f"the last {1000 * (max(ends) - min(ends)):.0f} ms after the first")


def queued(server, count: int) -> str:
    """Runs that wait on one thread end in the order they were created."""
    thread = new_thread(server)
    begun = time.monotonic()
    made = [call(server, "POST", f"/threads/{thread}/runs", BODY)["run_id"] for _ in range(count)]
    created = time.monotonic() - begun
    call(server, "GET", f"/threads/{thread}/runs/{made[-1]}/join")
    took = time.monotonic() - begun
    rows = call(server, "GET", f"/threads/{thread}/runs?limit=1000")
    ended = [one["run_id"] for one in sorted(rows, key=lambda one: one["updated_at"])]
    if {one["status"] for one in rows} != {"success"} or ended != made[-len(ended):]:
        raise SystemExit("runs ended in another order, or not well")
    return (f"{count} queued runs on one thread: created in {created:.1f} s, "
            f"over after {took:.1f} s, in order")


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    for name, count in (("runs", 1000), ("readers", 100), ("queued", 1000)):
        ask.add_argument(f"--{name}", type=int, default=count)
    options = ask.parse_args()
    counts = options.runs, options.readers, options.queued
    if not all(1 <= one <= MOST for one in counts):
        ask.error(f"each count is from 1 to {MOST}")
    with scratch() as folder:
        server = behalf(folder)
        try:
            for what, count in zip((concurrent, joined, queued), counts, strict=True):
                print(what(server, count), flush=True)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
