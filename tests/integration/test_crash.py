"""kill -9 at random points: what was acknowledged is there after a restart, and runs go on."""

import contextlib
import os
import random
import time

import httpx
from parts.stacks import base, start
from parts.tools import until

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "100"))


def test_nothing_acknowledged_is_lost(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    dice = random.Random(20260101)
    threads: list[str] = []
    runs: list[tuple[str, str]] = []
    for _ in range(ROUNDS):
        end = time.monotonic() + dice.uniform(0.005, 0.12)
        with contextlib.suppress(httpx.TransportError):
            while time.monotonic() < end:
                made = server.call("POST", "/threads", token, json={"metadata": {"n": len(threads)}})
                assert made.status_code == 200, made.text
                threads.append(made.json()["thread_id"])
                body = {"assistant_id": "steps", "input": {"upto": dice.randint(1, 6)}}
                run = server.call("POST", f"/threads/{threads[-1]}/runs", token, json=body)
                assert run.status_code == 200, run.text
                runs.append((threads[-1], run.json()["run_id"]))
        server.kill()
        server.start()
    assert len(threads) > ROUNDS and len(runs) > ROUNDS / 2

    def settled() -> bool:
        busy = server.call("POST", "/threads/search", token,
                           json={"status": "busy", "limit": 1}).json()
        return not busy

    until(settled, 120)
    for number, thread in enumerate(threads):
        found = server.call("GET", f"/threads/{thread}", token)
        assert found.status_code == 200, f"acknowledged thread {number} is lost"
        assert found.json()["metadata"]["n"] == number
    for thread, run in runs:
        found = server.call("GET", f"/threads/{thread}/runs/{run}", token)
        assert found.status_code == 200, "an acknowledged run is lost"
        assert found.json()["status"] in ("success", "error"), found.json()["status"]
    failed = [r for t, r in runs
              if server.call("GET", f"/threads/{t}/runs/{r}", token).json()["status"] == "error"]
    assert len(failed) <= ROUNDS * 0.02, f"{len(failed)} of {len(runs)} runs did not finish"
    for thread, _ in runs[:200]:
        values = server.call("GET", f"/threads/{thread}/state", token).json()["values"]
        if values.get("n"):
            assert values["seen"] == list(range(1, values["n"] + 1)), "a superstep was done twice"


def test_a_run_goes_on_from_its_last_checkpoint(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "input": {"upto": 40, "pause_ms": 50}}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]

    def progress() -> int:
        state = server.call("GET", f"/threads/{thread}/state", token).json()
        return state["values"].get("n") or 0

    reached = until(lambda: progress() >= 5 and progress())
    server.kill()
    began = time.monotonic()
    server.start()
    until(lambda: progress() > reached, 5)
    assert time.monotonic() - began < 4
    values = server.call("GET", f"/threads/{thread}/runs/{run}/join", token).json()
    assert values["n"] == 40 and values["seen"] == list(range(1, 41))


def test_a_drained_server_ends_what_it_began(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "input": {"upto": 30, "pause_ms": 20}}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]
    assert server.stop() == 0
    server.start()
    values = server.call("GET", f"/threads/{thread}/runs/{run}/join", token).json()
    assert values["seen"] == list(range(1, 31))


def test_a_run_that_crashes_the_server_is_given_up(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "probe", "input": {"do": {"op": "abort"}}, "after_seconds": 0.5}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]
    for _ in range(6):
        until(lambda: server.process.exit_code() is not None or answers(server, thread, run, token))
        if server.process.exit_code() is None:
            break
        server.start(wait=False)
    ended = server.call("GET", f"/threads/{thread}/runs/{run}", token).json()
    assert ended["status"] == "error"
    joined = server.call("GET", f"/threads/{thread}/runs/{run}/join", token).json()
    assert "crashes" in joined["__error__"]["message"]


def answers(server, thread: str, run: str, token: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        found = server.call("GET", f"/threads/{thread}/runs/{run}", token).json()
        return found["status"] == "error"
    return False
