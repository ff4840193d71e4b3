"""Who may do what: two users and nodes that probe, servers that ask nobody, plugins that only look
like an identity."""

import json
from urllib.parse import quote

import pytest
from parts.behalf import run, write_config
from parts.plugins import plugin
from parts.stacks import dev_users
from parts.tools import free_port

KEEPER = {"keeper": plugin("keeper"), "hello": "builtin:hello"}


@pytest.fixture
def dev(behalf):
    """A development server of alice and bob; `rules`: the authorization section, None for none."""

    def start(rules: dict | None = None):
        config = dev_users("alice", "bob", "c.d@ex.com", "langgraph") | {"graphs": KEEPER}
        if rules is not None:
            config["authorization"] = rules
        return behalf(config, command="dev", args=("--data", "data"))

    return start


def login(server, user: str) -> str:
    form = {"grant_type": "password", "client_id": "t", "username": user, "password": user}
    return server.call("POST", "/dev/token", data=form).json()["access_token"]


def node(server, token: str, op: str, namespace: list[str], **more):
    """What a node of this user's run makes of one operation."""
    what = {"op": op, "namespace": namespace, "key": "k", **more}
    answer = server.call("POST", "/runs/wait", token,
                         json={"assistant_id": "keeper", "input": {"do": what}})
    return answer.json()["result"]


def put(server, token: str, namespace: list[str], value: dict) -> int:
    body = {"namespace": namespace, "key": "k", "value": value}
    return server.call("PUT", "/store/items", token, json=body).status_code


def read(server, token: str, namespace: str):
    return server.call("GET", f"/store/items?namespace={namespace}&key=k", token).json()


@pytest.mark.parametrize("rules", [
    None,
    {"*": "deny", "threads": "owner", "store": "owner"},
    {"*": "deny", "threads": "owner", "store": {"namespace_prefix": ["users", "{identity}"]}},
])
def test_a_node_reaches_its_users_items_and_nobody_elses(dev, rules):
    server = dev(rules)
    alice, bob = login(server, "alice"), login(server, "bob")
    assert put(server, alice, ["notes"], {"text": "of alice"}) == 204
    shown = read(server, alice, "notes")
    assert shown["value"] == {"text": "of alice"}
    places = [["notes"], shown["namespace"]]  # what bob may guess, and what it really is
    for place in places:
        assert node(server, bob, "get", place) == {"error": "LookupError"}
        assert node(server, bob, "search", place) == []
        assert node(server, bob, "put", place, value={"text": "of bob"}) == "kept"
        assert node(server, bob, "delete", place) == "gone"
    assert node(server, bob, "search", []) == []
    assert read(server, alice, "notes") == shown
    assert node(server, alice, "get", ["notes"]) == {"text": "of alice"}
    assert node(server, alice, "search", []) == [{"text": "of alice"}]


@pytest.mark.parametrize("user, label", [("c.d@ex.com", "c%2Ed@ex%2Ecom"),
                                         ("langgraph", "%6Canggraph")])
def test_every_identity_has_a_namespace(dev, user, label):
    server = dev({"*": "deny", "threads": "owner", "store": "owner"})
    token = login(server, user)
    assert put(server, token, ["notes"], {"text": "of mine"}) == 204
    shown = read(server, token, "notes")
    assert shown["namespace"] == [label, "notes"]
    assert put(server, token, shown["namespace"], {"text": "anew"}) == 204  # the same place
    assert read(server, token, "notes")["value"] == {"text": "anew"}
    assert read(server, token, quote(".".join(shown["namespace"])))["value"] == {"text": "anew"}
    assert node(server, token, "search", []) == [{"text": "anew"}]
    assert node(server, login(server, "alice"), "search", []) == []


def test_a_node_may_not_what_its_user_may_not(dev):
    server = dev({"*": "deny", "threads": "owner", "store.get": "owner"})
    alice = login(server, "alice")
    assert put(server, alice, ["notes"], {}) == 403
    for op in ("put", "delete", "search"):
        assert node(server, alice, op, ["notes"]) == {"error": "PermissionError"}
    assert node(server, alice, "get", ["notes"]) == {"error": "LookupError"}


def test_without_a_section_things_belong_to_who_made_them(dev):
    server = dev()
    output = server.process.output()
    assert "no authorization section: threads, assistants, crons and store items belong to" in output
    assert "the rest is refused" not in output
    alice, bob = login(server, "alice"), login(server, "bob")
    thread = server.call("POST", "/threads", alice, json={}).json()
    assert thread["metadata"]["owner"] == "alice"
    path = f"/threads/{thread['thread_id']}"
    assert server.call("GET", path, alice).status_code == 200
    assert server.call("GET", path, bob).status_code == 404
    assert server.call("DELETE", path, bob).status_code == 404
    assert server.call("POST", "/threads/search", bob, json={}).json() == []
    found = server.call("POST", "/assistants/search", bob, json={}).json()
    assert {a["graph_id"] for a in found} == {"keeper", "hello"}


def test_what_no_rule_of_a_section_matches_is_refused(dev):
    server = dev({"threads": "owner"})
    alice = login(server, "alice")
    assert server.call("POST", "/threads", alice, json={}).status_code == 200
    refused = server.call("POST", "/assistants/search", alice, json={})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "no authorization rule allows assistants.search"
    assert put(server, alice, ["notes"], {}) == 403


def test_a_plugin_without_a_handler_is_no_identity(tmp_path):
    config = {"server": {"listen": f"0.0.0.0:{free_port()}"}, "plugins": [plugin("keeper")],
              "graphs": KEEPER}
    write_config(tmp_path / "f.yaml", config)
    for command in (["validate", "f.yaml"], ["serve", "--config", "f.yaml"]):
        done = run(*command, folder=tmp_path)
        assert done.returncode == 3, done.stdout
        assert "f.yaml:2: server.listen: " in done.stderr and "this machine only" in done.stderr


def test_validate_and_the_start_say_who_comes_in_and_what_they_may(behalf, tmp_path):
    sayings = {
        "gate": ({"plugins": [plugin("gate")]},
                 ("a plugin's authenticate handler judges", "as a plugin's handlers say")),
        "nobody": ({}, ("nobody is asked who they are", "everyone on this machine may")),
        "rules": ({"authorization": {"*": "allow", "threads.delete": "deny"}},
                  ("nobody is asked who they are", "what no rule matches is refused")),
    }
    for name, (config, words) in sayings.items():
        config = {"graphs": {"hello": "builtin:hello"}} | config
        write_config(tmp_path / "f.yaml", config)
        said = run("validate", "f.yaml", folder=tmp_path).stdout
        started = behalf(config, folder=tmp_path / name).process.output()
        for word in words:
            assert word in said and word in started, (name, said, started)


def test_rules_hold_for_the_anonymous_too(behalf):
    server = behalf({"graphs": {"hello": "builtin:hello"},
                     "authorization": {"*": "allow", "threads.delete": "deny"}})
    thread = server.call("POST", "/threads", json={}).json()
    path = f"/threads/{thread['thread_id']}"
    assert server.call("GET", path).status_code == 200
    assert server.call("DELETE", path).status_code == 403


@pytest.mark.parametrize("ttl", [1e300, -1, 52_560_001])
def test_no_absurd_time_to_live(dev, ttl):
    server = dev()
    alice = login(server, "alice")
    item = {"namespace": ["n"], "key": "k", "value": {}, "ttl": ttl}
    for method, path, body in (("PUT", "/store/items", item),
                               ("POST", "/threads", {"ttl": {"strategy": "delete", "ttl": ttl}})):
        answer = server.call(method, path, alice, content=json.dumps(body),
                             headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text
    assert put(server, alice, ["n"], {}) == 204
