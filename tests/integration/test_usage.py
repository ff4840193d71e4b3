"""What models were asked and cost: whose figures are shown to whom, and budgets that have no room."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from parts.agents import Chat, model
from parts.behalf import Behalf, run
from parts.model_provider import ModelProvider

TOLD = {"text": "Hello there", "usage": {"input": 100, "output": 50, "cache_read": 40, "reasoning": 5}}
PRICES = {"input": 1000, "cached_input": 500, "output": 2000}  # an answer is 0.06 + 0.02 + 0.10
COST = 0.18


class Server:
    """`behalf dev` with these models and agents, alice and bob logged in."""

    def __init__(self, folder, models: dict, agents: dict, **config):
        self.server = Behalf(
            {"models": models, "agents": agents} | config, folder, command="dev", args=("--data", "data")
        )
        self.tokens = {
            name: run(
                "token", "--url", self.server.url, "--user", name, "--password", name, folder=folder
            ).stdout.strip()
            for name in ("alice", "bob")
        }

    def client(self, user: str):
        return self.server.sdk(self.tokens[user])

    def chat(self, agent: str) -> Chat:
        return Chat(self.client("alice"), agent)


def ask(server: Server, agent: str, user: str) -> dict:
    said = {"messages": [{"role": "user", "content": "hi"}]}
    return server.client(user).runs.wait(None, agent, input=said, raise_error=False)


def said(answer: dict) -> str:
    return answer["messages"][-1]["content"]


def usage(server: Server, whose: str, **query):
    return server.server.call("GET", "/usage", server.tokens[whose], params=query)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One for all tests of this file."""
    started = ModelProvider(tmp_path_factory.mktemp("models"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("usage")
    for name in ("priced", "slow", "cheap"):
        models.script(name, TOLD if name != "slow" else TOLD | {"knobs": {"hold_after_events": 4}})
    chat = {"wire": "openai_chat", "provider": models, "prices": PRICES}
    started = Server(
        folder,
        {
            "main": model(name="priced", **chat),
            "slow": model(name="slow", **chat),
            "calling": model(name="calling", **chat),
            "small": model(name="cheap", limits={"cost_per_day": 0.3}, **chat),
        },
        {
            "free": {"model": "main"},
            "user_day": {"model": "main", "limits": {"cost_per_user_per_day": 0.4}},
            "run": {"model": "main", "limits": {"tokens_per_run": 3}},
            "tenant_day": {"model": "main", "limits": {"cost_per_tenant_per_day": 0.3}},
            "model_day": {"model": "small"},
            "slow": {"model": "slow"},
            "calls": {
                "model": "calling",
                "tools": [{"builtin": ["calculate"]}],
                "limits": {"tool_calls_per_user_per_day": 3, "per_tool": {"calculate": 2}},
            },
        },
    )
    yield started
    started.server.close()


def test_figures_are_of_who_asks_and_survive_a_restart(server):
    assert said(ask(server, "free", "alice")) == "Hello there"
    own = usage(server, "alice").json()
    assert own["usage"] == [
        {
            "day": today(),
            "requests": 1,
            "input_tokens": 100,
            "output_tokens": 50,
            "total_tokens": 150,
            "input_token_details": {"cache_read": 40, "cache_creation": 0},
            "output_token_details": {"reasoning": 5},
            "cost": pytest.approx(COST),
            "tool_calls": 0,
        }
    ]
    assert usage(server, "bob").json()["usage"] == []
    server.server.kill()
    server.server.start()
    assert usage(server, "alice").json() == own
    ask(server, "free", "bob")
    assert usage(server, "bob").json()["total"]["requests"] == 1
    assert usage(server, "alice").json() == own


def test_figures_by_model_and_agent(server):
    ask(server, "free", "alice")
    (by_model,) = [
        one for one in usage(server, "alice", group_by="model").json()["usage"] if one["model"] == "main"
    ]
    assert by_model["requests"] >= 1
    assert "day" not in by_model
    agents = [one["agent"] for one in usage(server, "alice", group_by="agent").json()["usage"]]
    assert "free" in agents
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert usage(server, "alice", **{"from": tomorrow, "to": tomorrow}).json()["usage"] == []


def test_a_thread_s_run_tells_what_it_used(server):
    chat = server.chat("free")
    chat.say("hi")
    run = chat.client.runs.list(chat.thread)[0]
    told = run["metadata"]["usage"]
    assert told["models"]["main"]["total_tokens"] == 150
    assert told["agents"]["free"]["requests"] == 1
    assert told["cost"] == pytest.approx(COST)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"to": "2026-1-1"},
        {"to": "9" * 4000},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "1990-01-01", "to": "2026-01-01"},
        {"group_by": "user"},
        {"group_by": "'; DROP TABLE usage"},
    ],
)
def test_what_is_no_question_is_refused(server, query):
    refused = usage(server, "alice", **query)
    assert refused.status_code == 422, refused.text
    assert refused.json()["detail"]


def test_nobody_sees_what_others_spend(server):
    assert server.server.call("GET", "/usage").status_code == 401
    assert server.server.call("GET", "/usage/users").status_code == 401
    assert server.server.call("GET", "/usage/users", server.tokens["alice"]).status_code == 403
    bobs = usage(server, "bob").json()
    for more in ({"user": "alice"}, {"owner": "alice"}, {"tenant": "default"}):
        assert usage(server, "bob", **more).json() == bobs


def test_a_budget_ends_the_run_with_a_sentence(server, models):
    assert said(ask(server, "user_day", "alice")) == "Hello there"
    assert said(ask(server, "user_day", "alice")) == "Hello there"
    models.forget_requests()
    # 0.36 of 0.40: its estimate is tiny, so one more fits, and is the last.
    ask(server, "user_day", "alice")
    assert "Your budget for today of agent user_day" in said(ask(server, "user_day", "alice"))
    assert "00:00 UTC" in said(ask(server, "user_day", "alice"))
    assert len(models.requests("priced")) == 1
    assert said(ask(server, "user_day", "bob")) == "Hello there"
    server.server.kill()
    server.server.start()
    assert "Your budget for today" in said(ask(server, "user_day", "alice"))
    metrics = server.server.call("GET", "/metrics").text
    assert 'behalf_model_refusals_total{model="main",reason="cost_per_user_per_day"} 1' in metrics


def test_a_tenant_s_budget_is_spent_together(server):
    assert said(ask(server, "tenant_day", "alice")) == "Hello there"
    assert said(ask(server, "tenant_day", "bob")) == "Hello there"
    told = said(ask(server, "tenant_day", "alice"))
    assert told.startswith("Your organisation's budget")
    assert "0.3" not in told


def test_a_run_and_a_model_have_budgets_too(server):
    assert "The budget of one run of agent run" in said(ask(server, "run", "alice"))
    ask(server, "model_day", "alice")
    ask(server, "model_day", "alice")
    assert said(ask(server, "model_day", "bob")).startswith("The budget for today for model small")


def test_calls_of_tools_have_limits_by_tool_and_by_day(server, models):
    two_calls = {"calls": [{"name": "calculate", "args": {"expression": "6*7"}}] * 2}

    def results(user: str) -> list[str]:
        models.script("calling", two_calls, two_calls, {"text": "Enough"})
        answer = ask(server, "calls", user)
        assert said(answer) == "Enough"
        return [one["content"] for one in answer["messages"] if one["type"] == "tool"]

    too_often = "Tool call limit exceeded. Do not call 'calculate' again."
    assert results("alice") == ["42", "42", too_often, too_often]
    server.server.kill()
    server.server.start()
    alice = results("alice")
    assert alice[0].startswith("Tool call limit exceeded: the user's 3 calls for today")
    assert alice[1] == "42"  # refused calls have their answer before those that are made
    assert results("bob")[:2] == ["42", "42"]
    by_agent = usage(server, "alice", group_by="agent").json()["usage"]
    assert [one["tool_calls"] for one in by_agent if one["agent"] == "calls"] == [3]


def test_an_answer_that_was_cancelled_is_paid_for(server):
    chat = server.chat("slow")
    run = chat.client.runs.create(
        chat.thread, "slow", input={"messages": [{"type": "human", "content": "x" * 4000}]}
    )
    by = time.monotonic() + 10
    while chat.client.runs.get(chat.thread, run["run_id"])["status"] != "running":
        assert time.monotonic() < by
    time.sleep(0.3)
    chat.client.runs.cancel(chat.thread, run["run_id"], wait=True)
    rows = usage(server, "alice", group_by="model").json()["usage"]
    counted = next(one for one in rows if one["model"] == "slow")
    assert counted["input_tokens"] >= 1000
    told = chat.client.runs.get(chat.thread, run["run_id"])["metadata"]["usage"]["models"]["slow"]
    assert told == {key: counted[key] for key in told}


def test_operators_see_the_users_of_their_tenant(tmp_path, models):
    models.script("priced", TOLD)
    rules = {"threads": "owner", "assistants": "allow", "usage.read": "owner", "usage.search": "allow"}
    server = Server(
        tmp_path,
        {"main": model(models, "openai_chat", "priced", prices=PRICES)},
        {"free": {"model": "main"}},
        authorization=rules,
    )
    try:
        ask(server, "free", "alice")
        ask(server, "free", "bob")
        ask(server, "free", "bob")
        page = server.server.call("GET", "/usage/users", server.tokens["alice"]).json()
        users = [(one["user"], one["requests"]) for one in page["usage"]]
        assert users == [("bob", 2), ("alice", 1)]
        assert page["total"]["cost"] == pytest.approx(3 * COST)
        assert page["more"] is False
    finally:
        server.server.close()
