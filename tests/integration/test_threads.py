"""Nodes that hold their threads, and what everyone else notices of it: nothing."""

import random
import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from parts.plugins import plugin
from parts.stacks import start
from parts.tools import until


def config(**sections: dict) -> dict:
    graphs = {name: f"{plugin('probe')}:{name}" for name in ("toil", "toil_apart")}
    return {"graphs": {"hello": "builtin:hello", **graphs}, **sections}


def metric(server, name: str) -> float:
    text = server.call("GET", "/metrics").text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def toil(server, graph: str, **state):
    body = {"assistant_id": graph, "input": state}
    return server.call("POST", "/runs/wait", json=body)


def begin(server, graph: str, token: str | None = None, **state) -> tuple[str, str]:
    thread = server.call("POST", "/threads", token, json={}).json()["thread_id"]
    body = {"assistant_id": graph, "input": state}
    run = server.call("POST", f"/threads/{thread}/runs", token, json=body).json()
    return thread, run["run_id"]


def threads_of(server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def p99_of_ok(server, over: threading.Event) -> float:
    """Seconds; as long as the others toil."""
    times = []
    while not over.is_set():
        begun = time.monotonic()
        assert server.call("GET", "/ok").status_code == 200
        times.append(time.monotonic() - begun)
    return sorted(times)[len(times) * 99 // 100]


@pytest.mark.parametrize(("threads", "most"), [(2, 0.1), (1, 0.25)])
def test_nodes_that_compute_for_long_hold_up_nobody(behalf, threads, most):
    server = behalf(config(server={"threads": threads}))
    over = threading.Event()
    with ThreadPoolExecutor(9) as crew:
        p99 = crew.submit(p99_of_ok, server, over)
        toilers = [crew.submit(toil, server, "toil", ms=3000) for _ in range(8)]
        assert all(one.result().json()["toiled"] for one in toilers)
        over.set()
        assert p99.result() <= most
    held = [line for line in server.process.output().splitlines() if "thread_held" in line]
    assert sum("node 'toil' of graph 'toil'" in line for line in held) == 1, held
    assert 1 <= metric(server, "behalf_spare_threads_lent_total") < 8
    assert metric(server, "behalf_longest_turn_seconds") >= 2.9
    until(lambda: metric(server, "behalf_spare_threads") == 0)
    # It is known now: its turns are elsewhere from the beginning.
    lent = metric(server, "behalf_spare_threads_lent_total")
    assert toil(server, "toil", ms=300).json()["toiled"]
    assert metric(server, "behalf_spare_threads_lent_total") == lent


def test_nodes_that_do_not_return_keep_their_slots_and_no_more_threads(behalf):
    runs = {"slots": 8, "blocking_threads": 4, "shutdown_grace": "1s"}
    server = behalf(config(runs=runs))
    before = threads_of(server)
    for _ in range(60):
        thread, run = begin(server, "toil_apart", ms=3000, waits=1)
        assert server.call("POST", f"/threads/{thread}/runs/{run}/cancel?wait=1").is_success
    assert threads_of(server) <= before + 4
    assert metric(server, "lg_api_num_running_runs") >= 4
    until(lambda: metric(server, "lg_api_num_running_runs") == 0)
    assert toil(server, "toil_apart", ms=1).json()["toiled"]


def test_a_node_that_looks_is_told_that_its_run_was_cancelled(behalf):
    server = behalf(config())
    thread, run = begin(server, "toil_apart", ms=600_000, waits=1, polite=1)
    until(lambda: metric(server, "behalf_blocking_turns") == 1)
    assert server.call("POST", f"/threads/{thread}/runs/{run}/cancel?wait=1").is_success
    until(lambda: metric(server, "behalf_blocking_turns") == 0)


@pytest.mark.parametrize(
    ("graph", "sign"), [("toil", "behalf_spare_threads"), ("toil_apart", "behalf_blocking_turns")]
)
def test_a_stop_does_not_wait_for_a_node_beyond_the_grace(behalf, tmp_path, request, graph, sign):
    settings = config(runs={"shutdown_grace": "2s"})
    stack = start(behalf, tmp_path, "dev", "embedded", settings, ("alice",), request)
    server, token = stack.server, stack.login("alice")
    thread, run = begin(server, graph, token, ms=8000)
    until(lambda: metric(server, sign) == 1)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 4
    log = server.process.output()
    assert "did_not_return" in log
    assert f"node 'toil' of graph '{graph}'" in log
    server.start()
    found = f"/threads/{thread}/runs/{run}"
    until(lambda: server.call("GET", found, token).json()["status"] == "success")


def test_a_stop_that_is_heard_ends_at_once(behalf):
    server = behalf(config(runs={"shutdown_grace": "10s"}))
    begin(server, "toil_apart", ms=600_000, waits=1, polite=1)
    until(lambda: metric(server, "behalf_blocking_turns") == 1)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 3
    assert "did_not_return" not in server.process.output()


def test_deleting_a_thread_under_new_runs_leaves_nothing_behind(behalf):
    graphs = {"steps": f"{plugin('probe')}:steps"}
    server = behalf({"graphs": graphs})
    threads = [str(uuid.uuid4()) for _ in range(3)]
    body = {"assistant_id": "steps", "input": {"n": 0, "upto": 10, "pause_ms": 2},
            "if_not_exists": "create"}

    def work(worker: int) -> set[int]:
        seen, dice = set(), random.Random(worker)
        for _ in range(200):
            path = f"/threads/{threads[dice.randrange(3)]}"
            asked = ("DELETE", path) if worker % 3 == 0 else ("POST", f"{path}/runs")
            options = {"json": body} if asked[0] == "POST" else {}
            seen.add(server.call(*asked, **options).status_code)
        return seen

    with ThreadPoolExecutor(12) as crew:
        assert set().union(*crew.map(work, range(12))) <= {200, 204, 404, 409, 429}
    for path in (f"/threads/{thread}" for thread in threads):
        assert server.call("DELETE", path).status_code in (204, 404)
        assert server.call("GET", path).status_code == 404
    waiting = re.search(r"^behalf_run_ends_waiting ([1-9].*)$", server.call("GET", "/metrics").text,
                        re.MULTILINE)
    assert not waiting
    for name in ("lg_api_num_running_runs", "lg_api_num_pending_runs"):
        until(lambda name=name: metric(server, name) == 0)


def test_an_authenticate_handler_that_throws_fails_its_own_request_only(behalf):
    server = behalf(config(plugins=[plugin("gate")]))
    for _ in range(2):
        assert server.call("POST", "/threads/search", "faulty", json={}).status_code == 500
        assert server.call("POST", "/threads/search", "banned", json={}).status_code == 403
    assert server.process.exit_code() is None
