"""`behalf validate --online`: what is asked of whom, what is found wrong, what people are told."""

import pytest
import yaml
from parts.agents import LOCAL, WIRES, key_file, model
from parts.behalf import run
from parts.tools import free_port

KEY = "sk-of-the-operator"


@pytest.fixture
def folder(tmp_path, inbox, own_models):
    """A configuration that holds, with what is to be checked of it."""
    key = key_file(tmp_path, "operator", KEY)
    mail = {"type": "mcp", "url": inbox.mcp_url, "allow_private": True, "allow_http": True,
            "credential": {"from": "secrets", "name": "mail", "inject": "bearer"}}
    tools = [{"service": "mail", "allow": ["whoami", "list_unred"],
              "ask": ["get_message", {"tool": "whoami", "if": {"required": ["of"]}}]},
             {"builtin": ["now"]}, {"agent": "writer"}, {"agent": "other", "hand_off": True}]
    of_agents = {name: {"model": "anthropic"} for name in ("writer", "other")}
    write(tmp_path, {
        "dev": {"users": [{"name": "alice"}]},
        "services": {"mail": mail},
        "store": {"index": {"dims": 64, "embed": "words"}},
        "models": {wire: model(own_models, wire, "echo", key) for wire in WIRES} | {
            "words": model(own_models, "openai_chat", "echo", key, type="openai_embeddings")},
        "agents": {"helper": {"model": "openai", "tools": tools,
                              "prompt": 'You help {dispaly_name}. Answer {"in": "JSON"}.'}} | of_agents})
    put = run("secret", "put", "--data", "data", "--user", "alice", "--issuer", "http://x/dev",
              "--service", "mail", folder=tmp_path, input=inbox.tokens["alice"])
    assert put.returncode == 0, put.stderr
    return tmp_path


def write(folder, config: dict) -> None:
    (folder / "behalf.yaml").write_text(yaml.safe_dump(config))


def check(folder, *more):
    done = run("validate", "behalf.yaml", "--online", *more, folder=folder)
    assert KEY not in done.stdout + done.stderr
    return done


def test_all_is_asked_and_what_users_approve_is_told(folder, inbox, own_models):
    (folder / "operator.key").chmod(0o644)
    done = check(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "needs a user's token: --as USER" in done.stdout
    assert "{dispaly_name}" in done.stderr and "{display_name}" in done.stderr
    assert '{"in"' not in done.stderr
    assert "operator.key" in done.stderr and "others" in done.stderr
    for wire in WIRES:
        assert any(line.split()[:2] == [wire, "ok"] for line in done.stdout.splitlines()), done.stdout
    asked = own_models.requests()
    assert asked and all(KEY in str(one["headers"]) for one in asked)
    assert not any("tools" in str(one["body"]) for one in asked)  # those of mail are not known

    (folder / "operator.key").chmod(0o600)
    done = check(folder, "--as", "alice", "--data", "data")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "mail ok 4 tools, as alice of http://x/dev" in lines
    later = "once strangers' words and private data were read"
    condition = 'when its arguments match {"required":["of"]}'
    assert f"mail.whoami called at once, but asked about {condition}; asked about {later}" in lines
    assert {"now called at once", "task called at once", "transfer_to_other called at once"} <= set(lines)
    assert {"words ok makes vectors of 64 numbers", "index ok makes vectors of 64 numbers"} <= set(lines)
    assert "helper ok openai takes its 5 tools" in lines
    [told] = [one["body"]["tools"] for one in own_models.requests() if "tools" in (one["body"] or {})]
    assert {"whoami", "task", "transfer_to_other"} < {tool["name"] for tool in told}
    assert "mail.get_message asked about" in lines
    assert "mail.search_messages not offered" in lines
    assert [line for line in lines if "list_unred" in line] == ["warning: mail has no tool list_unred"]
    assert inbox.tokens["alice"] not in done.stdout + done.stderr and "operator.key" not in done.stderr
    done = check(folder, "--as", "alice", "--data", "dta")
    assert done.returncode == 1 and "no secrets are stored in dta; --data DIR" in done.stdout
    done = check(folder, "--as", "bob", "--data", "data")
    assert done.returncode == 1 and "bob has stored no 'mail'" in done.stdout
    (folder / "data" / "master.key").write_text("0" * 64)
    done = check(folder, "--as", "alice", "--data", "data")
    assert done.returncode == 1 and "its secret store cannot be opened: " in done.stdout


def test_tools_that_a_provider_refuses_are_found(folder, own_models):
    wrong = {"status": 400, "message": "Invalid schema for function 'now'"}
    own_models.script("strict", {"text": "yes"}, wrong)  # without tools it answers
    good = yaml.safe_load((folder / "behalf.yaml").read_text())
    key = good["models"]["openai"]["key"]
    write(folder, {"models": {"strict": model(own_models, "openai", "strict", key)},
                   "agents": {"clock": {"model": "strict", "tools": [{"builtin": ["now"]}]}}})
    done = check(folder)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert line.split()[0] == "clock" and "model_bad_request" in line and "function 'now'" in line


def test_what_is_wrong_is_named(folder, own_models):
    good = yaml.safe_load((folder / "behalf.yaml").read_text())
    own_models.script("locked", {"text": "yes"}, keys=["another"])
    reach = {"type": "openai_chat", **LOCAL}
    gone = f"http://127.0.0.1:{free_port()}"
    good["models"] = {
        "no_model": model(own_models, "anthropic", "retired", good["models"]["openai"]["key"]),
        "no_key": model(own_models, "openai_chat", "echo", "env:NOT_SET"),
        "refused": model(own_models, "openai_chat", "locked", good["models"]["openai"]["key"]),
        "vectors": {"type": "openai_embeddings", "base_url": gone, "model": "m", **LOCAL},
        "gone": {**reach, "base_url": gone, "model": "m"}}
    key = good["models"]["refused"]["key"]
    good["store"] = {"index": {"dims": 7, "embed": {
        "base_url": own_models.url + "/v1", "model": "echo", "key": key, **LOCAL}}}
    for one in good["agents"].values():
        one["model"] = "gone"
    good["services"] = {"mail": {"type": "mcp", "url": gone + "/mcp", **LOCAL}}
    write(folder, good)
    done = check(folder)
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if "FAILED" in line}
    assert set(lines) == {"no_model", "no_key", "refused", "gone", "vectors", "index", "mail"}, done.stdout
    assert "store.index.dims is 7" in lines["index"]
    assert "model_unknown" in lines["no_model"]
    assert "NOT_SET" in lines["no_key"]
    assert "model_refused_key" in lines["refused"]
    assert "mail: its tools are not known here" in done.stdout
