"""Webhooks: what is called when a run is over, how to check it, and what is never called."""

import json
import re
import secrets
import threading
import time
import uuid

import pytest
from langgraph_sdk import get_sync_client
from parts.frames import told_by
from parts.local_server import JsonHandler, LocalServer
from parts.plugins import plugin
from parts.tools import ROOT

KEY = "whsec_" + "QUJD" * 11
SLOW = {"upto": 500, "pause_ms": 10}


def verifier():
    """The function of the page, as a reader would copy it."""
    page = (ROOT / "docs/how-to/webhooks.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], names)
    return names["is_from_behalf"]


class Receiver(LocalServer):
    """Keeps the calls to /<status>[,<status>…]/…: the first call gets the first status, …"""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict, bytes]] = []
        self.changed = threading.Condition()
        self.serve(_Handler, of=self)

    def wait(self, path: str, count: int = 1, seconds: float = 20) -> list[tuple[dict, bytes]]:
        def here() -> list:
            return [(head, body) for where, head, body in self.calls if where == path]

        with self.changed:
            assert self.changed.wait_for(lambda: len(here()) >= count, seconds), f"no {path}"
            return here()

    def body(self, path: str) -> dict:
        return json.loads(self.wait(path)[0][1])


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"
    of: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.of.changed:
            before = sum(where == self.path for where, _, _ in self.of.calls)
            self.of.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.of.changed.notify_all()
        statuses = self.path.split("/")[1].split(",")
        self.answer(int(statuses[min(before, len(statuses) - 1)]), {}, {"Location": "/200/other"})


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.stop()


def config(**webhooks) -> dict:
    local = {"allow_http": True, "allow_private": True, "first_pause": "50ms"}
    graphs = {name: f"{plugin('probe')}:{name}" for name in ("probe", "steps", "ask")}
    return {"graphs": graphs, "webhooks": {**local, **webhooks}}


@pytest.fixture
def server(behalf, tmp_path):
    (tmp_path / "behalf0").mkdir()
    (tmp_path / "behalf0" / "key").write_text(KEY + "\n")
    return behalf(config(secrets=["file:key"], headers={"Authorization": "env:HOOK"}),
                  command="dev", args=("--no-auth", "--data", "data"),
                  env={"HOOK": "Bearer static-token"})


@pytest.fixture
def client(server):
    return get_sync_client(url=server.url, api_key=None)


def test_every_end_of_a_run_is_told(server, client, receiver):
    thread = client.threads.create()["thread_id"]

    def hook(name: str) -> str:
        return f"{receiver.url}/200/{name}"

    client.runs.wait(thread, "steps", input={"upto": 2}, webhook=hook("success"))
    client.runs.wait(None, "steps", input={"upto": 3}, webhook=hook("alone"))
    server.call("POST", f"/threads/{thread}/runs/wait", json={
        "assistant_id": "probe", "input": {"do": {"op": "throw"}}, "webhook": hook("error")})
    client.runs.wait(client.threads.create()["thread_id"], "ask", input={"foo": ["x"]},
                     webhook=hook("asks"))
    for action in ("interrupt", "rollback"):
        run = client.runs.create(thread, "steps", input=SLOW, webhook=hook(action))
        next(iter(client.runs.join_stream(thread, run["run_id"])))
        client.runs.cancel(thread, run["run_id"], wait=True, action=action)
    later = client.runs.create(thread, "steps", after_seconds=3600, webhook=hook("never began"[:5]))
    client.runs.cancel(thread, later["run_id"], wait=True)

    told = receiver.body("/200/success")
    run = client.runs.get(thread, told["run_id"])
    assert run.items() <= {**told, "updated_at": run["updated_at"]}.items()
    assert told["values"]["n"] == 2 and "error" not in told
    assert told["run_started_at"] <= told["run_ended_at"] <= told["webhook_sent_at"]
    assert receiver.body("/200/alone")["values"]["n"] == 3
    failed = receiver.body("/200/error")
    assert (failed["status"], failed["error"]["error"]) == ("error", "RuntimeError")
    asks = receiver.body("/200/asks")
    assert asks["status"] == "success" and asks["values"]["foo"] == ["x", "a"]
    stopped = receiver.body("/200/interrupt")
    assert stopped["status"] == "interrupted" and stopped["values"]["upto"] == 500
    assert stopped["error"]["error"] == "UserInterrupt"
    rolled = receiver.body("/200/rollback")
    assert (rolled["status"], rolled["values"]) == ("rollback", None)
    assert rolled["error"]["error"] == "UserRollback"
    unborn = receiver.body("/200/never")
    assert (unborn["status"], unborn["run_started_at"]) == ("interrupted", None)


def test_the_receiver_can_check_a_call(client, receiver):
    client.runs.wait(None, "steps", input={"upto": 1}, webhook=receiver.url + "/200/x?secret=q")
    head, body = receiver.wait("/200/x?secret=q")[0]
    check = verifier()
    assert check(KEY, head, body)
    assert not check(KEY, head, body + b" ")
    assert not check("whsec_" + "QUJE" * 11, head, body)
    old = {**head, "webhook-timestamp": str(int(head["webhook-timestamp"]) - 600)}
    assert not check(KEY, old, body)
    assert head["content-type"] == "application/json"
    assert head["authorization"] == "Bearer static-token"
    assert uuid.UUID(head["webhook-id"]) == uuid.UUID(json.loads(body)["run_id"])


def test_a_call_is_made_until_it_is_taken(client, receiver):
    client.runs.wait(None, "steps", input={"upto": 1}, webhook=receiver.url + "/500,302,429,204/x")
    calls = receiver.wait("/500,302,429,204/x", 4)
    assert len({head["webhook-id"] for head, _ in calls}) == 1
    client.runs.wait(None, "steps", input={"upto": 1}, webhook=receiver.url + "/410/gone")
    receiver.wait("/410/gone")
    time.sleep(0.5)  # longer than two pauses
    assert len(receiver.wait("/500,302,429,204/x")) == 4 and len(receiver.wait("/410/gone")) == 1
    assert not [where for where, _, _ in receiver.calls if where == "/200/other"]


def metric(server, name: str) -> float:
    text = server.call("GET", "/metrics").text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def test_a_call_is_given_up_in_the_end(behalf, receiver):
    server = behalf(config(max_tries=3), command="dev", args=("--no-auth", "--data", "data"))
    client = get_sync_client(url=server.url, api_key=None)
    path = "/500/private-path"
    client.runs.wait(None, "steps", input={"upto": 1}, webhook=receiver.url + path + "?q=private")
    assert "webhook-signature" not in receiver.wait(path + "?q=private", 3)[0][0]
    for _ in range(200):
        if metric(server, "behalf_webhooks_waiting") == 0:
            break
        time.sleep(0.05)
    assert metric(server, "behalf_webhooks_given_up_total") == 1
    log = server.process.output()
    assert "webhook_given_up" in log and "status 500" in log and "private" not in log


def test_calls_survive_a_kill(behalf, tmp_path, receiver):
    server = behalf(config(first_pause="1s"), command="dev",
                    args=("--no-auth", "--data", "data"))
    client = get_sync_client(url=server.url, api_key=None)
    thread = client.threads.create()["thread_id"]
    names = [f"/500,200/{n}" for n in range(20)]
    for name in names:
        client.runs.wait(thread, "steps", input={"upto": 1}, webhook=receiver.url + name)
    for name in names:
        receiver.wait(name)
    server.kill()
    server.start()
    client.threads.delete(thread)  # nobody's business: the runs are over
    for name in names:
        ids = {head["webhook-id"] for head, _ in receiver.wait(name, 2)}
        assert len(ids) == 1


def test_a_long_body_comes_without_its_values(behalf, receiver):
    server = behalf(config(max_body_bytes=2048), command="dev",
                    args=("--no-auth", "--data", "data"))
    client = get_sync_client(url=server.url, api_key=None)
    client.runs.wait(None, "ask", input={"foo": ["x" * 4000]}, webhook=receiver.url + "/200/x")
    told = receiver.body("/200/x")
    assert (told["values"], told["kwargs"]) == (None, None)
    assert told["omitted"] == ["kwargs", "values"] and told["status"] == "success"


LOOPBACK = "Loopback webhooks (relative URLs and localhost) are disabled"
REFUSED = [
    ("https://localhost/x", "Webhook host blocked: localhost address"),
    ("http://localhost:1/x", "Webhook host blocked: localhost address"),
    ("https://127.0.0.1/x", "Webhook host blocked: loopback IP range"),
    ("https://[::1]/x", "Webhook host blocked: loopback IP range"),
    ("https://[::ffff:127.0.0.1]/x", "Webhook host blocked: loopback IP range"),
    ("https://10.0.0.1/x", "Webhook host blocked: blocked IP range"),
    ("https://169.254.169.254/x", "Webhook host blocked: blocked IP range"),
    ("https://0.0.0.0/x", "Webhook host blocked: blocked IP range"),
    ("https://metadata.google.internal/x", "Webhook host blocked: cloud metadata endpoint"),
    ("ftp://example.com", "Webhook host blocked: scheme 'ftp' not allowed"),
    ("http://example.com/x", "Webhook must use https"),
    ("/hook", LOOPBACK), ("//example.com/x", LOOPBACK), ("hook", LOOPBACK),
    ("", "The webhook is empty"),
    ("https://u:p@example.com/x", "Invalid webhook URL"),
    ("https://example.com/#f", "Invalid webhook URL"),
    ("https://2130706433/", "Invalid webhook URL"),
    ("https://exa mple.com/", "Invalid webhook URL"),
    ("https://example.com/" + "x" * 9000, "webhook"),
    (1, "webhook"), (None, "webhook"), (["https://example.com"], "webhook"),
]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    from parts.behalf import Behalf

    folder = tmp_path_factory.mktemp("strict")
    graphs = {"steps": f"{plugin('probe')}:steps"}
    one = Behalf({"graphs": graphs}, folder, command="dev", args=("--no-auth", "--data", "data"))
    yield one
    one.close()


@pytest.mark.parametrize("url, why", REFUSED)
def test_what_leads_inside_is_refused(strict, url, why):
    for path in ("/runs", "/runs/wait", "/runs/stream"):
        answer = strict.call("POST", path, json={"assistant_id": "steps", "webhook": url})
        assert answer.status_code == 422 and why in answer.json()["detail"]


def test_only_what_the_operator_allows_is_called(behalf):
    rules = config(allowed_domains=["*.example.com", "localhost"], allowed_ports=[443, 8443])
    server = behalf(rules, command="dev", args=("--no-auth", "--data", "data"))

    def ask(url: str) -> int:
        return server.call("POST", "/runs", json={
            "assistant_id": "steps", "webhook": url, "after_seconds": 3600}).status_code

    assert ask("https://a.example.com/") == ask("https://localhost:8443/") == 200
    for url in ("https://example.com/", "https://example.com.evil.test/", "https://127.0.0.1/",
                "https://a.example.com:444/", "http://a.example.com/"):
        assert ask(url) == 422


def test_a_call_tells_no_credential(behalf, receiver):
    secret = secrets.token_hex(16)
    server = behalf(config(headers={"X-Key": "env:HOOK"}), command="dev",
                    args=("--no-auth", "--data", "data"), env={"HOOK": secret})
    server.call("POST", "/runs/wait", headers={"X-Api-Key": "client-key", "Cookie": "a=client-key"},
                json={"assistant_id": "steps", "input": {"upto": 1},
                      "webhook": receiver.url + "/500,200/x?token=url-token"})
    calls = receiver.wait("/500,200/x?token=url-token", 2)
    for head, body in calls:
        assert head["x-key"] == secret
        assert secret.encode() not in body and b"client-key" not in body
    assert secret not in server.process.output() and "url-token" not in server.process.output()
    for file in (server.folder / "data").rglob("*"):
        assert not file.is_file() or secret.encode() not in told_by(file)
