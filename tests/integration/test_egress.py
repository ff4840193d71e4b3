"""What may leave, and where to."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from parts.proxy import Proxy
from parts.stacks import base, start

SECRET = "canary-egress-0123456789abcdef"


def config(mirror, **service) -> dict:
    options = {"type": "http", "base_url": mirror.url, "allow_private": True, "allow_http": True,
               "credential": {"from": "secrets", "inject": "bearer"}}
    return base() | {"services": {"api": options | service}}


@pytest.fixture
def plant(behalf, tmp_path, request, mirror):
    def make(**service):
        stack = start(behalf, tmp_path, "dev", "embedded", config(mirror, **service), ("alice",),
                      request)
        stack.store("alice", "api", SECRET)
        return stack, stack.login("alice")

    return make


def call(stack, token, path, **more):
    do = {"op": "http", "service": "api", "path": path} | more
    answer = stack.server.call("POST", "/runs/wait", token,
                               json={"assistant_id": "probe", "input": {"do": do}})
    return answer.json()


@pytest.mark.parametrize("inject, field", [("bearer", "authorization"), ("header:X-Key", "x-key"),
                                           ("query:key", None)])
def test_the_credential_joins_as_declared_and_is_scrubbed_from_the_reply(
    inject, field, plant, mirror
):
    stack, token = plant(credential={"from": "secrets", "inject": inject})
    result = call(stack, token, "/reflect?a=1")["result"]
    arrived = mirror.seen[-1]
    assert arrived.holds(SECRET)
    if field:
        assert SECRET in arrived.headers[field]
    else:
        assert f"key={SECRET}" in arrived.target
    assert SECRET not in json.dumps(result) and "[redacted]" in json.dumps(result)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(status, plant, mirror):
    stack, token = plant()
    result = call(stack, token, f"/redirect/{status}?to={mirror.url}/reflect")["result"]
    assert result["status"] == status
    assert len(mirror.seen) == 1


@pytest.mark.parametrize("path", ["//evil.test/x", "http://evil.test/", "/../../etc", "/a\r\nX: y",
                                  "@evil.test/", "/%2e%2e/x"])
def test_a_path_never_leaves_the_service(path, plant, mirror):
    stack, token = plant()
    call(stack, token, path)
    for arrived in mirror.seen:
        assert arrived.headers["host"] == mirror.host and "x" not in arrived.headers


@pytest.mark.parametrize("name", ["Authorization", "Host", "Content-Length", "Connection"])
def test_a_node_cannot_set_headers_that_are_not_its_own(name, plant, mirror):
    stack, token = plant()
    outcome = call(stack, token, "/reflect", headers={name: "mine"})
    assert "__error__" in outcome
    assert mirror.seen == []


def test_private_addresses_need_a_declaration(plant, mirror):
    stack, token = plant(allow_private=False)
    outcome = call(stack, token, "/reflect")
    assert "__error__" in outcome
    assert mirror.seen == []


def test_an_upstreams_failure_is_the_runs_and_not_ours(plant, mirror):
    stack, token = plant()
    assert call(stack, token, "/status/503")["result"]["status"] == 503


def test_an_upstream_that_is_down_ends_the_run_with_a_reason(plant):
    stack, token = plant(base_url="http://127.0.0.1:9")
    outcome = call(stack, token, "/reflect")["__error__"]
    assert "127.0.0.1:9" in outcome["message"]
    assert stack.server.call("GET", "/ok").status_code == 200


def test_every_credentialed_call_has_a_receipt(plant, mirror):
    from parts.behalf import run

    stack, token = plant()
    for _ in range(3):
        call(stack, token, "/reflect?secret=in-the-query")
    log = next(stack.server.folder.rglob("audit.jsonl"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 3 and all(line["service"] == "api" for line in lines)
    assert "in-the-query" not in log.read_text()
    good = run("audit", "verify", str(log), folder=stack.server.folder)
    assert good.returncode == 0, good.stderr
    log.write_text(log.read_text().replace("/reflect", "/other", 1))
    bad = run("audit", "verify", str(log), folder=stack.server.folder)
    assert bad.returncode == 1 and "line 1" in bad.stderr


def delete(stack, user="alice"):
    from parts.behalf import run

    gone = run("secret", "delete", "--data", "data", "--issuer", f"{stack.server.url}/dev",
               "--user", user, "--service", "api", folder=stack.server.folder)
    assert gone.returncode == 0, gone.stderr


@contextlib.contextmanager
def under_way(stack, token, mirror, path, op="http"):
    """A call that has reached the upstream; yields the future of the run's answer."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call, stack, token, path, op=op)
        arrived(mirror)
        yield future


def arrived(mirror, count=1, timeout=20):
    until = time.monotonic() + timeout
    while len(mirror.seen) < count and time.monotonic() < until:
        time.sleep(0.01)
    assert len(mirror.seen) == count


def test_deleting_a_token_stops_the_next_call(plant, mirror):
    stack, token = plant()
    assert call(stack, token, "/reflect")["result"]["status"] == 200
    delete(stack)
    assert call(stack, token, "/reflect")["__error__"]["error"] == "needs_auth"
    assert len(mirror.seen) == 1


@pytest.mark.parametrize("op, path", [("http", "/held"), ("http", "/endless"),
                                      ("stream", "/endless")])
def test_deleting_a_token_cuts_the_call_under_way(op, path, plant, mirror):
    stack, token = plant()
    with under_way(stack, token, mirror, path, op) as result:
        begun = time.monotonic()
        delete(stack)
        assert result.result()["__error__"]["error"] == "revoked"
        assert time.monotonic() - begun < 10  # the answer itself would take 30 s or for ever
    assert path == "/held" or mirror.cut.wait(10)
    log = next(stack.server.folder.rglob("audit.jsonl"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["action"] for line in lines] == ["call", "cut"]


def test_another_users_deletion_cuts_nothing(plant, mirror):
    stack, token = plant()
    stack.store("bob", "api", "canary-of-bob")
    with under_way(stack, token, mirror, "/held") as result:
        delete(stack, "bob")
        assert not mirror.go.wait(2.5)  # time enough to notice
        mirror.go.set()
        assert result.result()["result"]["status"] == 200


def test_cancelling_a_run_closes_its_stream(plant, mirror):
    stack, token = plant()
    do = {"op": "stream", "service": "api", "path": "/endless"}
    thread = stack.server.call("POST", "/threads", token, json={}).json()["thread_id"]
    run = stack.server.call("POST", f"/threads/{thread}/runs", token,
                            json={"assistant_id": "probe", "input": {"do": do}}).json()["run_id"]
    arrived(mirror)
    run = f"/threads/{thread}/runs/{run}"
    assert stack.server.call("POST", f"{run}/cancel?wait=true", token).is_success
    assert mirror.cut.wait(10)


def behind_vault(behalf, tmp_path, request, mirror, names=("alice",)):
    """A server that reaches Vault through a proxy that counts."""
    options = {"allow_private": True, "allow_http": True, "base_url": mirror.url, "type": "http",
               "credential": {"from": "secrets", "inject": "bearer"}}
    proxy = Proxy(request.getfixturevalue("vault").address)
    request.addfinalizer(proxy.stop)
    services = {"api": options, "other": options}
    stack = start(behalf, tmp_path, "dev", "vault", base() | {"services": services}, names,
                  request, vault_address=proxy.url)
    return stack, proxy


def test_a_rotated_token_is_used_after_one_refusal(behalf, tmp_path, request, mirror):
    """Vault does not tell of changes: the service's 401 does."""
    stack, proxy = behind_vault(behalf, tmp_path, request, mirror)
    stack.store("alice", "api", "canary-first")
    token = stack.login("alice")
    assert call(stack, token, "/reflect")["result"]["status"] == 200
    stack.store("alice", "api", "canary-second")
    mirror.refused.add("Bearer canary-first")
    assert call(stack, token, "/reflect")["result"]["status"] == 401
    assert call(stack, token, "/reflect")["result"]["status"] == 200
    assert mirror.seen[-1].headers["authorization"] == "Bearer canary-second"
    assert proxy.count("GET", "/users/") == 2
    assert proxy.count("POST", "/login") == 1


def test_twenty_runs_at_once_cost_one_login_and_one_read_each_service(
    behalf, tmp_path, request, mirror
):
    stack, proxy = behind_vault(behalf, tmp_path, request, mirror)
    for service in ("api", "other"):
        stack.store("alice", service, f"canary-{service}")
    token = stack.login("alice")
    with ThreadPoolExecutor(20) as pool:
        with proxy.holding("/login"):  # until every run has begun
            def one(number):
                service = "api" if number % 2 else "other"
                return call(stack, token, "/reflect", service=service)

            results = [pool.submit(one, number) for number in range(20)]
            assert proxy.wait_for("POST", "/login")
            until = time.monotonic() + 20
            while running(stack) < 20 and time.monotonic() < until:
                time.sleep(0.05)
            assert running(stack) == 20
        assert all(r.result()["result"]["status"] == 200 for r in results)
    assert proxy.count("POST", "/login") == 1
    assert proxy.count("GET", "/users/alice/api") == 1
    assert proxy.count("GET", "/users/alice/other") == 1
    assert len(mirror.seen) == 20


def running(stack) -> int:
    """Redeems so far: one per run that wants its token."""
    text = stack.server.call("GET", "/metrics").text
    return int(next(x for x in text.splitlines() if x.startswith("behalf_redeems_total ")).split()[1])
