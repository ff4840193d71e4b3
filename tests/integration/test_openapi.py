"""What /openapi.json allows, and what it does not, sent by a fuzzer that reads it: schemathesis."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from parts.tools import require

FUZZER = Path(sys.executable).with_name("schemathesis")
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance")
# What has no end is tried elsewhere; the issuer's pages are forms.
ENDLESS = ("/stream$|/stream/events$|/dev/")


def fuzz(server, folder: Path, *options: str) -> None:
    command = [require(FUZZER, "schemathesis"), "run", f"{server.url}/openapi.json",
               "--checks", ",".join(CHECKS), "--exclude-path-regex", ENDLESS,
               "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "8",
               "--max-time", "40", "--request-timeout", "10", "--workers", "2", "--no-color",
               "--generation-database", "none", *options]
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True,
                          text=True, timeout=170)
    (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    found = re.findall(r"^- .+$", done.stdout, re.M)
    assert done.returncode == 0, "\n".join(found) or done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.timeout(180)
def test_no_answer_violates_its_schema(behalf, tmp_path):
    fuzz(behalf(None, command="dev", args=("--no-auth",)), tmp_path)


@pytest.mark.timeout(180)
def test_no_answer_to_a_user_violates_its_schema(behalf, tmp_path):
    server = behalf(None, command="dev")
    token = server.call("POST", "/dev/token", data={
        "grant_type": "password", "username": "alice", "password": "alice"}).json()
    fuzz(server, tmp_path, "--header", f"Authorization: Bearer {token['access_token']}")


def test_strangers_are_refused_as_described(behalf, tmp_path):
    fuzz(behalf(None, command="dev"), tmp_path, "--max-examples", "3")


NEEDED = {"graph_id": "hello", "assistant_id": "hello", "schedule": "0 0 1 1 *", "version": 1,
          "namespace": ["a"], "key": "k", "value": {}, "thread_ids": [], "checkpoint": {}}
# Commands and other protocols' messages are answered in a form of their own.
OWN_FORM = re.compile("/commands$|/stream/events$|^/dev/|^/mcp|^/a2a|/batch$|/runs/cancel$")


def test_null_is_taken_where_the_description_says_so(behalf):
    server = behalf(None, command="dev", args=("--no-auth",))
    described = httpx.get(server.url + "/openapi.json").json()
    schemas = described["components"]["schemas"]
    ids = {"assistant_id": server.call("POST", "/assistants", json={"graph_id": "hello"}).json(),
           "thread_id": server.call("POST", "/threads", json={}).json()}
    ids = {name: one[name] for name, one in ids.items()}
    ids["cron_id"] = server.call("POST", f"/threads/{ids['thread_id']}/runs/crons",
                                 json=NEEDED).json()["cron_id"]

    def of(schema: dict) -> dict:
        return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def takes_null(schema: dict) -> bool:
        kinds = schema.get("type", [])
        return ("null" in kinds if "type" in schema else
                any(takes_null(of(one)) for one in schema["anyOf"]) if "anyOf" in schema else
                "$ref" not in schema and "enum" not in schema)

    wrong, asked = [], 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if OWN_FORM.search(path) or "requestBody" not in operation:
                continue
            schema = of(operation["requestBody"]["content"]["application/json"]["schema"])
            body = {name: NEEDED[name] for name in schema.get("required", [])}
            for name, field in schema.get("properties", {}).items():
                with httpx.stream(method, server.url + path.format(**ids), timeout=10,
                                  json={**body, name: None}) as answer:
                    refused = answer.status_code == 422 and "null is not" in answer.read().decode()
                asked += 1
                if refused == takes_null(field):
                    wrong.append(f"{method} {path} {name}: {answer.status_code}")
    assert asked > 150
    assert not wrong, "\n".join(wrong)


def test_tags_are_a_list_of_texts(behalf):
    server = behalf(None, command="dev", args=("--no-auth",))
    many = ["t"] * 1001
    for tags in ("x", None, [1], {}, many, ["x" * 9000]):
        for path, body in (("/assistants", {"graph_id": "hello"}),
                           ("/runs/wait", {"assistant_id": "hello"}),
                           ("/runs/crons", {"assistant_id": "hello", "schedule": "0 0 1 1 *"})):
            answer = httpx.post(server.url + path, json={**body, "config": {"tags": tags}})
            assert answer.status_code == 422 and "tags" in answer.json()["detail"], (path, tags)
    kept = httpx.post(server.url + "/assistants", json={
        "graph_id": "hello", "config": {"tags": ["a", "b"]}}).json()
    assert kept["config"]["tags"] == ["a", "b"]


def test_a_checkpoint_has_the_parts_it_is_shown_with(behalf):
    server = behalf(None, command="dev", args=("--no-auth",))
    thread = server.call("POST", "/threads", json={}).json()["thread_id"]
    wrong = {"thread_id": 1, "checkpoint_ns": 1, "checkpoint_id": 1, "checkpoint_map": "x"}
    for path in ("history", "state", "state/checkpoint", "runs/wait"):
        for name, value in wrong.items():
            answer = server.call("POST", f"/threads/{thread}/{path}", json={
                "assistant_id": "hello", "values": {}, "checkpoint": {name: value}})
            assert answer.status_code == 422, (path, name, answer.text)
