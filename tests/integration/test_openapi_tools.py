"""Operations of an HTTP service as tools, by the OpenAPI document that its framework makes of it."""

import json

import pytest
from parts.agents import LOCAL, Agents, model, neighbours, text_of
from parts.behalf import run
from parts.crm import Crm

READS = ["list_contacts", "get_contact", "get_picture", "get_moved"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`clerk` reads, and asks before it writes; no list names `get_secrets`. Nobody has what
    service `closed` wants."""
    folder = tmp_path_factory.mktemp("openapi")

    def service(crm: Crm, credential: str) -> dict:
        return {"base_url": crm.url, "openapi": f"file:{folder}/crm.json", **LOCAL,
                "credential": {"from": "secrets", "name": credential, "inject": "bearer"}}

    tools = [{"service": "crm", "allow": READS, "ask": ["create_contact", "add_note"]}]
    agents = {"clerk": {"model": "obedient", "tools": tools},
              "stranger": {"model": "obedient", "tools": [{"service": "closed", "allow": ["*"]}]}}
    with neighbours(folder) as (inbox, provider, _):
        crm = Crm(inbox.tokens)
        (folder / "crm.json").write_text(json.dumps(crm.document))
        server = Agents(folder, inbox, {"obedient": model(provider, "openai_chat", "obedient")}, agents,
                        services={"crm": service(crm, "mail"), "closed": service(crm, "nobodys")})
        yield server, provider, crm
        server.server.close()
        crm.stop()


@pytest.fixture
def crm(parts) -> Crm:
    parts[2].forget()
    return parts[2]


def told(messages: list[dict]) -> str:
    """What the model was told of its call."""
    return next(text_of(one) for one in reversed(messages) if one["type"] == "tool")


def test_each_user_calls_with_their_own_token_which_stays_outside(agents, crm):
    for user in ("alice", "bob"):
        chat = agents.chat("clerk", user)
        messages = chat.say('CALL list_contacts {"tag": ["friend"], "limit": 2}')
        assert json.loads(told(messages))[0]["name"] == f"Friend of {user}", chat.errors()
        everything = json.dumps([chat.state(), chat.client.threads.get_history(chat.thread),
                                 [part.data for part in chat.parts]])
        assert not any(token in everything for token in crm.users)
    assert crm.calls == [(user, "GET", "/contacts?tag=friend&limit=2") for user in ("alice", "bob")]


def test_what_changes_things_is_asked_about_first(agents, crm):
    chat = agents.chat("clerk")
    new = {"name": "Ada", "email": "ada@example.com", "tags": ["a", "b"]}
    chat.say(f"CALL create_contact {json.dumps(new)}")
    asked = chat.interrupts()[0]["value"]["action_requests"]
    assert [(one["name"], one["args"]) for one in asked] == [("create_contact", new)]
    assert crm.calls == []
    messages = chat.resume({"decisions": [{"type": "approve"}]})
    assert crm.sent == [new] and crm.calls == [("alice", "POST", "/contacts")]
    assert json.loads(told(messages))["name"] == "Ada"


def test_a_form_and_a_header_arrive(agents, crm):
    chat = agents.chat("clerk")
    chat.say('CALL add_note {"text": "a&text=b \\u00e4", "x-kind": "call"}')
    chat.resume({"decisions": [{"type": "approve"}]})
    assert crm.sent == [{"text": "a&text=b ä", "kind": "call"}], chat.errors()


@pytest.mark.parametrize("order, why", [
    ('get_contact {"contact_id": "7/secrets"}', "part of a path"),
    ('get_contact {"contact_id": "7%2Fsecrets"}', "part of a path"),
    ('get_contact {"contact_id": ".."}', "part of a path"),
    ('get_contact {"contact_id": ""}', "empty"),
    ('get_contact {}', "contact_id"),
    ('list_contacts {"limit": 1000}', "50"),
    ('list_contacts {"authorization": "Bearer x"}', "authorization"),
    ('get_secrets {"contact_id": "7"}', "is not a valid tool"),
    ('forget_contact {"contact_id": "7"}', "is not a valid tool"),
])
def test_what_the_agent_may_not_do_never_leaves(agents, crm, order, why):
    chat = agents.chat("clerk")
    assert why in told(chat.say(f"CALL {order}")), chat.errors()
    assert crm.calls == [] and chat.interrupts() == []


def test_answers_of_every_kind_reach_the_model(agents, crm):
    chat = agents.chat("clerk")
    assert told(chat.say('CALL get_contact {"contact_id": "8"}')) == 'HTTP 404: {"detail":"no such contact"}'
    chat = agents.chat("clerk")
    assert told(chat.say("CALL get_moved {}")) == "HTTP 302: a redirect, which is not followed"
    chat = agents.chat("clerk")
    picture = next(one for one in chat.say("CALL get_picture {}") if one["type"] == "tool")
    assert picture["content"][0]["type"] == "image", picture


def test_a_user_without_a_credential_is_told_so(agents, crm):
    chat = agents.chat("stranger")
    assert told(chat.say("CALL list_contacts {}")) == "Error: the user has not given access to 'closed'."
    assert crm.calls == []


def test_a_token_that_the_service_refuses_is_no_access(agents, crm):
    token = next(token for token, user in crm.users.items() if user == "bob")
    del crm.users[token]
    try:
        chat = agents.chat("clerk", "bob")
        said = told(chat.say("CALL list_contacts {}"))
        assert said.startswith("Error: 'crm' refused access: a credential that is stored may be wrong, ")
        assert crm.calls == [("nobody", "GET", "/contacts")]
    finally:
        crm.users[token] = "bob"


def test_validate_says_what_a_document_is_good_for(agents, tmp_path):
    document = {"openapi": "3.1.0", "servers": [{"url": "/v2"}], "paths": {"/x": {
        "get": {"operationId": "readIt"},
        "post": {"operationId": "upload",
                 "requestBody": {"required": True, "content": {"multipart/form-data": {}}}}}}}
    (tmp_path / "x.json").write_text(json.dumps(document))
    config = {"models": {"m": {"type": "openai", "model": "x"}},
              "services": {"x": {"base_url": "https://x.example", "openapi": "file:x.json"}},
              "agents": {"a": {"model": "m", "tools": [{"service": "x", "allow": ["readIt"]}]}},
              "server": {"listen": "127.0.0.1:0"}}
    (tmp_path / "behalf.yaml").write_text(json.dumps(config))
    good = run("validate", "behalf.yaml", folder=tmp_path)
    assert "services.x.openapi: 1 operation\n" in good.stdout, good.stderr
    assert 'left out: POST "/x": its body is neither JSON nor a plain form' in good.stdout
    assert "its server has the path /v2, which base_url does not have" in good.stdout
    config["agents"]["a"]["tools"][0]["allow"] = ["readit"]
    (tmp_path / "behalf.yaml").write_text(json.dumps(config))
    assert "did you mean 'readIt'?" in run("validate", "behalf.yaml", folder=tmp_path).stderr
