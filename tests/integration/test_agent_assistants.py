"""Assistants of declared agents: what people set of them, within what the operator lets them."""

import pytest
import yaml
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError
from parts.agents import Agents, model
from parts.behalf import Behalf
from parts.tools import ROOT

ALL = {"prompt": True, "model": ["cheap"], "temperature": True, "tools": True, "limits": True}
OUTSIDE = {"model": "dear", "temperature": 3, "tools": ["send"], "limits": {"model_calls": 6}}


def rules_of(example: str) -> dict:
    return yaml.safe_load((ROOT / "examples" / example).read_text())["authorization"]


OWNERS = rules_of("assistant/behalf.yaml")


def said(system: dict) -> str:
    return next(m["content"] for m in system["messages"] if m["role"] == "system")


@pytest.fixture
def agents(tmp_path, inbox, own_models):
    tools = [{"service": "mail", "allow": ["whoami", "list_unread"]}]
    of_house = {"model": "main", "prompt": "You are the house's."}
    started = Agents(tmp_path / "server", inbox, {
        "main": model(own_models, "openai_chat", "echo"),
        "cheap": model(own_models, "openai_chat", "obedient"),
    }, {
        "helper": of_house | {"tools": tools, "configurable": ALL, "limits": {"model_calls": 5}},
        "fixed": of_house}, authorization=OWNERS)
    yield started
    started.server.close()


def test_people_own_assistants_within_what_the_operator_lets_them(agents, own_models):
    alice, bob = agents.client("alice"), agents.client("bob")
    own = {"prompt": "You are {identity}'s.", "model": "cheap", "temperature": 0.5,
           "tools": ["whoami"], "limits": {"model_calls": 2}}
    mine = alice.assistants.create("helper", config={"configurable": own}, name="mine")

    schemas = alice.assistants.get_schemas(mine["assistant_id"])
    fields = schemas["config_schema"]["properties"]
    assert set(fields) == set(ALL)
    assert fields["prompt"]["langgraph_type"] == "prompt"
    assert fields["prompt"]["metadata"]["x_oap_ui_config"]["type"] == "textarea"
    assert fields["model"]["__template_metadata__"] == {"kind": "llm"}
    assert all(field["langgraph_nodes"] == ["model"] for field in fields.values())
    assert schemas["input_schema"]["properties"]["messages"]["langgraph_type"] == "messages"

    # What it sets is what the provider is asked; the thread says whose it is.
    thread = alice.threads.create()["thread_id"]
    hello = {"messages": [{"role": "user", "content": "hello"}], "context": [{"kind": "artifact"}]}
    done = alice.runs.wait(thread, mine["assistant_id"], input=hello)
    assert done["messages"][-1]["type"] == "ai", done
    asked = own_models.requests()[-1]["body"]
    assert asked["model"] == "obedient" and asked["temperature"] == 0.5
    assert "alice's" in said(asked) and [t["function"]["name"] for t in asked["tools"]] == ["whoami"]
    metadata = alice.threads.get(thread)["metadata"]
    assert metadata["graph_id"] == "helper"
    assert metadata["assistant_id"] == mine["assistant_id"]

    # Nobody else's: neither seen nor used, changed or gone.
    assert mine["assistant_id"] not in [a["assistant_id"] for a in bob.assistants.search(limit=100)]
    for use in (lambda: bob.assistants.get(mine["assistant_id"]),
                lambda: bob.assistants.update(mine["assistant_id"], name="bob's"),
                lambda: bob.assistants.delete(mine["assistant_id"]),
                lambda: bob.runs.create(None, mine["assistant_id"], input=hello)):
        with pytest.raises(NotFoundError):
            use()
    assert {a["graph_id"] for a in bob.assistants.search()} == {"helper", "fixed"}
    bob.runs.wait(None, "helper", input=hello)
    assert "house's" in said(own_models.requests()[-1]["body"])

    # Outside of what the operator lists: refused where it is said, and nothing is kept of it.
    for key, value in OUTSIDE.items():
        beyond = {"configurable": own | {key: value}}
        for refused, *which in ((alice.assistants.create, "helper"),
                                (alice.assistants.update, mine["assistant_id"]),
                                (alice.runs.create, thread, "helper")):
            with pytest.raises(UnprocessableEntityError) as why:
                refused(*which, config=beyond)
            assert key.rstrip("s") in why.value.response.text, key
    assert alice.assistants.get(mine["assistant_id"])["config"]["configurable"] == own
    with pytest.raises(UnprocessableEntityError, match="fixed"):
        alice.assistants.create("fixed", context={"prompt": "You are mine."})
    with pytest.raises(UnprocessableEntityError):  # and none can be moved to an agent that has no such
        alice.assistants.update(mine["assistant_id"], graph_id="fixed")
    assert alice.assistants.get_schemas(alice.assistants.create("fixed")["assistant_id"])[
        "config_schema"] == {}


@pytest.mark.parametrize("example", ["behalf.yaml", "inbox/behalf.yaml"])
def test_in_every_example_assistants_are_their_makers(example):
    rules = rules_of(example)
    assert [rules[key] for key in OWNERS if key.startswith("assistants")] == [
        OWNERS[key] for key in OWNERS if key.startswith("assistants")]


def test_an_agent_is_read_anew_while_runs_keep_theirs(tmp_path, own_models):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Version one.")
    config = {"models": {"main": model(own_models, "openai_chat", "echo"),
                         "busy": model(own_models, "openai_chat", "busy", max_retries=10)},
              "agents": {"helper": {"model": "main", "prompt": f"file:{prompt.name}"},
                         "waits": {"model": "busy", "prompt": f"file:{prompt.name}"}}}
    server = Behalf(config, tmp_path, command="dev", args=("--no-auth", "--watch", "--data", "data"))
    wait_until = server.process.wait_until
    hello = {"messages": [{"role": "user", "content": "hello"}]}

    def answered() -> tuple[str, dict]:
        """The prompt that the model is asked with, and the run's metadata."""
        client = server.sdk(None)
        thread = client.threads.create()["thread_id"]
        client.runs.wait(thread, "helper", input=hello)
        state = client.threads.get_state(thread)["metadata"]
        run = client.runs.list(thread)[0]["metadata"]
        assert state["agent_version"] == run["agent_version"]
        return said(own_models.requests("echo")[-1]["body"]), run["agent_version"]

    def ended(thread: str, run: dict) -> tuple[str, str]:
        """What the model was told at the end of a run of `waits`, and the run's version."""
        client = server.sdk(None)
        done = client.runs.join(thread, run["run_id"])
        kept = client.runs.get(thread, run["run_id"])["metadata"]["agent_version"]
        return done["messages"][-1]["content"], kept

    def started() -> tuple[str, dict]:
        client = server.sdk(None)
        thread = client.threads.create()["thread_id"]
        return thread, client.runs.create(thread, "waits", input=hello)

    try:
        text, first = answered()
        assert text == "Version one."
        own_models.script("busy", {"status": 529, "headers": {"retry-after": "0.5"}})
        waiting = started()
        wait_until(lambda: own_models.requests("busy"))
        prompt.write_text("Version two.")
        wait_until(lambda: "agent_reloaded" in server.process.output())
        text, second = answered()
        assert text == "Version two." and second != first

        # The run under way ends as the agent it began with.
        own_models.script("busy", {"text": "{system}"})
        text, before = ended(*waiting)
        assert text == "Version one."
        text, after = ended(*started())
        assert text == "Version two." and before != after

        path = tmp_path / "behalf.yaml"
        whole = path.read_text()
        path.write_text(whole + "\nagents: { broken\n")
        wait_until(lambda: "reload_refused" in server.process.output())
        assert answered() == ("Version two.", second)
        path.write_text(whole.replace("echo", "slow"))  # of a model: needs a restart
        wait_until(lambda: "reload_needs_a_restart" in server.process.output())
    finally:
        server.close()
