"""Who may come in: bad tokens of every kind, several providers at once, handlers, tenants."""

import base64
import concurrent.futures
import hashlib
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from parts.frames import told_by
from parts.introspector import Introspector
from parts.plugins import plugin
from parts.stacks import OWNER, base, start


def oidc(keycloak, **more) -> dict:
    return {"type": "oidc", "issuer": keycloak.issuer, "audience": "behalf", "allow_generic_jwt_typ": True,
            "permissions_claim": "permissions", **more}


def forged(token: str, keycloak):
    """Variations on a good token, none of which may be accepted."""
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own_ec = ec.generate_private_key(ec.SECP256R1())

    def part(value) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    yield "unsigned", f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}."
    yield "unsigned, other case", f"{part({'alg': 'nOnE', 'typ': 'JWT'})}.{payload}."
    yield "own key, their kid", jwt.encode(claims, own, "RS256", headers={"kid": kid})
    yield "own EC key", jwt.encode(claims, own_ec, "ES256", headers={"kid": kid})
    yield "HMAC of a guess", jwt.encode(claims, "secret" * 8, "HS256", headers={"kid": kid})
    yield "no signature", f"{header}.{payload}."
    yield "cut signature", f"{header}.{payload}.{signature[:-8]}"
    yield "padded", f"{token}=="
    yield "changed claims", f"{header}.{part(claims | {'sub': 'admin'})}.{signature}"
    yield "kid is a path", jwt.encode(claims, own, "RS256", headers={"kid": "../../etc/passwd"})
    yield "embedded key", jwt.encode(claims, own, "RS256", headers={"kid": kid, "jku": "http://x/"})
    yield "four parts", token + ".x"
    yield "expired", jwt.encode(claims | {"exp": 1}, own, "RS256", headers={"kid": kid})
    yield "huge", token + "A" * 20_000
    for place in range(0, len(signature) - 1, 40):
        bad = "A" if signature[place] != "A" else "B"
        yield f"bit {place}", f"{header}.{payload}.{signature[:place]}{bad}{signature[place + 1:]}"


def test_no_forged_token_is_accepted(behalf, keycloak):
    server = behalf({"identity": [oidc(keycloak)], "authorization": OWNER,
                     "graphs": {"hello": "builtin:hello"}})
    good = keycloak.token("alice")
    assert server.call("POST", "/threads", good, json={}).status_code == 200
    for name, token in forged(good, keycloak):
        answer = server.call("POST", "/threads", token, json={})
        assert answer.status_code == 401, f"{name}: {answer.status_code}"
        assert "WWW-Authenticate" in answer.headers, name
        assert token not in answer.text
    foreign = keycloak.token("alice", client="other-app")
    answer = server.call("POST", "/threads", foreign, json={})
    assert answer.status_code == 401
    assert server.call("POST", "/threads", good, json={}).status_code == 200


def test_rotated_keys_are_fetched_once_more(behalf, keycloak):
    server = behalf({"identity": [oidc(keycloak)], "authorization": OWNER,
                     "graphs": {"hello": "builtin:hello"}})
    assert server.call("POST", "/threads", keycloak.token("alice"), json={}).status_code == 200
    keycloak.rotate_keys()
    assert server.call("POST", "/threads", keycloak.token("alice"), json={}).status_code == 200


def test_an_unreachable_provider_is_503_and_others_still_serve(behalf, keycloak, mirror):
    dead = "http://127.0.0.1:9"
    digest = hashlib.sha256(b"a-program-key").hexdigest()
    server = behalf({
        "identity": [{"type": "oidc", "issuer": dead, "audience": "behalf", "tenant": "other"},
                     {"type": "api_key", "keys": [{"sha256": digest, "subject": "robot"}]}],
        "authorization": OWNER, "graphs": {"hello": "builtin:hello"}})
    key = ec.generate_private_key(ec.SECP256R1())
    claims = {"iss": dead, "sub": "x", "aud": "behalf", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, key, "ES256", headers={"typ": "at+jwt", "kid": "1"})
    answer = server.call("POST", "/threads", token, json={})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    ok = server.call("POST", "/threads", json={}, headers={"X-Api-Key": "a-program-key"})
    assert ok.json()["metadata"]["owner"] == "robot"
    bad = server.call("POST", "/threads", json={}, headers={"X-Api-Key": "another"})
    assert bad.status_code == 401


def test_introspection_refuses_who_logged_out(behalf, keycloak, tmp_path):
    (tmp_path / "client").write_text(keycloak.introspection_secret)
    (tmp_path / "client").chmod(0o600)
    server = behalf({
        "identity": [{"type": "introspection", "issuer": keycloak.issuer,
                      "client_id": keycloak.introspection_client,
                      "client_secret": f"file:{tmp_path}/client",
                      "permissions_claim": "permissions"}],
        "authorization": OWNER, "graphs": {"hello": "builtin:hello"}})
    token = keycloak.token("bob")
    assert server.call("POST", "/threads", token, json={}).status_code == 200
    assert server.call("POST", "/threads", "no-token-at-all", json={}).status_code == 401
    fresh = keycloak.token("bob")
    keycloak.log_out("bob")
    assert server.call("POST", "/threads", fresh, json={}).status_code == 401


@pytest.fixture
def introspectors():
    """Two, and a way to take one down."""
    both = Introspector(), Introspector()
    yield both
    for one in both:
        one.stop()


def test_opaque_tokens_are_asked_after_until_one_provider_knows_them(
        behalf, introspectors, tmp_path):
    first, second = introspectors
    (tmp_path / "client").write_text(Introspector.SECRET)
    (tmp_path / "client").chmod(0o600)
    server = behalf({
        "identity": [first.provider(tmp_path / "client"),
                     second.provider(tmp_path / "client", identity_prefix="second:"),
                     {"type": "api_key",
                      "keys": [{"sha256": "0" * 64, "subject": "x", "tenant": "programs"}]}],
        "authorization": OWNER, "graphs": {"hello": "builtin:hello"}})
    first.tokens["of-first"], second.tokens["of-second"] = {"sub": "alice"}, {"sub": "alice"}
    second.tokens["evil"] = {"sub": "alice", "iss": first.url}

    def owner(token: str) -> str:
        made = server.call("POST", "/threads", token, json={})
        assert made.status_code == 200, made.text
        return made.json()["metadata"]["owner"]

    assert (owner("of-first"), owner("of-second")) == ("alice", "second:alice")
    assert first.asked == ["of-first", "of-second"] and second.asked == ["of-second"]
    assert owner("of-second") == "second:alice"
    assert second.asked == ["of-second"]  # cached
    for bad in ("nobody's", "evil"):
        assert server.call("POST", "/threads", bad, json={}).status_code == 401
        assert bad in first.asked and bad in second.asked
    first.stop()
    second.tokens["new"] = {"sub": "bob"}
    assert owner("new") == "second:bob"
    unknown = server.call("POST", "/threads", "nobody knows", json={})
    assert unknown.status_code == 503 and "Retry-After" in unknown.headers
    assert first.url in unknown.text and second.url not in unknown.text


def test_no_user_can_take_another_providers_prefix(behalf, introspectors, tmp_path):
    first, second = introspectors
    (tmp_path / "client").write_text(Introspector.SECRET)
    (tmp_path / "client").chmod(0o600)
    server = behalf({
        "identity": [first.provider(tmp_path / "client"),
                     second.provider(tmp_path / "client", identity_prefix="second:")],
        "authorization": OWNER, "graphs": {"hello": "builtin:hello"}})
    first.tokens["t"] = {"sub": "second:alice"}
    assert server.call("POST", "/threads", "t", json={}).status_code == 401


def test_permissions_and_tenants_come_from_claims(behalf, keycloak):
    rules = OWNER | {"threads.create": {"require": ["threads:write"], "then": "owner"}}
    server = behalf({"identity": [oidc(keycloak, tenant_claim="tenant")], "authorization": rules,
                     "graphs": {"hello": "builtin:hello"}})
    alice, carol, mallory = (keycloak.token(u) for u in ("alice", "carol", "mallory"))
    thread = server.call("POST", "/threads", alice, json={}).json()["thread_id"]
    refused = server.call("POST", "/threads", carol, json={})
    assert refused.status_code == 403
    assert "threads:write" in refused.json()["detail"]
    for stranger in (carol, mallory):
        assert server.call("GET", f"/threads/{thread}", stranger).status_code == 404
    assert server.call("POST", "/threads/search", mallory, json={}).json() == []


def test_a_custom_handler_decides_and_its_secret_stays_sealed(behalf, inbox, tmp_path):
    credential = {"from": "principal", "name": "mail", "inject": "bearer"}
    local = {"allow_private": True, "allow_http": True}
    server = behalf({
        "log": {"level": "debug"},
        "services": {"directory": {"type": "http", "base_url": inbox.url,
                                   "credential": {"from": "none"}, **local},
                     "mail-api": {"type": "http", "base_url": inbox.url,
                                  "credential": credential, **local}},
        "graphs": {"probe": plugin("probe") + ":probe",
                   "hello": "builtin:hello"},
        "plugins": [plugin("gate")]})
    token = inbox.tokens["alice"]
    where = {"X-Directory": f"{inbox.url}/api/whoami"}
    refused = server.call("POST", "/threads", json={})
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Gate"
    assert server.call("POST", "/threads", "banned", json={}).status_code == 403
    assert server.call("POST", "/threads", "wrong", json={}, headers=where).status_code == 401
    made = server.call("POST", "/threads", token, json={}, headers=where).json()
    assert made["metadata"]["owner"] == "alice"
    body = {"assistant_id": "probe",
            "input": {"do": {"op": "http", "service": "mail-api", "path": "/api/whoami"}}}
    values = server.call("POST", "/runs/wait", token, json=body, headers=where).json()
    assert values["result"]["body"]["user"] == "alice"
    shown = server.call("POST", "/runs/wait", token, headers=where,
                        json={"assistant_id": "probe", "input": {"do": {"op": "config"}}})
    user = shown.json()["result"]["configurable"]["langgraph_auth_user"]
    assert user["via"] == "gate" and user["mail"] == {"$sealed": "mail"}
    assert token not in shown.text
    gone = server.call("DELETE", f"/threads/{made['thread_id']}", token, headers=where)
    assert gone.status_code == 403
    for file in server.folder.iterdir():
        if file.is_file():
            assert token.encode() not in told_by(file), file


def test_64_users_never_meet_anothers_token(behalf, inbox, tmp_path, request):
    """Random interleavings of many users' runs; the upstream knows whose token each call had."""
    users = [f"user{n}" for n in range(64)]
    stack = start(behalf, tmp_path, "dev", "embedded", base(inbox), users, request)
    for user in users:
        stack.store(user, "mail", inbox.add_user(user))
    tokens = {user: stack.login(user) for user in users}
    do = {"op": "http", "service": "mail-api", "path": "/api/whoami"}
    mcp = {"op": "mcp", "service": "mail", "tool": "whoami"}

    def once(n: int) -> tuple[str, str]:
        user = users[n * 37 % 64]
        call = mcp if n % 5 == 0 else do
        body = {"assistant_id": "probe", "input": {"do": call}}
        answer = stack.server.call("POST", "/runs/wait", tokens[user], json=body).json()
        assert "result" in answer, answer
        seen = answer["result"]["body"]
        return user, seen["user"] if "user" in seen else seen["structuredContent"]["user"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(once, range(640)))
    assert all(user == seen for user, seen in outcomes)
    assert {user for user, _ in outcomes} == set(users)


@pytest.mark.parametrize("limit, path", [("requests_per_second", "/threads")])
def test_a_users_limit_is_429_with_retry_after(limit, path, behalf, tmp_path):
    digest = {n: hashlib.sha256(n.encode()).hexdigest() for n in ("k1", "k2")}
    server = behalf({
        "identity": [{"type": "api_key",
                      "keys": [{"sha256": d, "subject": n} for n, d in digest.items()]}],
        "authorization": OWNER, "limits": {"user": {limit: 2, "burst": 3}},
        "graphs": {"hello": "builtin:hello"}})
    answers = [server.call("POST", path, json={}, headers={"X-Api-Key": "k1"}) for _ in range(8)]
    refused = [a for a in answers if a.status_code == 429]
    assert refused and int(refused[0].headers["Retry-After"]) >= 1
    assert server.call("POST", path, json={}, headers={"X-Api-Key": "k2"}).status_code == 200
