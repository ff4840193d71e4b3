"""Assistants through the official SDKs: every method of each, as clients use them."""

import asyncio
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.errors import ConflictError, NotFoundError, PermissionDeniedError
from parts.plugins import plugin
from parts.tools import ROOT, TOOLS, require

REMOTE = """
import sys
from langgraph.pregel.remote import RemoteGraph
drawn = RemoteGraph("nested", url=sys.argv[1], api_key="none").get_graph(xray=True)
print(sorted(drawn.nodes))
print(len(drawn.edges))
"""


@pytest.fixture(scope="module")
def server(open_server):
    library = plugin("test_graphs")
    named = {"path": f"{library}:simple_runtime", "context": {"model": "unknown"}}
    return open_server({"graphs": [library, named]})


class Awaited:
    """The asynchronous client, called as the synchronous one."""

    def __init__(self, part, loop):
        self._part, self._loop = part, loop

    def __getattr__(self, name):
        called = getattr(self._part, name)
        return lambda *args, **named: self._loop.run_until_complete(called(*args, **named))


@pytest.fixture(params=["sync", "async"])
def assistants(server, request):
    if request.param == "sync":
        yield get_sync_client(url=server.url, api_key=None).assistants
        return
    with asyncio.Runner() as runner:
        client = get_client(url=server.url, api_key=None)
        yield Awaited(client.assistants, runner.get_loop())
        runner.run(client.http.client.aclose())


def test_every_method_of_the_python_sdk(assistants):
    made = str(uuid4())
    first = assistants.create("agent", {"configurable": {"model_name": "a"}, "tags": ["t"]},
                              assistant_id=made, name=f"Mine {made}", metadata={"team": made},
                              description="about")
    assert first["assistant_id"] == made and first["version"] == 1
    assert first["context"] == {"model_name": "a"} and first["description"] == "about"
    with pytest.raises(ConflictError):
        assistants.create("agent", assistant_id=made)
    assert assistants.create("agent", assistant_id=made, if_exists="do_nothing") == first
    assert assistants.get(made) == first

    second = assistants.update(made, context={"model_name": "b"}, metadata={"more": 1})
    assert second["version"] == 2 and second["metadata"] == {"team": made, "more": 1}
    assert second["config"]["configurable"] == {"model_name": "b"}
    versions = assistants.get_versions(made)
    assert [one["version"] for one in versions] == [2, 1]
    assert [one["version"] for one in assistants.get_versions(made, {"more": 1})] == [2]
    assert assistants.get_versions(made, limit=1, offset=1)[0]["context"] == {"model_name": "a"}
    assert assistants.set_latest(made, 1)["context"] == {"model_name": "a"}
    assert assistants.update(made, name=f"Yours {made}")["version"] == 3
    with pytest.raises(NotFoundError):
        assistants.set_latest(made, 9)

    assert assistants.count(metadata={"team": made}) == 1
    assert assistants.count(name=f"yours {made[:8]}".upper(), graph_id="agent") == 1
    found = assistants.search(metadata={"team": made}, select=["name", "version"])
    assert found == [{"name": f"Yours {made}", "version": 3}]
    page = assistants.search(graph_id="agent", limit=1, sort_by="created_at", sort_order="desc",
                             response_format="object")
    assert page["next"] == "1" and page["assistants"][0]["assistant_id"] == made

    schemas = assistants.get_schemas(made)
    assert schemas["graph_id"] == "agent" and schemas["context_schema"] is None
    assert schemas["config_schema"]["properties"] == {"model_name": {"type": "string"}}
    messages = schemas["input_schema"]["properties"]["messages"]
    assert messages["langgraph_type"] == "messages" and messages["type"] == "array"
    drawn = assistants.get_graph(made)
    assert [one["id"] for one in drawn["nodes"]][0] == "__start__"
    assert {"source": "tool", "target": "agent"} in drawn["edges"]
    assert assistants.get_subgraphs(made) == {}

    assistants.delete(made)
    with pytest.raises(NotFoundError):
        assistants.get(made)
    with pytest.raises(NotFoundError):
        assistants.delete(made)


def test_graphs_inside_an_assistants_graph(assistants):
    nested = assistants.create("nested")["assistant_id"]
    inside = assistants.get_subgraphs(nested)
    assert list(inside) == ["gp_two"] and "messages" in inside["gp_two"]["state_schema"][
        "properties"]
    assert list(assistants.get_subgraphs(nested, recurse=True)) == ["gp_two", "gp_two|p_two"]
    assert list(assistants.get_subgraphs(nested, "gp_two|p_two")) == ["gp_two|p_two"]
    assert assistants.get_subgraphs(nested, "nowhere") == {}
    drawn = [assistants.get_graph(nested, xray=depth)["nodes"] for depth in (False, 1, True)]
    plain, one_deep, whole = ([node["id"] for node in nodes] for nodes in drawn)
    assert plain == ["__start__", "gp_one", "gp_two", "__end__"]
    assert one_deep == ["__start__", "gp_one", "__end__", "gp_two:p_one", "gp_two:p_two"]
    assert "gp_two:p_two:c_one" in whole and "gp_two:p_two" not in whole


def test_graphs_declare_their_schemas(server):
    def schemas(graph):
        made = server.call("POST", "/assistants/search", json={"graph_id": graph}).json()[-1]
        return server.call("GET", f"/assistants/{made['assistant_id']}/schemas").json()

    context = schemas("simple_runtime")["context_schema"]
    assert context["properties"]["model"]["enum"] == ["openai", "anthropic", "unknown"]
    assert schemas("simple_runtime")["config_schema"] == context
    state = schemas("state_schema_graph")["state_schema"]["properties"]
    assert state["count"] == {"type": "integer", "title": "Count", "default": 0}
    assert state["messages"]["langgraph_type"] == "messages"
    zod = schemas("zod_registry_graph")["input_schema"]["properties"]
    assert zod["messages"]["items"] == {"type": "string"}
    assert zod["status"]["enum"] == ["idle", "processing", "done"]
    assert set(schemas("plain_zod_graph")["output_schema"]["properties"]) == {
        "items", "counter", "label"}


def test_the_graph_of_a_configuration_is_shown(server):
    client = get_sync_client(url=server.url, api_key=None)
    made = client.assistants.create("dynamic", {"configurable": {"nodeName": "mine"}})
    drawn = client.assistants.get_graph(made["assistant_id"])
    assert [one["id"] for one in drawn["nodes"]] == ["__start__", "mine", "__end__"]
    values = client.runs.wait(None, made["assistant_id"], input={"messages": []})
    assert values["node"] == "mine"


def test_what_is_wrong_with_a_request(server):
    call = server.call
    own = call("POST", "/assistants/search", json={"graph_id": "agent"}).json()[-1]["assistant_id"]
    for xray in ("0", "-1", "x", "1.5"):
        assert call("GET", f"/assistants/{own}/graph?xray={xray}").status_code == 422
    assert call("GET", "/assistants/agent/graph?xray=99999999999999999999").status_code == 200
    assert call("GET", "/assistants/agent/schemas").status_code == 422
    assert call("GET", f"/assistants/{uuid4()}/graph").json() == {"detail": "Not Found"}
    for body in ({}, [], {"graph_id": 5}, {"graph_id": "agent", "assistant_id": "x"},
                 {"graph_id": "agent", "if_exists": "maybe"}, {"graph_id": "agent", "name": 1},
                 {"graph_id": "agent", "config": []}, {"graph_id": "agent", "config": None},
                 {"graph_id": "agent", "metadata": "x"},
                 {"graph_id": "agent", "name": "x" * 10_000},
                 {"graph_id": "agent", "context": {str(n): n for n in range(1_001)}},
                 {"graph_id": "agent", "metadata": {str(n): n for n in range(300)}}):
        assert call("POST", "/assistants", json=body).status_code == 422, body
    assert call("POST", "/assistants", json={"graph_id": "none"}).status_code == 404
    both = {"graph_id": "agent", "config": {"configurable": {"a": 1}}, "context": {"b": 2}}
    assert call("POST", "/assistants", json=both).status_code == 400
    client = get_sync_client(url=server.url, api_key=None)
    for change in (lambda: client.assistants.update(own, name="x"),
                   lambda: client.assistants.delete(own),
                   lambda: client.assistants.set_latest(own, 1)):
        with pytest.raises(PermissionDeniedError):
            change()


def test_changes_at_once_and_kill_9_lose_nothing(server):
    client = get_sync_client(url=server.url, api_key=None)
    made = client.assistants.create("agent")["assistant_id"]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: client.assistants.update(made, metadata={f"k{n}": n}),
                             range(24)))
    assert sorted(one["version"] for one in done) == list(range(2, 26))
    server.kill()
    server.start()
    kept = client.assistants.get(made)
    assert kept["version"] == 25 and len(kept["metadata"]) == 24
    numbers = [one["version"] for one in client.assistants.get_versions(made, limit=100)]
    assert numbers == list(range(25, 0, -1))


def test_a_remote_graph_draws_itself(server):
    python = require(TOOLS / "reference/bin/python3", "the reference server's Python")
    done = subprocess.run([python, "-c", REMOTE, server.url], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    nodes, edges = done.stdout.splitlines()
    assert "gp_two:p_two:c_one" in nodes and int(edges) == 5


def test_every_method_of_the_javascript_sdk(server):
    script = require(TOOLS / "node" / "node_modules", "the JavaScript SDK").parent
    source = ROOT / "tests/integration/js/assistants.mjs"
    (script / "assistants.mjs").write_text(source.read_text())
    done = subprocess.run(["node", "assistants.mjs", server.url], cwd=script, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"versions": [3, 2, 1], "inside": ["gp_two", "gp_two|p_two"]}
