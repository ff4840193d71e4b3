"""One user's runs never keep another's waiting: slots, what the server holds, delayed runs."""

import json
import socket
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from parts.behalf import run
from parts.stacks import base, start

USERS = ("alice", "bob")
# A body whose reading takes milliseconds.
LONG = json.dumps({"assistant_id": "hello", "input": {}, "more": [[0] * 9] * 20000}).encode()


def stack_with(behalf, tmp_path, request, **runs):
    return start(behalf, tmp_path, "dev", "embedded", base() | {"runs": runs}, USERS, request)


def test_a_user_with_all_slots_busy_does_not_hold_up_the_next(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request, slots=64)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    server.call("POST", "/runs/wait", bob, json={"assistant_id": "hello", "input": {}})
    slow = {"assistant_id": "steps", "input": {"upto": 1, "pause_ms": 3000}}
    for _ in range(200):
        assert server.call("POST", "/runs", alice, json=slow).status_code == 200
    began = time.monotonic()
    done = server.call("POST", "/runs/wait", bob, json={"assistant_id": "hello", "input": {}})
    waited = time.monotonic() - began
    assert done.status_code == 200
    print(f"bob's run took {waited * 1000:.0f} ms")
    assert waited < 0.5  # the first of alice's ends after 3 s


def test_a_user_cannot_fill_the_server(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request, slots=2, capacity=16)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    slow = {"assistant_id": "steps", "input": {"upto": 1, "pause_ms": 20000}}
    answers = [server.call("POST", "/runs", alice, json=slow) for _ in range(20)]
    assert [a.status_code for a in answers].count(200) == 14
    assert answers[-1].status_code == 429
    assert "share" in answers[-1].json()["detail"]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert server.call("POST", "/runs", bob, json=slow).status_code == 200


def test_one_users_long_bodies_do_not_hold_up_anothers_short_ones(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    with ThreadPoolExecutor(60) as many:
        alices = [
            many.submit(server.call, "POST", "/runs/wait", alice, content=LONG) for _ in range(60)
        ]
        wait(alices, return_when=FIRST_COMPLETED)
        for _ in range(3):
            assert server.call("POST", "/threads", bob, json={}).status_code == 200
        left = sum(not a.done() for a in alices)
    print(f"{left} of alice's bodies were not worked on yet")
    assert left > 20
    assert {a.result().status_code for a in alices} <= {200, 429}


def test_who_leaves_gives_up_the_turn_at_long_bodies(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request)
    server, alice = stack.server, stack.login("alice")
    host, port = server.url.removeprefix("http://").split(":")
    head = (
        f"POST /runs/wait HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {alice}\r\n"
        f"Content-Length: {len(LONG)}\r\n\r\n"
    )
    for _ in range(30):
        with socket.create_connection((host, int(port))) as leaver:
            leaver.sendall(head.encode() + LONG)
    done = server.call("POST", "/runs/wait", alice, content=LONG)
    assert done.status_code == 200


def test_delayed_runs_are_bounded_by_user_across_restarts(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request, delayed_per_user=5, capacity=4)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    later = {"assistant_id": "hello", "input": {}, "after_seconds": 30 * 24 * 3600}
    too_late = server.call("POST", "/runs", alice, json=later | {"after_seconds": 1e9})
    assert too_late.status_code == 422 and "after_seconds" in too_late.text
    past = server.call("POST", "/runs/wait", alice, json=later | {"after_seconds": -5})
    assert past.status_code == 200
    for _ in range(5):
        assert server.call("POST", "/runs", alice, json=later).status_code == 200
    for _ in range(2):
        assert server.call("POST", "/runs", alice, json=later).status_code == 429
        now = {"assistant_id": "hello", "input": {}}
        assert server.call("POST", "/runs/wait", alice, json=now).status_code == 200
        server.kill()
        server.start()
    assert server.call("POST", "/runs", bob, json=later).status_code == 200


def test_a_delayed_run_starts_in_its_time_after_a_restart(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request)
    server, token = stack.server, stack.login("alice")
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "input": {"upto": 2}, "after_seconds": 4}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()["run_id"]
    server.kill()
    server.start()
    at = f"/threads/{thread}/runs/{run}"
    assert server.call("GET", at, token).json()["status"] == "pending"
    values = server.call("GET", f"{at}/join", token).json()
    assert values["seen"] == [1, 2]
    assert server.call("GET", at, token).json()["status"] == "success"


def token_of(server, user: str) -> str:
    made = run(
        "token", "--url", server.url, "--user", user, "--password", user, folder=server.folder
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_threads_of_one_id_in_two_tenants_are_two(behalf):
    config = base() | {
        "dev": {
            "tenant_claim": "org",
            "users": [
                {"name": "alice", "claims": {"org": "acme"}},
                {"name": "mallory", "claims": {"org": "globex"}},
            ],
        }
    }
    server = behalf(config, command="dev", args=("--data", "data"))
    alice, mallory = token_of(server, "alice"), token_of(server, "mallory")
    thread = "11111111-2222-4333-8444-555555555555"
    slow = {"assistant_id": "steps", "input": {"upto": 100, "pause_ms": 50}}
    quick = {"assistant_id": "hello", "input": {}, "if_not_exists": "create"}
    slow["if_not_exists"] = "create"
    for token in (alice, mallory):
        assert server.call("POST", f"/threads/{thread}/runs", token, json=slow).status_code == 200
    rejected = server.call(
        "POST", f"/threads/{thread}/runs", alice, json=quick | {"multitask_strategy": "reject"}
    )
    assert rejected.status_code == 409  # by her own run
    began = time.monotonic()
    interrupted = server.call(
        "POST",
        f"/threads/{thread}/runs/wait",
        alice,
        json=quick | {"multitask_strategy": "interrupt"},
    )
    assert interrupted.status_code == 200
    assert time.monotonic() - began < 4  # mallory's goes on for 5 s
    assert server.call("GET", f"/threads/{thread}", alice).json()["status"] == "idle"
    assert server.call("GET", f"/threads/{thread}", mallory).json()["status"] == "busy"


def test_a_threads_state_grows_up_to_its_bound(behalf, tmp_path, request):
    stack = stack_with(behalf, tmp_path, request, state_bytes=1 << 20)
    server, alice = stack.server, stack.login("alice")
    thread = "/threads/" + server.call("POST", "/threads", alice, json={}).json()["thread_id"]

    def grow(size: int) -> dict:
        body = {"assistant_id": "steps", "input": {"upto": 1, "seen": ["x" * size]}}
        return server.call("POST", f"{thread}/runs/wait", alice, json=body).json()

    assert "seen" in grow(700_000)
    before = server.call("GET", f"{thread}/state", alice).json()["values"]["seen"]
    failed = grow(700_000)["__error__"]
    assert failed["error"] == "InvalidUpdateError" and "1048576 bytes" in failed["message"]
    shown = server.call("GET", thread, alice).json()
    assert shown["status"] == "error" and shown["values"]["seen"] == before
    assert len(grow(1_000)["seen"]) > len(before)


def test_long_threads_are_counted_before_they_are_read(behalf, tmp_path, request):
    config = base() | {"server": {"answer_memory": 64 << 20}}
    stack = start(behalf, tmp_path, "dev", "embedded", config, USERS, request)
    server, alice, bob = stack.server, stack.login("alice"), stack.login("bob")
    thread = "/threads/" + server.call("POST", "/threads", alice, json={}).json()["thread_id"]
    numbers = [[1] * 90_000] * 10  # 2 MB that are many times that while they are read
    body = {"assistant_id": "steps", "input": {"upto": 0, "seen": numbers}}
    assert server.call("POST", f"{thread}/runs/wait", alice, json=body).status_code == 200
    assert server.call("GET", thread, alice).status_code == 200  # alone
    before = server.process.resident_kib()
    most = 0
    with ThreadPoolExecutor(24) as clients:
        asked = [clients.submit(server.call, "GET", thread, alice) for _ in range(96)]
        while not all(one.done() for one in asked):
            most = max(most, server.process.resident_kib())
            time.sleep(0.005)
        answers = [one.result() for one in asked]
    print(f"{(most - before) / 1024:.0f} MiB more in memory")
    assert {a.status_code for a in answers} <= {200, 429, 503}
    assert any(a.status_code == 200 for a in answers)
    assert all("Retry-After" in a.headers for a in answers if a.status_code != 200)
    assert most - before < 240 * 1024  # 130 to 210; was 290 and more
    page = {"select": ["thread_id", "status"]}
    found = server.call("POST", "/threads/search", alice, json=page)
    assert found.json() == [{"thread_id": thread.rpartition("/")[2], "status": "idle"}]
    assert server.call("GET", thread, bob).status_code == 404
