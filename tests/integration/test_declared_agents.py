"""Agents of the configuration: whose key a model is asked with, and what is said where none is."""

from parts.behalf import Behalf, run
from parts.model_provider import ModelProvider

TYPES = {
    "openai": ({"type": "openai"}, "/v1", "authorization", "Bearer "),
    "chat": ({"type": "openai_chat"}, "/v1", "authorization", "Bearer "),
    "azure": ({"type": "openai_chat", "server": "azure"}, "/v1", "api-key", ""),
    "anthropic": ({"type": "anthropic", "parameters": {"max_tokens": 50}}, "", "x-api-key", ""),
    "gemini": ({"type": "gemini"}, "", "x-goog-api-key", ""),
}
USERS_KEY, OPERATORS_KEY = "sk-of-alice", "sk-of-the-operator"


def model(kind: dict, url: str, key) -> dict:
    reach = {"base_url": url, "allow_private": True, "allow_http": True}
    return {**kind, **reach, "model": "echo", "key": key}


def ask(server: Behalf, token: str | None, agent: str) -> dict:
    said = {"messages": [{"role": "user", "content": "hello"}]}
    return server.sdk(token).runs.wait(None, agent, input=said, raise_error=False)


def keys_sent(models: ModelProvider, header: str) -> list[str]:
    return [{k.lower(): v for k, v in one["headers"].items()}.get(header)
            for one in models.requests()]


def test_each_provider_gets_its_key_as_it_wants_it(tmp_path, own_models):
    server = Behalf({
        "models": {name: model(kind, own_models.url + path, "env:MODEL_KEY")
                   for name, (kind, path, _, _) in TYPES.items()},
        "agents": {name: {"model": name, "prompt": "Be brief."} for name in TYPES},
    }, tmp_path / "server", env={"MODEL_KEY": OPERATORS_KEY})
    try:
        for name, (_, _, header, form) in TYPES.items():
            own_models.forget_requests()
            done = ask(server, None, name)
            assert done["messages"][-1]["type"] == "ai", done
            assert "hello" in str(done["messages"][-1]["content"])
            assert keys_sent(own_models, header) == [form + OPERATORS_KEY], name
        assert OPERATORS_KEY not in server.call("GET", "/metrics").text
    finally:
        server.close()


def test_a_users_own_key_is_used_for_that_user_alone(tmp_path, own_models):
    kind, path, header, form = TYPES["chat"]
    key = {"from": "secrets", "name": "my-models"}
    server = Behalf({
        "models": {"main": model(kind, own_models.url + path, key)},
        "agents": {"helper": {"model": "main"}},
    }, tmp_path / "server", command="dev", args=("--data", "data"))
    try:
        put = run("secret", "put", "--data", "data", "--user", "alice", "--issuer",
                  f"{server.url}/dev", "--service", "my-models", folder=server.folder,
                  input=USERS_KEY)
        assert put.returncode == 0, put.stderr
        tokens = {name: run("token", "--url", server.url, "--user", name, "--password", name,
                            folder=tmp_path).stdout.strip() for name in ("alice", "bob")}
        done = ask(server, tokens["alice"], "helper")
        assert done["messages"][-1]["type"] == "ai", done
        assert keys_sent(own_models, header) == [form + USERS_KEY]
        own_models.forget_requests()
        refused = ask(server, tokens["bob"], "helper")
        assert refused["__error__"]["error"] == "needs_auth"
        assert "('my-models')" in refused["__error__"]["message"]
        assert own_models.requests() == []
    finally:
        server.close()
