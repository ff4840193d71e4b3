"""What may leave, and where to."""

import json

import pytest

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
    do = {"op": "http", "service": "api", "path": path, **more}
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


def test_deleting_a_token_stops_the_next_call(plant, mirror):
    from parts.behalf import run

    stack, token = plant()
    assert call(stack, token, "/reflect")["result"]["status"] == 200
    gone = run("secret", "delete", "--data", "data", "--issuer", f"{stack.server.url}/dev",
               "--user", "alice", "--service", "api", folder=stack.server.folder)
    assert gone.returncode == 0, gone.stderr
    assert call(stack, token, "/reflect")["__error__"]["error"] == "needs_auth"
    assert len(mirror.seen) == 1
