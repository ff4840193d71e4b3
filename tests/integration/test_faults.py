"""Bad luck: full disks, many who change one thing at once, clocks that are set, damaged rows."""

import contextlib
import os
import resource
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest
from parts.behalf import run as behalf_run
from parts.plugins import plugin
from parts.stacks import base, start
from parts.tools import until

# --- a full disk -------------------------------------------------------------------------------


class SizeLimit:
    """No file of the server may grow: what a full disk is to a process, without a disk."""

    def __init__(self, _folder, _request):
        self.storage = None

    def fill(self, server) -> None:
        hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, hard))

    def free(self, server) -> None:
        hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


class SmallDisk:
    """A file system of its own, where root may mount one."""

    def __init__(self, folder, request):
        self.folder = folder / "disk"
        self.folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(self.folder)],
            capture_output=True, text=True, check=False,
        )
        if mounted.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
        request.addfinalizer(
            lambda: subprocess.run(["umount", "-l", str(self.folder)], check=False)
        )
        self.storage = f"sqlite:{self.folder}/behalf.db"

    def fill(self, _server) -> None:
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as out:
            while True:
                out.write(b"x" * 4096)

    def free(self, _server) -> None:
        (self.folder / "filler").unlink()


@pytest.mark.parametrize("disk", [SizeLimit, SmallDisk])
def test_a_run_that_ends_while_the_disk_is_full_is_not_forgotten(
    disk, behalf, tmp_path, request
):
    full = disk(tmp_path, request)
    config = base() | ({"storage": full.storage} if full.storage else {})
    stack = start(behalf, tmp_path, "dev", "embedded", config, ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    # Only the end is written: it meets the full disk.
    body = {"assistant_id": "steps", "input": {"upto": 20, "pause_ms": 50}, "durability": "exit"}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]
    where = f"/threads/{thread}/runs/{run}"
    full.fill(server)

    refused = until(lambda: (r := server.call("GET", "/ok?check_db=1")).status_code == 503 and r)
    assert refused.headers["retry-after"] == "5"
    assert str(tmp_path) not in refused.text
    assert server.call("GET", "/ready").status_code == 503
    assert server.call("GET", "/ok").status_code == 200
    refused = server.call("POST", "/threads", token, json={})
    assert refused.status_code == 503 and refused.headers["retry-after"] == "5"

    def waits() -> bool:
        metrics = server.call("GET", "/metrics").text.splitlines()
        return any(x.startswith("behalf_run_ends_waiting") and x.endswith(" 1") for x in metrics)

    until(waits)
    assert server.call("GET", where, token).json()["status"] == "running"
    joined = {}
    waiter = threading.Thread(
        target=lambda: joined.update(server.call("GET", f"{where}/join", token).json())
    )
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive(), "a viewer was told of an end that is not stored"
    full.free(server)
    waiter.join(20)
    assert joined["n"] == 20 and joined["seen"] == list(range(1, 21))
    assert server.call("GET", where, token).json()["status"] == "success"
    assert server.call("GET", f"/threads/{thread}", token).json()["status"] == "idle"
    until(lambda: server.call("GET", "/ready").status_code == 200)
    server.kill()
    server.start()
    values = server.call("GET", f"/threads/{thread}/state", token).json()["values"]
    assert values["n"] == 20


def test_a_run_whose_checkpoints_find_no_room_keeps_what_it_did(behalf, tmp_path, request):
    full = SizeLimit(tmp_path, request)
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "input": {"upto": 500, "pause_ms": 10}}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]

    def values() -> dict:
        return server.call("GET", f"/threads/{thread}/state", token).json()["values"]

    reached = until(lambda: (values().get("n") or 0) >= 5 and values()["n"])
    full.fill(server)
    until(lambda: server.call("GET", "/ready").status_code == 503)
    time.sleep(0.3)  # the run goes on into the full disk
    full.free(server)
    joined = server.call("GET", f"/threads/{thread}/runs/{run}/join", token).json()
    assert joined["__error__"]["error"] == "StorageFullError"
    kept = values()
    assert kept["n"] >= reached and kept["seen"] == list(range(1, kept["n"] + 1))
    history = server.call("GET", f"/threads/{thread}/history?limit=1000", token).json()
    ids = [one["checkpoint_id"] for one in history]
    parents = [one["parent_checkpoint_id"] for one in history]
    assert parents[:-1] == ids[1:] and parents[-1] is None, "the history has a hole"


def metric(server, name: str) -> float:
    metrics = server.call("GET", "/metrics").text.splitlines()
    return float(next(x for x in metrics if x.startswith(f"{name} ")).split()[1])


def ends_waiting(server) -> float:
    return metric(server, "behalf_run_ends_waiting")


def steps_run(server, token, thread: str, upto: int, **more) -> str:
    body = {"assistant_id": "steps", "input": {"upto": upto, "pause_ms": 50}, **more}
    return server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]


def test_a_server_stops_although_an_end_waits_for_room(behalf, tmp_path, request):
    full = SizeLimit(tmp_path, request)
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    assert ends_waiting(server) == 0
    run = steps_run(server, token, thread, 10, durability="exit")
    full.fill(server)
    until(lambda: ends_waiting(server) == 1)
    assert server.stop() == 0
    server.start()
    token = stack.login("alice")
    assert server.call("GET", f"/threads/{thread}/runs/{run}/join", token).json()["n"] == 10


def test_a_full_disk_keeps_nobody_waiting_for_an_end(behalf, tmp_path, request):
    full = SizeLimit(tmp_path, request)
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread, other = (
        server.call("POST", "/threads", token, json={}).json()["thread_id"] for _ in range(2)
    )
    run = steps_run(server, token, thread, 500, durability="exit")
    delayed = steps_run(server, token, other, 2, after_seconds=1)
    full.fill(server)
    for method, path in (
        ("POST", f"/threads/{thread}/runs/{run}/cancel"),
        ("POST", f"/threads/{thread}/runs/{run}/cancel?wait=true"),
        ("DELETE", f"/threads/{thread}"),
    ):
        began = time.monotonic()
        refused = server.call(method, path, token)
        assert refused.status_code == 503 and refused.headers["retry-after"] == "5"
        assert time.monotonic() - began < 5
    until(lambda: metric(server, "behalf_run_wait_seconds_count") == 2)  # its turn has come
    waits = server.call("GET", f"/threads/{other}/runs/{delayed}", token).json()
    assert waits["status"] == "pending"
    full.free(server)
    until(lambda: ends_waiting(server) == 0)
    where = f"/threads/{thread}/runs/{run}"
    assert server.call("GET", where, token).json()["status"] == "interrupted"
    assert server.call("GET", f"/threads/{other}/runs/{delayed}/join", token).json()["n"] == 2
    assert server.call("DELETE", f"/threads/{thread}", token).status_code == 204


def test_a_cancellation_holds_once_it_is_acknowledged(behalf, tmp_path, request):
    full = SizeLimit(tmp_path, request)
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    run = steps_run(server, token, thread, 400, durability="exit")
    where = f"/threads/{thread}/runs/{run}"
    full.fill(server)
    refused = server.call("POST", f"{where}/cancel", token)
    assert refused.status_code == 503 and "goes on if the server ends" in refused.json()["detail"]
    assert server.stop() == 0  # with the run's end not stored, as nobody was told it was
    server.start()
    token = stack.login("alice")
    until(lambda: server.call("GET", where, token).json()["status"] == "running")
    assert server.call("POST", f"{where}/cancel", token).status_code == 202
    server.kill()
    server.start()
    token = stack.login("alice")
    assert server.call("GET", where, token).json()["status"] == "interrupted"


# --- many at once ------------------------------------------------------------------------------


def test_runs_end_while_sixteen_clients_change_their_thread(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    over = threading.Event()
    last: dict[str, int] = {}
    faults: list[str] = []

    def patch(me: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as http:
            n = 0
            while not over.is_set():
                n += 1
                answer = http.patch(f"/threads/{thread}", json={"metadata": {me: n}})
                if answer.status_code != 200 or answer.json()["metadata"][me] < n:
                    faults.append(answer.text)
            last[me] = n

    clients = [threading.Thread(target=patch, args=(f"client{i}",)) for i in range(16)]
    for client in clients:
        client.start()
    ends = []
    for n in range(1, 41):
        body = {"assistant_id": "steps", "input": {"upto": n, "pause_ms": 0}}
        ends.append(server.call("POST", f"/threads/{thread}/runs/wait", token, json=body).json())
    over.set()
    for client in clients:
        client.join()
    assert faults == []
    assert [end.get("n") for end in ends] == list(range(1, 41))
    found = server.call("GET", f"/threads/{thread}", token).json()
    assert found["status"] == "idle" and found["values"]["n"] == 40
    assert all(found["metadata"][me] == n for me, n in last.items())
    runs = server.call("GET", f"/threads/{thread}/runs?limit=100", token).json()
    assert [run["status"] for run in runs] == ["success"] * 40


# --- clocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_a_thread_goes_on_whatever_the_clock_says(restart, behalf, tmp_path, request):
    step = tmp_path / "step"
    step.write_text("0")
    sanitized = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0".lstrip(":")
    clock = {"STEP_CLOCK": str(step), "LD_PRELOAD": plugin("step_clock"),
             "ASAN_OPTIONS": sanitized}
    stack = start(
        lambda *a, **o: behalf(*a, env=clock, **o),
        tmp_path, "dev", "embedded", base(), ("alice",), request,
    )
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    reached = 0
    for hours in (0, -2, 5, -1):
        step.write_text(str(hours * 3600))
        if restart:
            server.stop()
            server.start()
        token = stack.login("alice")
        reached += 3
        body = {"assistant_id": "steps", "input": {"upto": reached, "pause_ms": 0}}
        end = server.call("POST", f"/threads/{thread}/runs/wait", token, json=body).json()
        assert end["n"] == reached
        state = server.call("GET", f"/threads/{thread}/state", token).json()
        assert state["values"]["n"] == reached, f"the state stayed old at {hours} h"
    history = server.call("GET", f"/threads/{thread}/history?limit=100", token).json()
    ids = [one["checkpoint_id"] for one in history]
    assert [one["parent_checkpoint_id"] for one in history] == [*ids[1:], None]
    assert ids == sorted(ids, reverse=True)
    middle = ids[len(ids) // 2]
    older = server.call(
        "GET", f"/threads/{thread}/history?limit=100&before={middle}", token
    ).json()
    assert [one["checkpoint_id"] for one in older] == ids[ids.index(middle) + 1:]
    # A branch from the oldest state is newer than all of them.
    body = {"assistant_id": "steps", "input": {"upto": 1}, "checkpoint_id": ids[-1]}
    server.call("POST", f"/threads/{thread}/runs/wait", token, json=body)
    head = server.call("GET", f"/threads/{thread}/state", token).json()
    assert head["checkpoint_id"] > ids[0]


# --- what is stored ----------------------------------------------------------------------------


def test_damaged_rows_stop_neither_the_server_nor_other_rows(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    threads = [server.call("POST", "/threads", token, json={}).json()["thread_id"]
               for _ in range(3)]
    server.stop()
    data = server.folder / "data" / "behalf.db"
    with contextlib.closing(sqlite3.connect(data)) as db:
        db.execute("UPDATE thread SET doc='{\"n\":1e400' WHERE id=?", (threads[1],))
        db.commit()
    server.start()
    asked = server.call("GET", f"/threads/{threads[1]}", token)
    assert asked.status_code == 500
    assert "record_unreadable" in server.process.output()
    listed = server.call("POST", "/threads/search", token, json={}).json()
    assert {one["thread_id"] for one in listed} == {threads[0], threads[2]}
    body = {"assistant_id": "hello", "input": {"messages": []}}
    run = server.call("POST", f"/threads/{threads[0]}/runs/wait", token, json=body)
    assert run.status_code == 200

    told = behalf_run("storage", "check", data, folder=tmp_path)
    assert told.returncode == 1 and threads[1] in told.stderr
    server.stop()
    told = behalf_run("storage", "check", data, "--set-aside", folder=tmp_path)
    assert told.returncode == 0 and "1 records are now" in told.stdout
    assert behalf_run("storage", "check", data, folder=tmp_path).returncode == 0
    server.start()
    mended = server.call("GET", f"/threads/{threads[1]}", token)
    assert mended.status_code == 200 and mended.json()["values"] is None


def test_a_lost_master_key_is_not_replaced(behalf, tmp_path, request):
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    stack.server.stop()
    key = stack.server.folder / "data" / "master.key"
    kept = key.read_bytes()
    key.unlink()
    stack.server.start(wait=False)
    assert stack.server.process.wait() == 1
    assert f"{key.name}: the master key is missing" in stack.server.process.output()
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    stack.server.start()


def test_many_expired_threads_go_while_others_are_served(behalf, tmp_path, request):
    count = int(os.environ.get("EXPIRED_THREADS", "200000"))
    stack = start(behalf, tmp_path, "dev", "embedded", base(), ("alice",), request)
    server, token = stack.server, stack.login("alice")
    server.call("POST", "/threads", token, json={})
    server.stop()
    data = server.folder / "data" / "behalf.db"
    with contextlib.closing(sqlite3.connect(data)) as db:
        db.execute(
            """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?)
            INSERT INTO thread (tenant, id, status, revision, created_at, updated_at,
              state_updated_at, expires_at, ttl_ms, keep_latest, metadata, doc)
            SELECT 'default', 'old' || i, 'idle', 1, 0, 0, 0, 1, 1, 0, '{}',
              '{"values":"' || hex(randomblob(200)) || '"}' FROM n""",
            (count,),
        )
        db.commit()
    before = data.stat().st_size
    server.start()

    def left() -> int:
        with contextlib.closing(sqlite3.connect(f"file:{data}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM thread WHERE id LIKE 'old%'").fetchone()[0]

    begun = time.monotonic()
    slowest, end, rest = 0.0, begun + 180, count
    while rest and time.monotonic() < end:
        for _ in range(50):
            began = time.monotonic()
            assert server.call("POST", "/threads", token, json={}).status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        rest, earlier = left(), rest
        assert rest == 0 or rest < earlier, "the sweep stands still under load"
    assert rest == 0
    print(f"{count} threads gone in {time.monotonic() - begun:.1f} s, a request at most "
          f"{slowest * 1e3:.0f} ms, {server.process.resident_kib() / 1024:.0f} MiB resident")
    assert slowest < 1, f"a request waited {slowest:.2f} s behind the sweep"

    def shrunk() -> bool:
        with contextlib.closing(sqlite3.connect(data)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return data.stat().st_size < before * 0.6

    until(shrunk, 60)
