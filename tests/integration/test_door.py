"""The door: what strangers, one greedy user and web pages may do before anybody else waits."""

import socket
import time

import pytest
from parts.behalf import Behalf
from parts.plugins import plugin

TWENTY_MB = 20_000_000


@pytest.fixture
def door(behalf):
    """`door(server={…})`: a server with the development issuer's users alice and bob."""

    def start(**server) -> Behalf:
        users = [{"name": name} for name in ("alice", "bob")]
        graphs = {"hello": "builtin:hello", "steps": f"{plugin('probe')}:steps"}
        return behalf({"server": server, "dev": {"users": users}, "graphs": graphs},
                      command="dev")

    return start


def log_in(server: Behalf, user: str) -> str:
    form = {"grant_type": "password", "username": user, "password": user}
    answer = server.call("POST", "/dev/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def head(server: Behalf, length: int, token: str | None = None, path: str = "/threads",
         **more: str) -> bytes:
    fields = {"Host": server.url.removeprefix("http://"), "Content-Length": str(length),
              "Content-Type": "application/json"}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


def dial(server: Behalf) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def status_of(client: socket.socket) -> int:
    """The status of the next answer; 0 when the connection ends without one."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        try:
            more = client.recv(65536)
        except ConnectionError:
            more = b""
        if not more:
            break
        seen += more
    return int(seen.split(b" ", 2)[1]) if seen.startswith(b"HTTP/1.1 ") else 0


def memory(server: Behalf, field: str) -> int:
    """VmRSS or VmHWM in MiB."""
    with open(f"/proc/{server.process.pid}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) // 1024
    raise AssertionError(f"no {field}")


@pytest.mark.parametrize("known", [False, True])
def test_announcing_bodies_takes_nothing_from_others(door, known):
    server = door()
    token = log_in(server, "alice") if known else None
    clients = [dial(server) for _ in range(26)]
    for client in clients:
        client.sendall(head(server, TWENTY_MB, token))
    if not known:
        assert {status_of(client) for client in clients} == {401}
    bob = log_in(server, "bob")
    for _ in range(10):
        assert server.call("POST", "/threads", bob, json={}).status_code == 200
    for client in clients:
        client.close()


def test_a_strangers_body_stays_outside(door):
    server = door()
    before = memory(server, "VmRSS")
    for _ in range(8):
        client = dial(server)
        client.sendall(head(server, TWENTY_MB))
        assert status_of(client) == 401
        try:  # it goes on sending: what is read is thrown away, and soon nothing is
            for _ in range(20):
                client.sendall(b"x" * 1_000_000)
        except OSError:
            pass
        client.close()
    assert memory(server, "VmRSS") - before < 16


def test_a_trickling_body_ends_at_its_deadline(door):
    server = door(body_deadline="1s")
    client = dial(server)
    client.sendall(head(server, 1_000_000, log_in(server, "alice")))
    client.setblocking(False)
    begun, seen = time.monotonic(), b""
    while not seen and time.monotonic() < begun + 10:
        try:
            client.send(b" ")
            seen = client.recv(65536)
        except BlockingIOError:
            pass
    assert seen.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 5


def test_one_users_bodies_leave_room_for_another(door):
    server = door(max_body_memory=8 << 20)
    alice, bob = log_in(server, "alice"), log_in(server, "bob")
    held, refused = [], 0
    for _ in range(14):  # bodies that are never finished
        client = dial(server)
        client.sendall(head(server, 1_000_000, alice) + b" " * 990_000)
        client.settimeout(0.5)
        try:
            assert status_of(client) == 429
            refused += 1
        except TimeoutError:
            held.append(client)
    assert 5 <= len(held) <= 8 and refused >= 5
    body = {"a field nobody reads": "b" * 200_000}
    assert server.call("POST", "/threads", bob, json=body).status_code == 200
    for client in held:
        client.close()


def test_a_small_body_beside_its_head_is_served_in_one_go(door):
    server = door()
    alice = log_in(server, "alice")
    client = dial(server)
    for token, wanted in ((None, 401), (alice, 200), (None, 401), (alice, 200)):
        client.sendall(head(server, 2, token) + b"{}")
        assert status_of(client) == wanted  # and the connection goes on


def test_continue_is_for_those_who_are_known(door):
    server = door()
    stranger = dial(server)
    stranger.sendall(head(server, 2, None, Expect="100-continue"))
    assert status_of(stranger) == 401
    known = dial(server)
    known.sendall(head(server, 2, log_in(server, "alice"), Expect="100-continue"))
    assert status_of(known) == 100
    known.sendall(b"{}")
    assert status_of(known) == 200


def test_forms_for_everybody_are_small(door):
    server = door()
    client = dial(server)
    client.sendall(head(server, 100_000, path="/dev/token"))
    assert status_of(client) == 413
    unknown = dial(server)
    unknown.sendall(head(server, TWENTY_MB, path="/no/such/path"))
    assert status_of(unknown) == 401


def test_documents_cost_what_they_take(door):
    server = door(max_body_memory=48 << 20)
    alice = log_in(server, "alice")
    numbers = b"[" + b"1," * 90_000 + b"1]"  # 720 KB that parse to many times that
    text = (b'{"assistant_id":"hello","input":{"n":[' + b",".join([numbers] * 4) + b"]}}")
    clients = [dial(server) for _ in range(6)]
    for client in clients:
        client.sendall(head(server, len(text), alice, "/runs"))
    for client in clients:
        client.sendall(text[: len(text) // 2])
    statuses = []
    for client in clients:
        try:
            client.sendall(text[len(text) // 2:])
        except OSError:
            pass
        statuses.append(status_of(client))
    assert set(statuses) <= {200, 422, 429, 503, 0}
    assert memory(server, "VmHWM") < 400


def test_what_runs_hold_counts_after_their_requests(door):
    server = door(max_body_memory=8 << 20)
    alice, bob = log_in(server, "alice"), log_in(server, "bob")
    steps = {"upto": 60, "pause_ms": 1000}
    big = {"assistant_id": "steps", "input": {**steps, "text": "a" * 500_000}}
    statuses = [server.call("POST", "/runs", alice, json=big).status_code for _ in range(20)]
    assert statuses[0] == 200 and statuses[-1] == 429
    small = {**big, "input": steps}  # what is kept for the next one of a small budget
    assert server.call("POST", "/runs", bob, json=small).status_code == 200


def test_only_our_own_names_reach_us(door):
    server = door(public_url="https://agents.example.com", hosts=["other.example"])
    port = server.url.rsplit(":", 1)[1]
    for name in (f"localhost:{port}", "127.0.0.1", "[::1]:80", "agents.example.com",
                 "other.example:1"):
        assert server.call("GET", "/ok", headers={"Host": name}).status_code == 200, name
    for name in ("evil.example", f"evil.example:{port}", "10.0.0.1"):
        answer = server.call("GET", "/info", headers={"Host": name})
        assert answer.status_code == 421 and "server.hosts" in answer.json()["detail"], name


@pytest.mark.parametrize("identity", [False, True])
def test_a_page_elsewhere_reaches_nothing(door, behalf, identity):
    server = door() if identity else behalf({"graphs": {"hello": "builtin:hello"}})
    token = log_in(server, "alice") if identity else None
    page = {"Origin": "https://evil.example"}
    local = {"Origin": "http://localhost:3000"}
    run = {"assistant_id": "hello", "input": {}}
    assert server.call("POST", "/runs/wait", token, json=run, headers=page).status_code == 403
    assert server.call("GET", "/info", token, headers=page).status_code == 403
    # What a page may send without asking first: a form, or text.
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = server.call("POST", "/threads", token, content=b"{}",
                             headers={**local, "Content-Type": kind})
        assert answer.status_code == 415, kind
    asks = {"Access-Control-Request-Method": "POST",
            "Access-Control-Request-Private-Network": "true"}
    refused = server.call("OPTIONS", "/threads", headers={**page, **asks})
    assert refused.status_code == 400
    assert "access-control-allow-private-network" not in refused.headers
    # The chat interface of this machine, as it is installed.
    asked = server.call("OPTIONS", "/threads", headers={**local, **asks})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-private-network"] == "true"
    answer = server.call("POST", "/runs/wait", token, json=run, headers=local)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == local["Origin"]
    for name in ("www-authenticate", "content-location", "location", "x-pagination-total",
                 "x-pagination-next"):
        assert name in answer.headers["access-control-expose-headers"]


def test_login_is_for_our_own_page(door):
    server = door()
    form = {"grant_type": "password", "username": "alice", "password": "alice"}
    other = server.call("POST", "/dev/token", data=form,
                        headers={"Origin": "http://localhost:3000"})
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers
    ours = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}  # as the login page's form comes
    assert server.call("POST", "/dev/login", data={}, headers=ours).status_code != 403
    assert server.call("POST", "/dev/login", data={}, headers={"Origin": server.url}
                       ).status_code != 403
    asked = server.call("OPTIONS", "/dev/token", headers={
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in asked.headers


def test_origins_can_be_named(door):
    server = door(cors={"allow_origins": ["https://chat.example.com"]})
    named = server.call("GET", "/ok", headers={"Origin": "https://chat.example.com"})
    assert named.headers["access-control-allow-origin"] == "https://chat.example.com"
    assert server.call("GET", "/ok", headers={"Origin": "http://localhost:3000"}
                       ).status_code == 403
