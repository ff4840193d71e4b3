"""A run that crashes the process is found and given up; the others it took along go on."""

import contextlib
import sqlite3
import time

import httpx
from parts.stacks import base, start
from test_crash import until


def new_run(server, token, body: dict) -> tuple[str, str]:
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()
    return thread, run["run_id"]


def status(server, token, run: tuple[str, str]) -> str | None:
    """None while the server is not there."""
    with contextlib.suppress(httpx.TransportError):
        return server.call("GET", f"/threads/{run[0]}/runs/{run[1]}", token).json()["status"]
    return None


def crashed(server) -> bool:
    return server.process.exit_code() is not None


def a_new_run_takes(server, token) -> list[float]:
    """Seconds, measured once the server answers; nothing when it ends before."""
    hello = {"assistant_id": "hello", "input": {}}
    while not crashed(server):
        with contextlib.suppress(httpx.TransportError):
            server.call("GET", "/ok")
            began = time.monotonic()
            assert server.call("POST", "/runs/wait", token, json=hello).status_code == 200
            return [time.monotonic() - began]
    return []


def test_one_aborting_run_takes_none_of_twenty_with_it(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice", "bob"), request)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    work = {"assistant_id": "steps", "input": {"upto": 40, "pause_ms": 100}}
    innocent = [new_run(server, bob, work) for _ in range(20)]
    abort = {"assistant_id": "probe", "input": {"do": {"op": "abort"}}, "after_seconds": 1}
    poison = new_run(server, alice, abort)
    crashes, quick = 0, []

    def found() -> bool:
        return status(server, alice, poison) == "error"

    while not until(lambda: crashed(server) or found() and "found", 60) == "found":
        crashes += 1
        assert crashes <= 8
        server.start(wait=False)
        quick += a_new_run_takes(server, bob)
    assert 3 <= crashes
    assert quick and max(quick) < 2  # the search holds up nobody who comes new
    until(lambda: all(status(server, bob, r) == "success" for r in innocent), 60)
    for thread, _ in innocent:
        values = server.call("GET", f"/threads/{thread}/state", bob).json()["values"]
        assert values["seen"] == list(range(1, 41))
    said = (server.folder / "behalf.stderr").read_text()
    assert f"run_id={poison[1]}" in said and "given up" in said


def test_a_long_run_survives_any_number_of_crashes(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    run = new_run(server, token, {"assistant_id": "steps", "input": {"upto": 60, "pause_ms": 20}})

    def progress() -> int:
        state = server.call("GET", f"/threads/{run[0]}/state", token).json()
        return state["values"].get("n") or 0

    for kills in range(1, 8):
        until(lambda kills=kills: progress() >= 5 * kills)
        server.kill()
        server.start()
    joined = server.call("GET", f"/threads/{run[0]}/runs/{run[1]}/join", token).json()
    assert joined["seen"] == list(range(1, 61))


def test_runs_of_a_server_without_identity_survive_a_restart(behalf):
    config = {key: part for key, part in base().items() if key != "authorization"}
    server = behalf(config)
    run = new_run(server, None, {"assistant_id": "steps", "input": {"upto": 30, "pause_ms": 50}})
    server.kill()
    server.start()
    joined = server.call("GET", f"/threads/{run[0]}/runs/{run[1]}/join").json()
    assert joined["seen"] == list(range(1, 31))


def test_a_row_that_cannot_be_read_does_not_keep_the_server_from_starting(
    behalf, tmp_path, request
):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    later = {"assistant_id": "hello", "input": {}, "after_seconds": 3600}
    broken, good = new_run(server, token, later), new_run(server, token, later)
    server.stop()
    (database,) = server.folder.rglob("behalf.db")
    spoiled = '{"kwargs":{"input":Infinity}}'
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("UPDATE run SET doc = ? WHERE id = ?", (spoiled, broken[1]))
        db.commit()
    server.start()
    assert status(server, token, broken) == "error"
    assert status(server, token, good) == "pending"
    assert server.call("GET", f"/threads/{broken[0]}", token).json()["status"] == "error"
    assert f"run_set_aside run_id={broken[1]}" in (server.folder / "behalf.stderr").read_text()


def test_runs_that_sleep_hold_up_no_others_after_a_crash(behalf, tmp_path, request):
    config = base() | {"runs": {"suspect_turn": "500ms"}}
    stack = start(behalf, tmp_path, "dev", "embedded", config, ("alice",), request)
    server, token = stack.server, stack.login("alice")

    def steps(pause_ms: int) -> tuple[str, str]:
        return new_run(server, token, {
            "assistant_id": "steps", "input": {"upto": 1, "pause_ms": pause_ms}})

    sleeping = [steps(60_000) for _ in range(4)]
    short = [steps(2_000) for _ in range(2)]
    until(lambda: all(status(server, token, r) == "running" for r in sleeping + short))
    server.kill()
    server.start()
    token = stack.login("alice")
    until(lambda: all(status(server, token, r) == "success" for r in short), 20)
    assert {status(server, token, r) for r in sleeping} <= {"running", "pending"}
