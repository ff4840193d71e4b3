"""The Vault that other tests stand on keeps users apart, as an operator would have it."""

import pytest
from parts.keycloak import Keycloak
from parts.vault import UserStore, Vault


@pytest.fixture
def store(vault: Vault, keycloak: Keycloak) -> UserStore:
    made = vault.user_store(keycloak.issuer, keycloak.jwks_url)
    for user in ("alice", "bob"):
        made.put(keycloak.subject(user), "mail", {"token": f"mail-token-of-{user}"})
    return made


def test_a_user_reads_the_own_secret(store, vault, keycloak):
    token = store.token(keycloak.token("alice"))
    answer = vault.call("GET", store.path(keycloak.subject("alice"), "mail"), token=token)
    assert answer.status_code == 200
    assert answer.json()["data"]["data"] == {"token": "mail-token-of-alice"}


def test_a_user_can_neither_read_nor_list_nor_write_anothers(store, vault, keycloak):
    token = store.token(keycloak.token("alice"))
    foreign = store.path(keycloak.subject("bob"), "mail")
    listing = f"{store.kv}/metadata/users/{keycloak.subject('bob')}"
    assert vault.call("GET", foreign, token=token).status_code == 403
    assert vault.call("POST", foreign, {"data": {"x": "y"}}, token=token).status_code == 403
    assert vault.call("LIST", listing, token=token).status_code == 403
    assert vault.call("LIST", f"{store.kv}/metadata/users", token=token).status_code == 403


def test_writes_compare_and_set(store, vault, keycloak):
    token = store.token(keycloak.token("alice"))
    path = store.path(keycloak.subject("alice"), "mail")
    write = {"options": {"cas": 1}, "data": {"token": "second"}}
    assert vault.call("POST", path, write, token=token).status_code == 200
    assert vault.call("POST", path, write, token=token).status_code == 400


def test_a_token_for_another_audience_does_not_log_in(store, keycloak):
    assert store.login(keycloak.token("alice", client="other-app")).status_code == 400
    assert store.login("not a token").status_code == 400


def test_batch_tokens_isolate_users_too(vault, keycloak):
    store = vault.user_store(keycloak.issuer, keycloak.jwks_url, token_type="batch")
    store.put(keycloak.subject("bob"), "mail", {"token": "b"})
    token = store.token(keycloak.token("bob"))
    own, foreign = keycloak.subject("bob"), keycloak.subject("alice")
    assert vault.call("GET", store.path(own, "mail"), token=token).status_code == 200
    assert vault.call("GET", store.path(foreign, "mail"), token=token).status_code == 403


def test_an_app_role_reads_every_user_of_its_mount(store, vault, keycloak):
    role = vault.app_role(store.kv)
    login = {"role_id": role.role_id, "secret_id": role.secret_id}
    answer = vault.call("POST", f"auth/{role.mount}/login", login, token="").json()
    token = answer["auth"]["client_token"]
    for user in ("alice", "bob"):
        path = store.path(keycloak.subject(user), "mail")
        assert vault.call("GET", path, token=token).status_code == 200
    assert vault.call("GET", "sys/mounts", token=token).status_code == 403


def test_a_sealed_vault_answers_503_until_it_is_unsealed(own_vault):
    own_vault.seal()
    assert own_vault.call("GET", "sys/mounts").status_code == 503
    own_vault.unseal()
    assert own_vault.call("GET", "sys/mounts").status_code == 200
