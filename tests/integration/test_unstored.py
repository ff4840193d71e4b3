"""Runs that begin before they are stored: kill -9 and a full disk at the moments that matter."""

import contextlib
import random
import sqlite3
import threading
import time

import httpx
from parts.stacks import base, start
from parts.tools import until
from test_faults import SizeLimit

HELLO = {"assistant_id": "hello", "input": {}}


def with_service(mirror) -> dict:
    service = {"type": "http", "base_url": mirror.url, "allow_private": True, "allow_http": True}
    return base() | {"services": {"api": service}}


def calling(path: str) -> dict:
    return {"assistant_id": "probe", "input": {"do": {"op": "http", "service": "api", "path": path}}}


def waited_for(server, token, body: dict) -> threading.Thread:
    """POST /runs/wait, by a client that does not mind when the server is gone."""

    def ask() -> None:
        with contextlib.suppress(httpx.TransportError):
            server.call("POST", "/runs/wait", token, json=body)

    client = threading.Thread(target=ask)
    client.start()
    return client


def rows(server) -> int:
    (database,) = server.folder.rglob("behalf.db")
    with contextlib.closing(sqlite3.connect(database)) as db:
        return db.execute("SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM thread)"
                          ).fetchone()[0]


def test_whoever_was_called_is_called_by_a_run_that_survives(behalf, tmp_path, request, mirror):
    stack = start(behalf, tmp_path, "dev", "embedded", with_service(mirror), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    client = waited_for(server, token, calling("/held"))
    until(lambda: mirror.seen)
    server.kill()
    client.join()
    mirror.go.set()
    server.start()
    until(lambda: len(mirror.seen) == 2)  # it was stored: it is executed again
    until(lambda: rows(server) == 0)


def test_at_whatever_moment_the_server_dies_no_call_is_forgotten(behalf, tmp_path, request, mirror):
    stack = start(behalf, tmp_path, "dev", "embedded", with_service(mirror), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    dice = random.Random(20260102)
    for kill in range(12):
        paths = [f"/held/{kill}/{n}" for n in range(4)]
        mirror.go.clear()
        clients = [waited_for(server, token, calling(path)) for path in paths]
        clients += [waited_for(server, token, HELLO) for _ in range(4)]
        time.sleep(dice.uniform(0, 0.03))
        server.kill()
        for client in clients:
            client.join()
        called = {one.target for one in mirror.seen}
        mirror.seen.clear()
        mirror.go.set()
        server.start()
        until(lambda: rows(server) == 0)
        assert called & set(paths) <= {one.target for one in mirror.seen}
        mirror.seen.clear()


def test_a_run_that_takes_longer_goes_on_after_a_crash(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    steps = {"assistant_id": "steps", "input": {"upto": 20, "pause_ms": 50}}
    client = waited_for(server, token, steps)
    until(lambda: rows(server) == 2)
    server.kill()
    client.join()
    assert rows(server) == 2
    server.start()
    until(lambda: rows(server) == 0)
    assert "run_interrupted_by_crash" in (server.folder / "behalf.stderr").read_text()


def test_a_run_that_ends_the_process_at_once_does_so_once(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    waited_for(server, token, {"assistant_id": "probe", "input": {"do": {"op": "abort"}}}).join()
    until(lambda: server.process.exit_code() is not None)
    server.start()
    assert rows(server) == 0
    assert server.call("POST", "/runs/wait", token, json=HELLO).status_code == 200


def test_a_full_disk_refuses_what_must_be_stored_and_nothing_else(
    behalf, tmp_path, request, mirror
):
    full = SizeLimit(tmp_path, request)
    stack = start(behalf, tmp_path, "dev", "embedded", with_service(mirror), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    full.fill(server)
    until(lambda: server.call("GET", "/ok?check_db=1").status_code == 503)
    steps = {"assistant_id": "steps", "input": {"upto": 3, "pause_ms": 200}}
    for body in (calling("/ok"), steps):
        refused = server.call("POST", "/runs/wait", token, json=body)
        assert refused.status_code == 503, refused.text
        assert refused.headers["retry-after"] == "5"
    assert mirror.seen == []
    assert server.call("POST", "/runs/wait", token, json=HELLO).status_code == 200
    full.free(server)
    until(lambda: server.call("GET", "/ready").status_code == 200)
    assert server.call("POST", "/runs/wait", token, json=calling("/ok")).status_code == 200
    assert len(mirror.seen) == 1
    assert rows(server) == 0
