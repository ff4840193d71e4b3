"""The dashboard and the alert rules ask for metrics that the server really has."""

import json
import re
from pathlib import Path

import pytest
import yaml
from parts.behalf import Behalf, run

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
# A metric's name: what stands before {, [, an operator or the end, and is no function or label.
NAME = re.compile(r"\b((?:behalf|lg_api|process)_[a-z_]+)\b")


def dashboard_expressions():
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def alert_expressions():
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """/metrics and the log of a server with a service and a graph, after one run."""
    folder = tmp_path_factory.mktemp("monitored")
    mail = {"base_url": "https://mail.example.com", "credential": {"from": "secrets"}}
    config = {"graphs": {"hello": "builtin:hello"}, "services": {"mail": mail}}
    embed = {"base_url": "https://embeddings.example.com/v1", "model": "m"}
    config["store"] = {"index": {"dims": 3, "embed": embed}}
    config["log"] = {"file": "behalf.log", "format": "json", "access": True}
    server = Behalf(config, folder, command="dev", args=("--data", "data"))
    try:
        who = ("--user", "alice", "--password", "alice")
        token = run("token", "--url", server.url, *who, folder=folder).stdout.strip()
        body = {"assistant_id": "hello", "input": {"messages": []}}
        server.call("POST", "/runs/wait", token, json=body).raise_for_status()
        metrics = server.call("GET", "/metrics").text
        lines = (folder / "behalf.log").read_text().splitlines()
        yield metrics, [json.loads(line) for line in lines]
    finally:
        server.close()


@pytest.fixture
def served(watched):
    return watched[0]


def lines_of(watched, event):
    return [line for line in watched[1] if line["event"] == event]


@pytest.mark.parametrize("expressions", [dashboard_expressions, alert_expressions])
def test_every_metric_that_is_asked_for_is_served(expressions, served):
    names = {name for text in expressions() for name in NAME.findall(text)}
    assert len(names) > 5
    missing = {name for name in names if f"\n{name}{{" not in served and f"\n{name} " not in served}
    assert not missing


def test_no_action_names_a_status_the_server_never_sends():
    text = (MONITORING / "alerts.yaml").read_text()
    assert set(re.findall(r"\b5\d\d\b", text)) <= {"500", "502", "503", "504"}


def test_what_alerts_ask_for_is_there_before_anything_goes_wrong(served):
    for quiet in (
        "behalf_storage_writable 1",
        "behalf_storage_damaged 0",
        "behalf_audit_writable 1",
        "behalf_run_ends_waiting 0",
        "behalf_spare_threads_allowed 16",
        "behalf_webhooks_waiting 0",
        "behalf_items_to_embed 0",
        "behalf_sweep_behind 0",
        'behalf_streams_open{kind="thread"} 0',
    ):
        assert f"\n{quiet}\n" in served


def test_runs_are_measured_up_to_the_longest_that_is_usual(served):
    assert 'behalf_run_seconds_bucket{graph="hello",le="3600"} 1' in served


def test_a_run_counts_with_its_graph_and_its_end(served):
    assert 'behalf_runs_ended_total{graph="hello",status="success"} 1' in served
    assert 'behalf_run_seconds_count{graph="hello"} 1' in served


def test_a_runs_end_is_a_line_in_the_log(watched):
    (line,) = lines_of(watched, "run_ended")
    assert (line["graph"], line["identity"], line["status"]) == ("hello", "alice", "success")
    assert line["run_id"] and line["thread_id"] and line["assistant_id"] and line["ms"] >= 0


def test_the_access_log_names_route_and_caller_and_no_token(watched):
    (line,) = [line for line in lines_of(watched, "access") if line["route"] == "/runs/wait"]
    assert (line["method"], line["status"], line["identity"]) == ("POST", 200, "alice")
    assert not any("Bearer" in str(line) or "eyJ" in str(line) for line in watched[1])
