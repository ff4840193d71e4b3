"""Following a thread: its raw stream, and the streaming protocol's second version by the official SDK."""

import asyncio
import json
import ssl
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
import requests
import urllib3
from langgraph_sdk import get_client
from parts.plugins import plugin
from parts.tools import until
from test_client_graphs import started, token
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

CHANNELS = ["values", "messages", "lifecycle", "input", "custom", "updates", "tasks", "tools",
            "checkpoints"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = started("behalf", tmp_path_factory.mktemp("streams"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def server_of_users(tmp_path_factory):
    server = started("behalf.auth", tmp_path_factory.mktemp("users"))
    yield server
    server.close()


class Frames:
    """The frames of an event stream, read beside the test."""

    def __init__(self, answer: requests.Response):
        assert answer.status_code == 200, answer.text
        self.answer, self.all, self.ended = answer, [], False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        frame = {}
        try:
            for line in self.answer.raw:
                key, _, value = line.decode().rstrip("\r\n").partition(": ")
                if key:
                    frame[key] = value
                elif "event" in frame:
                    self.all.append({**frame, "data": json.loads(frame["data"])})
                    frame = {}
        except urllib3.exceptions.HTTPError:
            pass
        self.ended = True

    def until(self, enough, seconds: float = 10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if enough(self.all):
                return self.all
            time.sleep(0.01)
        raise AssertionError(self.all)


def follow(server, thread: str, who: str | None = None, query: str = "", **headers) -> Frames:
    auth = {"Authorization": f"Bearer {who}"} if who else {}
    return Frames(requests.get(f"{server.url}/threads/{thread}/stream{query}", stream=True,
                               headers={**auth, **headers}, timeout=30))


def follow_protocol(server, thread: str, who: str | None = None, **body) -> Frames:
    auth = {"Authorization": f"Bearer {who}"} if who else {}
    return Frames(requests.post(f"{server.url}/threads/{thread}/stream/events", stream=True,
                                json={"channels": CHANNELS, **body}, headers=auth, timeout=30))


def command(server, thread: str, method: str, params: dict, who: str | None = None) -> dict:
    auth = {"Authorization": f"Bearer {who}"} if who else {}
    return requests.post(f"{server.url}/threads/{thread}/commands", headers=auth, timeout=30,
                         json={"id": 7, "method": method, "params": params}).json()


def said(frames: list) -> list:
    return [f["data"]["params"]["data"].get("event", f["event"]) for f in frames]


def ended(frames: list) -> bool:
    return bool({"completed", "failed", "interrupted"} & set(said(frames)))


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_the_sdk_follows_answers_and_fails(server, transport):
    kind = {} if transport == "sse" else {"transport": "websocket"}

    async def journey():
        client = get_client(url=server.url, api_key=None)
        async with client.threads.stream(assistant_id="agent", **kind) as thread:
            messages = []

            async def read():
                async for message in thread.messages:
                    messages.append(message)

            reading = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            await thread.run.start(input={"messages": [{"role": "user", "content": "hi"}]})
            output = await asyncio.wait_for(thread.output, 10)
            texts = [await asyncio.wait_for(messages[i].text, 10) for i in range(2)]
            reading.cancel()
            assert [m["content"] for m in output["messages"]] == ["hi", texts[0],
                                                                  "tool_call__begin", texts[1]]
        async with client.threads.stream(assistant_id="inter", **kind) as thread:
            await thread.run.start(input={"foo": ["x"]})
            for _ in range(500):
                if thread.interrupts:
                    break
                await asyncio.sleep(0.01)
            assert thread.interrupts[0]["value"] == {"question": "ok?"}
            await thread.run.respond("yes")
            assert (await asyncio.wait_for(thread.output, 10))["ans"] == "yes"
        async with client.threads.stream(assistant_id="err", **kind) as thread:
            await thread.run.start(input={"foo": ["x"]})
            with pytest.raises(RuntimeError, match="boom"):
                await asyncio.wait_for(thread.output, 10)

    asyncio.run(journey())


def test_all_is_told_again_with_the_same_numbers_and_names(server):
    thread = str(uuid.uuid4())
    live = follow_protocol(server, thread)
    run = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": "hi"}]}}
    started_run = command(server, thread, "run.start", run)
    assert started_run["type"] == "success" and started_run["id"] == 7
    first = list(live.until(ended))
    assert [int(f["id"]) for f in first] == list(range(1, len(first) + 1))
    assert said(first)[0] == "running" and said(first)[-1] == "completed"
    again = follow_protocol(server, thread)
    assert list(again.until(ended)) == first
    rest = follow_protocol(server, thread, since=int(first[4]["id"]))
    assert rest.until(ended) == first[5:]
    assert len({f["data"]["event_id"] for f in first}) == len(first)
    requests.post(f"{server.url}/threads/{thread}/runs/wait", json=run, timeout=30)
    more = live.until(lambda all: said(all).count("completed") == 2)
    assert [int(f["id"]) for f in more] == list(range(1, len(more) + 1))


def test_filters_choose_channels(server):
    thread = str(uuid.uuid4())
    only = follow_protocol(server, thread, channels=["lifecycle"], namespaces=[[]], depth=0)
    command(server, thread, "run.start", {"assistant_id": "inter", "input": {"foo": ["a"]}})
    assert said(only.until(ended)) == ["running", "interrupted"]


def test_an_interrupt_is_answered_once_and_only_if_it_is_there(server):
    thread = str(uuid.uuid4())
    stream = follow_protocol(server, thread)
    command(server, thread, "run.start", {"assistant_id": "inter", "input": {"foo": ["a"]}})
    asked = [f for f in stream.until(ended) if f["event"] == "input.requested"]
    interrupt = asked[0]["data"]["params"]["data"]["interrupt_id"]
    answer = {"namespace": [], "interrupt_id": interrupt, "response": "yes"}
    for wrong, why in (({"interrupt_id": "x"}, "no_such_interrupt"),
                       ({"namespace": ["other:x"]}, "no_such_interrupt"),
                       ({"namespace": "other"}, "invalid_argument")):
        refused = command(server, thread, "input.respond", {**answer, **wrong})
        assert refused["error"] == why, refused
    assert command(server, thread, "input.respond", {"responses": [answer]})["result"] == {}
    stream.until(lambda all: "completed" in said(all))
    twice = command(server, thread, "input.respond", answer)
    assert twice["error"] == "no_such_interrupt"
    state = command(server, thread, "state.get", {"namespace": [], "keys": ["ans"]})
    assert state["result"]["values"] == {"ans": "yes"}


@pytest.mark.parametrize("graph, value", [("inter", {"question": "ok?"}), ("sub", "from child")])
def test_a_question_whose_run_is_no_longer_kept_is_told_to_who_comes(server, graph, value):
    thread = requests.post(f"{server.url}/threads", json={}, timeout=30).json()["thread_id"]
    body = {"assistant_id": graph, "input": {"foo": ["a"], "do_int": True}}
    requests.post(f"{server.url}/threads/{thread}/runs/wait", json=body, timeout=30)
    one = follow_protocol(server, thread, channels=["input", "lifecycle"])
    asked = one.until(ended)[0]
    assert said(one.all) == ["input.requested", "interrupted"]
    assert follow_protocol(server, thread, channels=["input"]).until(bool) == [asked]
    about = asked["data"]["params"]
    assert about["data"]["value"] == value and about["namespace"] == []
    answer = {"namespace": [], "interrupt_id": about["data"]["interrupt_id"], "response": "yes"}
    assert command(server, thread, "input.respond", answer)["result"] == {}
    told = one.until(lambda all: said(all)[-1] == "completed")
    assert said(told)[2] == "running" and "input.requested" not in said(told)[2:]


def test_the_namespace_of_an_answer_is_the_questions(server):
    thread = str(uuid.uuid4())
    live = follow_protocol(server, thread)
    inside = {"assistant_id": "sub", "input": {"foo": ["a"], "do_int": True}}
    command(server, thread, "run.start", inside)
    told = live.until(lambda all: "input.requested" in said(all))  # the inner graph stops before that
    about = next(f for f in told if f["event"] == "input.requested")["data"]["params"]
    answer = {"interrupt_id": about["data"]["interrupt_id"], "response": "yes"}
    for wrong in (["child:x"], ["other", *about["namespace"]]):
        refused = command(server, thread, "input.respond", {**answer, "namespace": wrong})
        assert refused["error"] == "no_such_interrupt" and "namespace" in refused["message"]
    assert about["namespace"][0].startswith("child:")
    right = command(server, thread, "input.respond", {**answer, "namespace": about["namespace"]})
    assert right["result"] == {}


def test_the_raw_stream_tells_runs_lifecycle_and_changes_by_hand(server):
    thread = requests.post(f"{server.url}/threads", json={}, timeout=30).json()["thread_id"]
    runs, life = follow(server, thread), follow(server, thread, query="?stream_modes=lifecycle")
    by_hand = follow(server, thread, query='?stream_mode=["state_update"]')
    body = {"assistant_id": "inter2", "input": {"foo": ["a"]}, "stream_mode": ["updates"]}
    run = requests.post(f"{server.url}/threads/{thread}/runs/wait", json=body, timeout=30)
    run_id = run.headers["Content-Location"].rpartition("/")[2]
    done = {"status": "run_done", "run_id": run_id}
    all_of_it = runs.until(lambda all: all and all[-1]["data"] == done)
    assert [f["event"] for f in all_of_it][0] == "metadata" and "updates" in str(all_of_it)
    assert all("id" in f for f in all_of_it)
    told = life.until(lambda all: len(all) == 2)
    assert told[0]["data"]["run_id"] == run_id and told[1]["data"] == done
    change = {"values": {"foo": ["by hand"]}}
    requests.post(f"{server.url}/threads/{thread}/state", json=change, timeout=30)
    update = by_hand.until(lambda all: len(all) == 1)[0]
    assert update["event"] == "state_update" and "by hand" in str(update["data"]["state"])
    later = follow(server, thread, **{"Last-Event-ID": all_of_it[0]["id"]})
    assert later.until(lambda all: len(all) >= len(all_of_it) - 1)[0] == all_of_it[1]
    requests.delete(f"{server.url}/threads/{thread}", timeout=30)
    for stream in (runs, life, by_hand, later):
        end = time.monotonic() + 10
        while not stream.ended and time.monotonic() < end:
            time.sleep(0.01)
        assert stream.ended


def test_what_is_asked_wrongly_is_refused(server):
    thread = str(uuid.uuid4())
    at = f"{server.url}/threads/{thread}"
    assert requests.get(f"{at}/stream?stream_mode=bogus", timeout=30).status_code == 422
    garbage = requests.get(f"{at}/stream", headers={"Last-Event-ID": "x"}, timeout=30)
    assert garbage.status_code == 422
    for body in ({}, {"channels": []}, {"channels": ["bogus"]}, {"channels": ["values"], "since": -1},
                 {"channels": ["values"], "namespaces": [1]}, {"channels": ["values"] * 2000}):
        answer = requests.post(f"{at}/stream/events", json=body, timeout=30)
        assert answer.status_code == 400 and answer.json()["detail"]
    assert requests.get(f"{at}/stream/events", timeout=30).status_code == 400
    for body in ([], {"id": 1}, {"id": "1", "method": "run.start"}):
        answer = requests.post(f"{at}/commands", json=body, timeout=30)
        assert answer.status_code == 400 and answer.json()["error"] == "invalid_argument"
    assert command(server, thread, "nope", {})["error"] == "unknown_command"
    assert command(server, thread, "agent.getTree", {})["error"] == "no_such_run"


def test_others_see_and_may_nothing(server_of_users):
    server = server_of_users
    alice, john = token("alice", "me", "read", "write"), token("johndoe", "me", "read", "write")
    thread = str(uuid.uuid4())
    early = follow_protocol(server, thread, john)  # before there is such a thread
    early_raw = follow(server, thread, john)
    mine = follow_protocol(server, thread, alice)
    run = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": "hi"}]}}
    assert command(server, thread, "run.start", run, alice)["type"] == "success"
    mine.until(ended)
    late = follow_protocol(server, thread, john)
    time.sleep(0.3)
    assert early.all == early_raw.all == late.all == []
    assert not early.ended and not late.ended
    stolen = command(server, thread, "run.start", run, john)
    assert stolen["error"] == "unknown_error" and stolen["message"].startswith("404: ")
    assert command(server, thread, "state.get", {}, john)["message"].startswith("404: ")
    denied = command(server, str(uuid.uuid4()), "run.start", run, token("alice"))
    assert denied["message"].startswith("403: ")
    for path, body in ((f"/threads/{thread}/commands", {"id": 1, "method": "run.start"}),
                       (f"/threads/{thread}/stream/events", {"channels": ["values"]})):
        assert requests.post(server.url + path, json=body, timeout=30).status_code == 401


def test_what_commands_read_is_counted(tmp_path):
    server = started("behalf", tmp_path, BEHALF_SERVER_ANSWER_MEMORY=str(4 << 20))
    try:
        made = server.call("POST", "/threads", json={"metadata": {"graph_id": "inter"}}).json()
        thread = made["thread_id"]
        for _ in range(8):
            change = {"values": {"ans": "x" * 1_000_000}, "as_node": "ask"}
            assert server.call("POST", f"/threads/{thread}/state", json=change).is_success
        began = time.monotonic()
        for _ in range(3):
            refused = command(server, thread, "state.listCheckpoints", {"limit": 1000})
            assert refused["message"][:5] in ("429: ", "503: ")
        assert time.monotonic() - began < 20  # it ends; no deadline ends it
        few = command(server, thread, "state.listCheckpoints", {"limit": 1})
        assert len(few["result"]["checkpoints"]) == 1
    finally:
        server.close()


def socket(server, thread: str, **options):
    url = server.url.replace("http", "ws", 1) + f"/threads/{thread}/stream/events"
    return connect(url, open_timeout=10, **options)


def test_a_websocket_is_one_caller_and_ends_with_its_thread(server_of_users):
    server, thread = server_of_users, str(uuid.uuid4())
    with pytest.raises(InvalidStatus) as refused:
        socket(server, thread)
    assert refused.value.response.status_code == 401
    mine = {"Authorization": f"Bearer {token('alice', 'me', 'read', 'write')}"}
    with socket(server, thread, additional_headers=mine) as ws:
        def ask(number, method, **params):
            ws.send(json.dumps({"id": number, "method": method, "params": params}))

        def next_of(kind):
            while True:
                got = json.loads(ws.recv(timeout=10))
                if got["type"] in kind:
                    return got

        ask(1, "subscription.subscribe", channels=["lifecycle"])
        subscribed = next_of({"success"})["result"]["subscription_id"]
        ask(2, "run.start", assistant_id="inter", input={"foo": ["a"]})
        assert next_of({"success"})["result"]["run_id"]
        events = [next_of({"event"}) for _ in range(2)]
        assert [e["params"]["data"]["event"] for e in events] == ["running", "interrupted"]
        ask(3, "subscription.subscribe", channels=["values"], since=0)
        assert next_of({"success", "event"})["id"] == 3  # before its events
        assert next_of({"event"})["method"] == "values"
        ask(4, "subscription.unsubscribe", subscription_id=subscribed)
        assert next_of({"success"})["id"] == 4
        ask(5, "subscription.unsubscribe", subscription_id=subscribed)
        assert next_of({"error"})["error"] == "no_such_subscription"
        ws.send("{")
        assert next_of({"error"})["id"] is None
        assert ws.ping().wait(10)
        deleted = server.call("DELETE", f"/threads/{thread}", mine["Authorization"][7:])
        assert deleted.status_code == 204
        with pytest.raises(Exception, match="4404"):
            while True:
                ws.recv(timeout=10)


def test_a_websocket_does_no_more_than_its_token(server_of_users):
    thread = str(uuid.uuid4())
    short = token("alice", "me", "read", "write", seconds=2)
    run = {"id": 1, "method": "run.start", "params": {"assistant_id": "echo", "input": {}}}
    with socket(server_of_users, thread, additional_headers={"Authorization": f"Bearer {short}"}) as ws:
        ws.send(json.dumps(run))
        assert json.loads(ws.recv(timeout=10))["type"] == "success"
        while server_of_users.call("POST", "/threads/count", short, json={}).status_code != 401:
            time.sleep(0.1)
        ws.send(json.dumps(run))
        with pytest.raises(ConnectionClosedError) as closed:
            ws.recv(timeout=10)
        assert closed.value.rcvd.code == 4401


def test_a_fresh_token_goes_on_where_the_old_one_ended(server_of_users):
    """A reader whose token is over loses its streams, and none of the events."""
    server, thread = server_of_users, str(uuid.uuid4())
    long, short = token("alice", "me", "read", "write"), token("alice", "me", "read", seconds=2)
    run = {"assistant_id": "slow", "input": {"n": 70, "delay": 0.1}}
    assert command(server, thread, "run.start", run, who=long)["type"] == "success"
    old = follow_protocol(server, thread, who=short)
    end = time.monotonic() + 12
    while not old.ended:
        assert time.monotonic() < end, "the stream outlasts its token"
        time.sleep(0.05)
    seen = list(old.all)
    assert seen and not ended(seen)
    with pytest.raises(AssertionError):
        follow_protocol(server, thread, who=short)
    rest = follow_protocol(server, thread, who=long, since=int(seen[-1]["id"])).until(ended, 15)
    numbers = [int(one["id"]) for one in seen + rest]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_joined_run_is_told_as_long_as_the_token_is_good(server_of_users):
    server = server_of_users
    long, short = token("alice", "me", "read", "write"), token("alice", "me", "read", seconds=2)
    thread = server.call("POST", "/threads", long, json={}).json()["thread_id"]
    run = server.call("POST", f"/threads/{thread}/runs", long, json={
        "assistant_id": "slow", "input": {"n": 70, "delay": 0.1}}).json()["run_id"]
    base = f"{server.url}/threads/{thread}/runs/{run}"

    def get(verb: str, who: str) -> requests.Response:
        return requests.get(f"{base}/{verb}", headers={"Authorization": f"Bearer {who}"},
                            stream=True, timeout=30)

    told, cut, joined = Frames(get("stream", long)), Frames(get("stream", short)), get("join", short)
    until(lambda: cut.ended, 12)
    state = server.call("GET", f"/threads/{thread}/runs/{run}", long).json()
    assert state["status"] == "running", "the stream outlasts its token"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        joined.content  # noqa: B018
    until(lambda: told.ended, 12)
    assert len(told.all) > len(cut.all) > 0
    assert get("join", short).status_code == 401


def test_a_websocket_over_tls_with_its_token_among_the_subprotocols(behalf, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem",
                    "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    files = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    server = behalf({"server": {"tls": files}, "graphs": [plugin("test_graphs")],
                     "plugins": [plugin("test_policy")]}, command="dev", wait=False)
    trusted = ssl.create_default_context(cafile=files["cert"])
    https = server.url.replace("http", "https", 1)

    def answers():
        try:
            return httpx.get(f"{https}/ok", verify=trusted).status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    url = f"{https.replace('http', 'ws', 1)}/threads/{uuid.uuid4()}/stream/events"
    mine = ["bearer", token("alice", "me", "read", "write")]

    # By one thread: Python's TLS sockets bear no two, as the client that blocks has.
    async def journey():
        for protocols in (None, ["bearer", "x"], ["other", token("alice", "me")]):
            with pytest.raises(InvalidStatus) as refused:
                await async_connect(url, ssl=trusted, subprotocols=protocols)
            assert refused.value.response.status_code == 401
        async with async_connect(url, ssl=trusted, subprotocols=mine) as ws:
            assert ws.subprotocol == "bearer"
            await ws.send(json.dumps({"id": 1, "method": "run.start",
                                      "params": {"assistant_id": "echo", "input": {"text": "x"}}}))
            assert json.loads(await ws.recv())["type"] == "success"
            await ws.send(json.dumps({"id": 2, "method": "subscription.subscribe",
                                      "params": {"channels": ["lifecycle"]}}))
            said_so = []
            while "completed" not in said_so:
                got = json.loads(await ws.recv())
                if got["type"] == "event":
                    said_so.append(got["params"]["data"]["event"])

    asyncio.run(asyncio.wait_for(journey(), 30))
    assert mine[1] not in server.process.output()


def test_long_commands_take_their_turn(server):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket(server, str(uuid.uuid4()))) for _ in range(8)]
        long = {"x": [0] * 90000}
        for number in range(3):
            for ws in sockets:
                ws.send(json.dumps({"id": number, "method": "nothing", "params": long}))
            for ws in sockets:
                answer = json.loads(ws.recv(timeout=10))
                assert (answer["id"], answer["error"]) == (number, "unknown_command")
        sockets[0].send(json.dumps({"id": "x" * 100000, "method": "nothing"}))
        assert json.loads(sockets[0].recv(timeout=10))["id"] is None


def test_a_websocket_has_bounds(server):
    thread = str(uuid.uuid4())
    with socket(server, thread) as ws:
        for number, names in enumerate((600, 600, 300)):  # of all subscriptions together
            wanted = {"channels": ["values"], "namespaces": [["x"] * (names - 2)]}
            ws.send(json.dumps({"id": number, "method": "subscription.subscribe", "params": wanted}))
        answers = [json.loads(ws.recv(timeout=10)) for _ in range(3)]
        assert [a["type"] for a in answers] == ["success", "error", "success"]
    with socket(server, thread) as ws:
        for number in range(65):
            ws.send(json.dumps({"id": number, "method": "subscription.subscribe",
                                "params": {"channels": ["values"]}}))
        answers = [json.loads(ws.recv(timeout=10)) for _ in range(65)]
        assert [a["type"] for a in answers] == ["success"] * 64 + ["error"]
        ws.send("[" * 200)
        assert json.loads(ws.recv(timeout=10))["error"] == "invalid_argument"
    for size in (1024 * 1024 + 1, 8 * 1024 * 1024):  # its sender learns why, though it still sends
        with socket(server, thread) as ws:
            assert ws.response.headers["Server"] == "behalf"
            ws.send("x" * size)
            with pytest.raises(ConnectionClosedError) as closed:
                ws.recv(timeout=10)
            assert closed.value.rcvd.code == 1009


def test_a_command_beyond_the_limit_is_refused_by_its_id(tmp_path):
    own = started("behalf", tmp_path, BEHALF_LIMITS_USER_BURST="3",
                  BEHALF_LIMITS_USER_REQUESTS_PER_SECOND="0.001")
    try:
        with socket(own, str(uuid.uuid4())) as ws:
            for number in range(1, 5):
                ws.send(json.dumps({"id": number, "method": "agent.getTree", "params": {}}))
            answers = [json.loads(ws.recv(timeout=10)) for _ in range(4)]
        assert [one["id"] for one in answers] == [1, 2, 3, 4]
        assert answers[-1]["message"].startswith("429: ")
    finally:
        own.close()


def test_pages_of_other_origins_open_no_websocket(server):
    with pytest.raises(InvalidStatus) as refused:
        socket(server, str(uuid.uuid4()), origin="https://evil.example")
    assert refused.value.response.status_code == 403


def test_open_streams_are_counted_by_kind(tmp_path):
    own = started("behalf", tmp_path)
    thread = requests.post(f"{own.url}/threads", json={}, timeout=30).json()["thread_id"]

    def counted() -> dict[str, int]:
        lines = requests.get(f"{own.url}/metrics", timeout=30).text.splitlines()
        found = (line for line in lines if line.startswith("behalf_streams_open{"))
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in found}

    def until(wanted: dict[str, int]) -> None:
        end = time.monotonic() + 10
        while {kind: n for kind, n in counted().items() if n} != wanted:
            assert time.monotonic() < end, counted()
            time.sleep(0.02)

    try:
        assert set(counted()) == {"run", "result", "call", "thread", "protocol", "socket"}
        raw = requests.get(f"{own.url}/threads/{thread}/stream", stream=True, timeout=30)
        protocol = requests.post(f"{own.url}/threads/{thread}/stream/events", stream=True,
                                 json={"channels": CHANNELS}, timeout=30)
        with connect(f"{own.url.replace('http', 'ws')}/threads/{thread}/stream/events"):
            until({"thread": 1, "protocol": 1, "socket": 1})
        raw.close()
        until({"protocol": 1})
        protocol.close()
        until({})
    finally:
        own.close()


def test_a_stop_does_not_wait_for_those_who_follow_others(tmp_path):
    own = started("behalf", tmp_path)
    call, base = own.call, f"{own.url}/threads"
    slow = {"assistant_id": "slow", "input": {"n": 600, "delay": 0.1}}
    try:
        idle, busy = (call("POST", "/threads", json={}).json()["thread_id"] for _ in range(2))
        run = call("POST", f"/threads/{busy}/runs", json=slow).json()["run_id"]
        streams = [follow(own, idle), follow(own, busy), follow_protocol(own, busy),
                   Frames(requests.get(f"{base}/{busy}/runs/{run}/stream", stream=True, timeout=30))]
        at = f"{own.url.replace('http', 'ws')}/threads"
        subscribe = {"id": 1, "method": "subscription.subscribe",
                     "params": {"channels": ["values"]}}
        with (connect(f"{at}/{idle}/stream/events") as quiet,
              connect(f"{at}/{busy}/stream/events") as loud, ThreadPoolExecutor() as others):
            for ws in (quiet, loud):
                ws.send(json.dumps(subscribe))
                assert json.loads(ws.recv(10))["type"] == "success"
            joined = others.submit(requests.get, f"{base}/{busy}/runs/{run}/join", timeout=30)
            waited = others.submit(call, "POST", "/runs/wait", json={
                "assistant_id": "slow", "input": {"n": 20, "delay": 0.1}})
            until(lambda: 'behalf_streams_open{kind="result"} 2' in call("GET", "/metrics").text)
            began = time.monotonic()
            assert own.stop() == 0
            assert time.monotonic() - began < 6  # of ten seconds' grace
            for ws in (quiet, loud):
                with pytest.raises(ConnectionClosedError) as closed:
                    while True:
                        ws.recv(1)
                assert closed.value.rcvd.code == 1013  # come back
            assert joined.result().json()["__error__"]["error"] == "ServerStopping"
            assert waited.result().status_code == 200  # its own run, which had the time
            assert "__error__" not in waited.result().json()
        for one in streams:
            until(lambda one=one: one.ended)
        assert "shutdown_cuts_connections" not in own.process.stderr.read_text()
    finally:
        own.close()
